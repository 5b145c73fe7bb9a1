//! [`PathWatcher`]: detects, by inotify, that the database file was moved, replaced or deleted.
//!
//! Looking at the path costs a microsecond a call, a third of a whole get: the kernel walks all of it.
//! The kernel can instead report when the file or a directory on the way is moved or removed. It does
//! so before the call that did it returns, and to ask whether it reported anything costs a fifth of a look.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use cache_fs::FileId;

/// What the kernel does not report, such as a file system mounted over a directory of the path,
/// a look finds, this often.
const LOOK_EVERY_NS: u64 = 100_000_000;

/// The kernel's reports on one path, for all connections of a handle: many systems allow a user 128 of them, which
/// other programs need too.
#[derive(Debug, Default)]
pub(crate) struct PathWatcher(Mutex<Weak<Inotify>>);

impl PathWatcher {
    /// Watches the file that was opened at `path`. The first call looks, and so finds what changed before
    /// the kernel was asked.
    pub(crate) fn watch(&self, path: &Path, file: FileId) -> WatchedFile {
        WatchedFile { file, inotify: self.inotify(path), looked_ns: 0 }
    }

    /// Returns reports on `path` that have been quiet so far.
    fn inotify(&self, path: &Path) -> Option<Arc<Inotify>> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(quiet) = shared.upgrade().filter(|inotify| inotify.is_quiet()) {
            return Some(quiet);
        }
        let asked = Arc::new(Inotify::of(path)?);
        *shared = Arc::downgrade(&asked);
        Some(asked)
    }
}

/// The file that a connection has open.
#[derive(Debug)]
pub(crate) struct WatchedFile {
    file: FileId,
    /// `None` if the kernel cannot be asked: each call looks.
    inotify: Option<Arc<Inotify>>,
    looked_ns: u64,
}

impl WatchedFile {
    /// Whether `path` still leads to the file.
    pub(crate) fn is_current(&mut self, path: &Path, watcher: &PathWatcher) -> bool {
        let is_quiet = self.is_quiet();
        if is_quiet && coarse_ns().saturating_sub(self.looked_ns) < LOOK_EVERY_NS {
            return true;
        }
        if self.inotify.is_some() && !is_quiet {
            self.inotify = watcher.inotify(path);
        }
        self.looked_ns = coarse_ns();
        FileId::at(path) == Some(self.file)
    }

    /// Whether `path` certainly no longer leads to the file. Returns false if that cannot be told: a value must
    /// not be written twice.
    pub(crate) fn has_gone(&self, path: &Path) -> bool {
        if self.is_quiet() {
            return false;
        }
        match path.symlink_metadata() {
            Ok(_) => FileId::at(path).is_some_and(|found| found != self.file),
            Err(e) => matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        }
    }

    fn is_quiet(&self) -> bool {
        self.inotify.as_ref().is_some_and(|inotify| inotify.is_quiet())
    }
}

fn coarse_ns() -> u64 {
    cache_core::Clock::system().coarse_ns()
}

#[cfg(target_os = "linux")]
use linux::Inotify;

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::OwnedFd;
    use std::path::Path;

    use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};

    /// The file systems that only this machine changes: ext4, XFS, Btrfs, F2FS and tmpfs. The kernel does not
    /// report another machine's changes.
    const LOCAL: [i128; 5] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x0102_1994];

    #[derive(Debug)]
    pub(super) struct Inotify(OwnedFd);

    impl Inotify {
        /// Returns `None` if a symbolic link is on the way, a directory that may not be read, a file
        /// system of other machines, or where the system has no more of these.
        pub(super) fn of(path: &Path) -> Option<Self> {
            let descriptor = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok()?;
            let gone = WatchFlags::MOVE_SELF | WatchFlags::DELETE_SELF | WatchFlags::DONT_FOLLOW;
            // A file that is open and loses its name has changed its attributes.
            add_watch(&descriptor, path, gone | WatchFlags::ATTRIB).ok()?;
            for directory in path.ancestors().skip(1) {
                let kind = rustix::fs::statfs(directory).ok()?.f_type;
                if !LOCAL.contains(&i128::from(kind)) {
                    return None;
                }
                add_watch(&descriptor, directory, gone | WatchFlags::ONLYDIR).ok()?;
            }
            (path.canonicalize().ok()? == path).then_some(Self(descriptor))
        }

        /// Whether the kernel has reported nothing so far.
        pub(super) fn is_quiet(&self) -> bool {
            rustix::io::ioctl_fionread(&self.0) == Ok(0)
        }
    }
}

#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
struct Inotify;

#[cfg(not(target_os = "linux"))]
impl Inotify {
    const fn of(_path: &Path) -> Option<Self> {
        None
    }

    const fn is_quiet(&self) -> bool {
        false
    }
}
