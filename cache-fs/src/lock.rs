//! [`LockFile`]: `flock` between threads and processes, with a limit to the wait.

use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};

use cache_core::Error;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// The first and the longest wait.
const SHORTEST: Duration = Duration::from_micros(20);
const LONGEST: Duration = Duration::from_millis(1);

/// How often to yield the processor before sleeping.
const YIELDS: u32 = 8;

/// A file or directory that was opened for one call, and can be locked.
///
/// A lock belongs to the open file description, so threads exclude each other as processes do. A killed process
/// holds none. Dropping this value unlocks explicitly: a process that was forked in between has the descriptor
/// too, and would otherwise hold the lock until it ends.
#[derive(Debug)]
pub struct LockFile {
    fd: OwnedFd,
    is_held: Cell<bool>,
}

impl LockFile {
    /// Takes a file that is not locked yet. Nobody else has this open file description.
    #[must_use]
    pub const fn new(fd: OwnedFd) -> Self {
        Self { fd, is_held: Cell::new(false) }
    }

    /// Returns what was opened.
    #[must_use]
    pub const fn descriptor(&self) -> &OwnedFd {
        &self.fd
    }

    /// Locks it against everybody, until it is dropped or unlocked. Does nothing if it is locked already.
    ///
    /// Polls instead of waiting in the kernel: a stopped process that holds the lock must not stop this one
    /// for ever.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](cache_core::ErrorKind::Unavailable) after the time;
    /// [`ErrorKind::Storage`](cache_core::ErrorKind::Storage) if the file system has no locks. Both name `path`.
    pub fn lock(&self, path: &Path, timeout: Duration) -> Result<(), Error> {
        self.wait(FlockOperation::NonBlockingLockExclusive, path, timeout)
    }

    /// Locks it as a reader, which excludes only writers.
    ///
    /// # Errors
    /// As [`LockFile::lock`].
    pub fn lock_shared(&self, path: &Path, timeout: Duration) -> Result<(), Error> {
        self.wait(FlockOperation::NonBlockingLockShared, path, timeout)
    }

    /// Locks it if nobody holds it. Returns whether it did.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](cache_core::ErrorKind::Storage) if the file system has no locks.
    pub fn try_lock(&self, path: &Path) -> Result<bool, Error> {
        self.attempt(FlockOperation::NonBlockingLockExclusive).map_err(|errno| cannot_lock(path, errno))
    }

    /// Unlocks it.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](cache_core::ErrorKind::Storage), which does not happen if it was locked.
    pub fn unlock(&self, path: &Path) -> Result<(), Error> {
        self.is_held.set(false);
        flock(&self.fd, FlockOperation::Unlock).map_err(|errno| cannot_lock(path, errno))
    }

    fn wait(&self, operation: FlockOperation, path: &Path, timeout: Duration) -> Result<(), Error> {
        let mut since = None;
        let mut pause = SHORTEST;
        for round in 0_u32.. {
            if self.attempt(operation).map_err(|errno| cannot_lock(path, errno))? {
                return Ok(());
            }
            if since.get_or_insert_with(Instant::now).elapsed() >= timeout {
                break;
            }
            if round < YIELDS {
                std::thread::yield_now();
            } else {
                std::thread::sleep(pause);
                pause = (pause * 2).min(LONGEST);
            }
        }
        Err(Error::unavailable(format!(
            "another writer has held the lock on {} for {timeout:?}: look for a stopped process, or set \
             a longer lock_timeout",
            path.display()
        )))
    }

    fn attempt(&self, operation: FlockOperation) -> Result<bool, Errno> {
        match flock(&self.fd, operation) {
            Ok(()) => {
                self.is_held.set(true);
                Ok(true)
            }
            Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(false),
            Err(errno) => Err(errno),
        }
    }
}

impl AsFd for LockFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        if self.is_held.get() {
            let _ = flock(&self.fd, FlockOperation::Unlock);
        }
    }
}

fn cannot_lock(path: &Path, errno: Errno) -> Error {
    let shown = path.display();
    let what = match errno {
        Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL => format!(
            "the file system of {shown} has no locks (flock), which keep the users of a cache apart: put the cache \
             on a local disk, or mount this file system with locks"
        ),
        _ => format!("the cache cannot lock {shown}"),
    };
    Error::storage(what).with_source(errno)
}
