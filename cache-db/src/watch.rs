//! [`Watch`]: the kernel's word that a path still leads to the same file.
//!
//! Looking at the path costs a microsecond a call, a third of a whole get: the kernel walks all of it.
//! It can instead be asked to say when the file or a directory on the way is moved or removed. It says
//! so before the call that did it returns, and that nothing was said costs a fifth of a look.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use cache_fs::FileId;

/// Whatever the kernel does not tell of, such as a file system mounted over a directory of the path,
/// is found by a look every so often.
const LOOK_EVERY_NS: u64 = 100_000_000;

/// What the kernel says of one path, for all connections of a handle: a user has 128 such places at
/// most, on many systems, and other programs need some too.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<Weak<Notices>>);

impl Board {
    /// Notices of `path` that have said nothing so far.
    fn notices(&self, path: &Path) -> Option<Arc<Notices>> {
        let mut notices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(quiet) = notices.upgrade().filter(|notices| notices.are_none()) {
            return Some(quiet);
        }
        let asked = Arc::new(Notices::of(path)?);
        *notices = Arc::downgrade(&asked);
        Some(asked)
    }
}

/// Says whether a path leads to the file that it led to.
#[derive(Debug)]
pub(crate) struct Watch {
    file: FileId,
    /// `None` where the kernel cannot be asked: each call looks.
    notices: Option<Arc<Notices>>,
    looked_ns: u64,
}

impl Watch {
    /// For the file that was opened at `path`. The first call looks, and so finds what changed before
    /// the kernel was asked.
    pub(crate) fn new(path: &Path, file: FileId, board: &Board) -> Self {
        Self { file, notices: board.notices(path), looked_ns: 0 }
    }

    /// Whether `path` still leads to the file.
    pub(crate) fn is_there(&mut self, path: &Path, board: &Board) -> bool {
        let is_quiet = self.notices.as_ref().is_some_and(|notices| notices.are_none());
        if is_quiet && coarse_ns().saturating_sub(self.looked_ns) < LOOK_EVERY_NS {
            return true;
        }
        if self.notices.is_some() && !is_quiet {
            self.notices = board.notices(path);
        }
        self.looked_ns = coarse_ns();
        FileId::at(path) == Some(self.file)
    }

    /// Whether `path` surely leads to the file no more. Where that cannot be told it is still there: what was
    /// written must not be written twice.
    pub(crate) fn has_gone(&self, path: &Path) -> bool {
        if self.notices.as_ref().is_some_and(|notices| notices.are_none()) {
            return false;
        }
        match path.symlink_metadata() {
            Ok(_) => FileId::at(path).is_some_and(|there| there != self.file),
            Err(e) => matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        }
    }
}

fn coarse_ns() -> u64 {
    cache_core::Clock::system().coarse_ns()
}

#[cfg(target_os = "linux")]
use linux::Notices;

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::OwnedFd;
    use std::path::Path;

    use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};

    /// The file systems that only this machine changes: ext4, XFS, Btrfs, F2FS and tmpfs. Of another
    /// machine's changes the kernel says nothing.
    const LOCAL: [i128; 5] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x0102_1994];

    #[derive(Debug)]
    pub(super) struct Notices(OwnedFd);

    impl Notices {
        /// `None` where there is a symbolic link on the way, a directory that may not be read, a file
        /// system of others, or no more of these to be had.
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

        /// Whether nothing was said so far.
        pub(super) fn are_none(&self) -> bool {
            rustix::io::ioctl_fionread(&self.0) == Ok(0)
        }
    }
}

#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
struct Notices;

#[cfg(not(target_os = "linux"))]
impl Notices {
    const fn of(_path: &Path) -> Option<Self> {
        None
    }

    const fn are_none(&self) -> bool {
        false
    }
}
