//! [`EntryDir`]: a directory of entries, opened for one call, with its lock.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use cache_core::Error;
use cache_fs::{Directory, LockFile, create_file};
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;

use crate::error::FsError;
use crate::fs;
use crate::paths::Role;

/// The file whose lock stands for the root's if entries lie in the root: others may be allowed to read that
/// directory, and so to lock it. Its name begins with a dot and lacks Django's suffix, so neither layout takes it
/// for an entry.
const LOCK: &str = ".cache-file-lock";

/// This many entries of a batch are changed under one lock before others get a chance.
pub(crate) const AT_ONCE: usize = 64;

/// How often to open the lock's file again when it vanishes in between.
const ATTEMPTS: u32 = 100;

/// A directory of entries, for one call: so its lock excludes every other call.
#[derive(Debug)]
pub(crate) struct EntryDir<'a> {
    root: &'a Directory,
    entries: Entries,
    timeout: Duration,
}

/// Where the entries of a [`EntryDir`] are, and what is locked to change them.
#[derive(Debug)]
enum Entries {
    /// In a directory of this name below the root, which nobody else can open and which is its own lock.
    Shard(String, LockFile),
    /// In the root itself, with a file for the lock while it is held: Django's layout.
    #[cfg_attr(not(any(feature = "django", test)), allow(dead_code))]
    Root(RefCell<Option<LockFile>>),
}

/// The names of what is ours in a directory.
pub(crate) struct Listing {
    pub(crate) entries: Vec<String>,
    pub(crate) temporary: Vec<String>,
}

impl<'a> EntryDir<'a> {
    pub(crate) const fn shard(root: &'a Directory, name: String, fd: OwnedFd, timeout: Duration) -> Self {
        Self { root, entries: Entries::Shard(name, LockFile::new(fd)), timeout }
    }

    #[cfg(any(feature = "django", test))]
    pub(crate) const fn root(root: &'a Directory, timeout: Duration) -> Self {
        Self { root, entries: Entries::Root(RefCell::new(None)), timeout }
    }

    pub(crate) fn at(&self) -> BorrowedFd<'_> {
        match &self.entries {
            Entries::Shard(_, fd) => fd.as_fd(),
            Entries::Root(_) => self.root.as_fd(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        match &self.entries {
            Entries::Shard(name, _) => self.root.path().join(name),
            Entries::Root(_) => self.root.path().to_path_buf(),
        }
    }

    pub(crate) fn error(&self, errno: Errno, doing: &str, name: &str) -> FsError {
        FsError::new(errno, doing, &self.path().join(name))
    }

    /// Locks the directory against every other writer, until this value is dropped or unlocked.
    /// Does nothing if it is locked.
    pub(crate) fn lock(&self) -> Result<(), FsError> {
        match &self.entries {
            Entries::Shard(_, fd) => Ok(fd.lock(&self.path(), self.timeout)?),
            Entries::Root(lock) => self.lock_root(lock, true),
        }
    }

    /// Locks as [`EntryDir::lock`] does, but makes no lock file where there is none: nobody has written here
    /// yet.
    #[cfg(feature = "django")]
    pub(crate) fn lock_if_there(&self) -> Result<(), FsError> {
        match &self.entries {
            Entries::Shard(..) => self.lock(),
            Entries::Root(lock) => self.lock_root(lock, false),
        }
    }

    fn lock_root(&self, held: &RefCell<Option<LockFile>>, create: bool) -> Result<(), FsError> {
        if held.borrow().is_some() {
            return Ok(());
        }
        let path = self.path().join(LOCK);
        for _ in 0..ATTEMPTS {
            let file = match fs::open(self.root, LOCK, OFlags::RDONLY) {
                Err(Errno::NOENT) if !create => return Ok(()),
                Err(Errno::NOENT) => match create_file(self.root, LOCK, self.root.heir()) {
                    Err(Errno::EXIST) => continue,
                    made => made.map_err(|e| FsError::new(e, "make", &path))?,
                },
                opened => opened.map_err(|e| FsError::new(e, "open", &path))?,
            };
            let lock = LockFile::new(file);
            lock.lock(&path, self.timeout)?;
            let stat = rustix::fs::fstat(&lock).map_err(|e| FsError::new(e, "look at", &path))?;
            if stat.st_nlink == 0 {
                // Removed before it was locked: others lock another one.
                continue;
            }
            if stat.st_nlink > 1 || stat.st_mode & 0o077 != 0 {
                return Err(Error::invalid_cache_backend(format!(
                    "the file {} can be opened by other users, who could stop all writers by locking it: remove it, and the cache makes a new one",
                    path.display()
                ))
                .into());
            }
            *held.borrow_mut() = Some(lock);
            return Ok(());
        }
        Err(FsError::Gone(None))
    }

    pub(crate) fn unlock(&self) -> Result<(), FsError> {
        match &self.entries {
            Entries::Shard(_, fd) => fd.unlock(&self.path())?,
            Entries::Root(lock) => drop(lock.take()),
        }
        Ok(())
    }

    /// Waits until nobody writes `file`, which is called `name`, in place.
    #[cfg(feature = "django")]
    pub(crate) fn lock_to_read(&self, file: &LockFile, name: &str) -> Result<(), FsError> {
        Ok(file.lock_shared(&self.path().join(name), self.timeout)?)
    }

    /// Makes a file that was not there.
    pub(crate) fn create(&self, name: &str) -> Result<OwnedFd, Errno> {
        create_file(self.at(), name, self.root.heir())
    }

    /// Opens an entry's file. Returns `None` if no file that could be an entry has this name.
    pub(crate) fn open_file(&self, name: &str, flags: OFlags) -> Result<Option<OwnedFd>, FsError> {
        match fs::open_file_at(self.at(), name, flags) {
            Ok(file) => Ok(Some(file)),
            Err(errno) if is_no_entry(errno) => Ok(None),
            Err(errno) => Err(self.error(errno, "open", name)),
        }
    }

    /// Returns whether an entry's file exists, good or not: it has a place.
    pub(crate) fn has_file(&self, name: &str) -> Result<bool, FsError> {
        fs::is_file(self.at(), name).map_err(|e| self.error(e, "look at", name))
    }

    /// Removes a file; false if it was not there.
    pub(crate) fn unlink(&self, name: &str) -> Result<bool, FsError> {
        fs::unlink(self.at(), name).map_err(|e| self.error(e, "remove", name))
    }

    /// Puts the file `from` of this directory in the place of `to`, in one step.
    #[cfg(feature = "django")]
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), FsError> {
        rustix::fs::renameat(self.at(), from, self.at(), to).map_err(|e| self.error(e, "move", from))
    }

    pub(crate) fn list(&self, role: fn(&[u8]) -> Role) -> Result<Listing, FsError> {
        let mut listing = Listing { entries: Vec::new(), temporary: Vec::new() };
        fs::list(self.at(), FileType::RegularFile, |name| {
            let list = match role(name) {
                Role::Entry => &mut listing.entries,
                Role::Temporary => &mut listing.temporary,
                Role::Foreign => return,
            };
            list.push(String::from_utf8_lossy(name).into_owned());
        })
        .map_err(|e| self.error(e, "list", ""))?;
        Ok(listing)
    }

    /// Adds up the bytes in the files of these names.
    pub(crate) fn bytes_of(&self, names: &[String]) -> u64 {
        names.iter().filter_map(|name| fs::size_at(self.at(), name)).sum()
    }

    /// Removes the temporary files whose writers are dead, and says how many.
    pub(crate) fn remove_temporary(&self, names: &[String]) -> Result<u64, FsError> {
        let mut removed = 0;
        for name in names {
            let Some(file) = self.open_file(name, OFlags::RDONLY)? else { continue };
            // A live writer holds this lock.
            if LockFile::new(file).try_lock(&self.path().join(name))? && self.unlink(name)? {
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// Returns whether an open failed because the entry does not exist: the name is free, or something was planted
/// there.
pub(crate) const fn is_no_entry(errno: Errno) -> bool {
    matches!(errno, Errno::NOENT | Errno::LOOP | Errno::NXIO | Errno::ISDIR | Errno::NOTDIR)
}
