//! [`Directory`]: a directory that was checked and is held open.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use cache_core::{Clock, Error};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Access, AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::{Errno, retry_on_intr};

use crate::create::{self, Owner};
use crate::rule::{Rule, Trusted};
use crate::walk::{self, Way, cannot};

/// How often to check again if the path changes meanwhile.
const ATTEMPTS: u32 = 20;

/// How often to check whether a directory is still in its place.
const LOOK_EVERY_NS: u64 = 100_000_000;

/// Working below a directory does not need the right to list it.
#[cfg(any(target_os = "linux", target_os = "android"))]
const HELD: OFlags = OFlags::PATH;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const HELD: OFlags = OFlags::RDONLY;

/// Identifies a file or directory, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// Identifies what is at `path`, without following a symbolic link there. Returns `None` if nothing can be
    /// seen.
    #[must_use]
    pub fn at(path: &Path) -> Option<Self> {
        rustix::fs::lstat(path).ok().map(|stat| Self::of(&stat))
    }

    #[allow(clippy::unnecessary_cast, clippy::cast_sign_loss, reason = "the types differ by system")]
    fn of(stat: &Stat) -> Self {
        Self { device: stat.st_dev as u64, inode: stat.st_ino as u64 }
    }
}

/// A directory that satisfies a [`Rule`], held open. Work below it stays safe if another process exchanges its
/// path later.
#[derive(Debug)]
pub struct Directory {
    named: PathBuf,
    path: PathBuf,
    fd: OwnedFd,
    stat: Stat,
    trusted: Trusted,
    looked_ns: AtomicU64,
}

impl Directory {
    /// Opens the directory at an absolute path, by the rule. Returns `None` if it does not exist. With
    /// `create` it is created, its parents included, all with mode 0700.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheBackend`](cache_core::ErrorKind::InvalidCacheBackend) if the rule is broken, naming
    /// the file or directory and the remedy; [`ErrorKind::Storage`](cache_core::ErrorKind::Storage) if it cannot be
    /// examined or created.
    pub fn open(named: &Path, rule: Rule, create: bool) -> Result<Option<Self>, Error> {
        let mut last = Errno::NOENT;
        for _ in 0..ATTEMPTS {
            let way = walk::walk(named)?;
            let Some(end) = way.end() else { break };
            let trusted = Trusted::of(rule, end);
            trusted.judge(&way)?;
            if !way.missing.is_empty() {
                if !create {
                    return Ok(None);
                }
                match make_missing(&way) {
                    // Judge the new directories like existing ones.
                    Ok(()) => continue,
                    Err(Errno::NOENT) => continue,
                    Err(errno) => return Err(cannot_make(&way, errno)),
                }
            }
            let flags = HELD | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let opened = retry_on_intr(|| rustix::fs::open(&end.path, flags, Mode::empty()));
            match opened.and_then(|fd| Ok((rustix::fs::fstat(&fd)?, fd))) {
                Ok((stat, fd)) if FileId::of(&stat) == FileId::of(&end.stat) => {
                    let (named, path) = (named.to_owned(), end.path.clone());
                    let looked_ns = AtomicU64::new(Clock::system().coarse_ns());
                    return Ok(Some(Self { named, path, fd, stat, trusted, looked_ns }));
                }
                // Exchanged since it was judged.
                Ok(_) => {}
                Err(errno @ (Errno::NOENT | Errno::NOTDIR | Errno::LOOP)) => last = errno,
                Err(errno) => return Err(cannot("open the directory", &end.path, errno)),
            }
        }
        Err(Error::storage(format!(
            "{} changed {ATTEMPTS} times while it was checked: name another path, or find out what \
             changes it",
            named.display()
        ))
        .with_source(last))
    }

    /// Returns its path without symbolic links.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns who is to own what is created in it.
    #[must_use]
    pub fn heir(&self) -> Option<Owner> {
        Owner::of(&self.stat)
    }

    /// Returns whether the path that it was named by still leads to it, with the same rights. Checks once in 100
    /// ms; in between the answer is yes.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        let now = Clock::system().coarse_ns();
        if now.saturating_sub(self.looked_ns.load(Ordering::Relaxed)) < LOOK_EVERY_NS {
            return true;
        }
        self.looked_ns.store(now, Ordering::Relaxed);
        let there = if self.trusted.may_be_link() {
            rustix::fs::stat(&self.named)
        } else {
            rustix::fs::lstat(&self.named)
        };
        let what = |stat: &Stat| (FileId::of(stat), stat.st_uid, stat.st_mode);
        there.is_ok_and(|there| what(&there) == what(&self.stat))
    }

    /// Returns whether it was removed: then nothing can be found or created in it.
    #[must_use]
    pub fn is_removed(&self) -> bool {
        rustix::fs::fstat(&self.fd).is_ok_and(|stat| stat.st_nlink == 0)
    }

    /// Judges the file of this name in it. Returns `None` if it does not exist.
    ///
    /// # Errors
    /// As [`Directory::open`]; [`ErrorKind::Storage`](cache_core::ErrorKind::Storage) if it is not a regular file.
    pub fn file(&self, name: &OsStr) -> Result<Option<FileId>, Error> {
        let path = self.path.join(name);
        let stat = match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(cannot("look at", &path, errno)),
        };
        let what = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                self.trusted.judge_file(&path, &stat, &self.stat)?;
                return Ok(Some(FileId::of(&stat)));
            }
            FileType::Symlink => "a symbolic link",
            FileType::Directory => "a directory",
            _ => "not a regular file",
        };
        Err(Error::storage(format!(
            "{} is {what} and was not opened; move it away, or give the path of a file",
            path.display()
        )))
    }

    /// Makes the file of this name with mode 0600, open for reading and writing. Returns `None` if the name is
    /// taken.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](cache_core::ErrorKind::Storage) if it cannot be made.
    pub fn create_file(&self, name: &OsStr) -> Result<Option<OwnedFd>, Error> {
        match create::create_file(&self.fd, name, self.heir()) {
            Ok(file) => Ok(Some(file)),
            Err(Errno::EXIST) => Ok(None),
            Err(errno) => Err(cannot("make", &self.path.join(name), errno)),
        }
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Checks whether a missing directory could be created, as far as the rights tell. Creates nothing.
///
/// # Errors
/// [`ErrorKind::Storage`](cache_core::ErrorKind::Storage), naming the path and the remedy.
pub fn can_be_made(named: &Path) -> Result<(), Error> {
    let way = walk::walk(named)?;
    let Some(end) = way.end().filter(|_| !way.missing.is_empty()) else { return Ok(()) };
    let may = Access::WRITE_OK | Access::EXEC_OK;
    rustix::fs::accessat(rustix::fs::CWD, &end.path, may, AtFlags::EACCESS)
        .map_err(|errno| cannot_make(&way, errno))
}

fn make_missing(way: &Way) -> Result<(), Errno> {
    let Some(end) = way.end() else { return Ok(()) };
    let flags = OFlags::DIRECTORY | HELD | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut dir = retry_on_intr(|| rustix::fs::open(&end.path, flags, Mode::empty()))?;
    let mut stat = rustix::fs::fstat(&dir)?;
    if FileId::of(&stat) != FileId::of(&end.stat) {
        return Err(Errno::NOENT);
    }
    for name in &way.missing {
        dir = create::make_dir(&dir, name, Owner::of(&stat))?;
        stat = rustix::fs::fstat(&dir)?;
    }
    Ok(())
}

fn cannot_make(way: &Way, errno: Errno) -> Error {
    let there = way.end().map_or(Path::new("/"), |end| &end.path);
    let wanted = way.missing.iter().fold(there.to_owned(), |path, name| path.join(name));
    Error::storage(format!(
        "the directory {} does not exist and cannot be created in {}: give this user the right to write there, create it and give it to this user, or name another path",
        wanted.display(),
        there.display()
    ))
    .with_source(errno)
}
