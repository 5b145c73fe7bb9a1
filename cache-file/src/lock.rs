//! Locks between threads and processes: `flock` on a file or directory opened for this one call.
//!
//! A lock belongs to the open file description, so threads exclude each other as processes do,
//! and it ends with the last descriptor: a killed process holds none. There are no lock files.

use std::path::Path;
use std::time::{Duration, Instant};

use cache_core::Error;
use rustix::fd::OwnedFd;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::fs::{Fault, fault};

/// Waits are this long at first and at the most.
const SHORTEST: Duration = Duration::from_micros(20);
const LONGEST: Duration = Duration::from_millis(1);

/// How often to give the processor away before sleeping.
const YIELDS: u32 = 8;

/// So many entries of a batch are changed under one lock before others get a chance.
pub(crate) const AT_ONCE: usize = 64;

/// Locks `fd`, which nobody else shares, until it is closed or [`unlock`]ed.
///
/// Asks again and again rather than wait in the kernel: a stopped process that holds the lock
/// must not stop this one for ever.
pub(crate) fn lock(fd: &OwnedFd, path: &Path, timeout: Duration) -> Result<(), Fault> {
    wait(fd, FlockOperation::NonBlockingLockExclusive, path, timeout)
}

/// Locks `fd` as a reader, who excludes writers alone.
#[cfg(feature = "django")]
pub(crate) fn lock_shared(fd: &OwnedFd, path: &Path, timeout: Duration) -> Result<(), Fault> {
    wait(fd, FlockOperation::NonBlockingLockShared, path, timeout)
}

fn wait(fd: &OwnedFd, operation: FlockOperation, path: &Path, timeout: Duration) -> Result<(), Fault> {
    let mut since = None;
    let mut pause = SHORTEST;
    for round in 0_u32.. {
        if attempt(fd, operation).map_err(|e| fault(e, "lock", path))? {
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
    ))
    .into())
}

/// Locks `fd` if nobody holds it.
pub(crate) fn try_lock(fd: &OwnedFd) -> Result<bool, Errno> {
    attempt(fd, FlockOperation::NonBlockingLockExclusive)
}

fn attempt(fd: &OwnedFd, operation: FlockOperation) -> Result<bool, Errno> {
    match flock(fd, operation) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Lets others in while `fd` stays open.
pub(crate) fn unlock(fd: &OwnedFd, path: &Path) -> Result<(), Fault> {
    flock(fd, FlockOperation::Unlock).map_err(|e| fault(e, "unlock", path))
}
