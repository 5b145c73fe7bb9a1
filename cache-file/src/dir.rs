//! [`Dir`]: a directory of entries, opened for one call, with its lock; and [`TempFile`], through
//! which entries appear in it.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use cache_core::Error;
use cache_fs::{Directory, LockFile, create_file};
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;

use crate::fs::{self, Fault, fault};
use crate::layout::{self, Role};

/// The file whose lock is that of the root, where entries lie there: others may be allowed to read the
/// directory, and so to lock it. With a leading dot, and not of Django's suffix, it is no entry of anybody's.
const LOCK: &str = ".cache-file-lock";

/// So many entries of a batch are changed under one lock before others get a chance.
pub(crate) const AT_ONCE: usize = 64;

/// How often to open the lock's file again when it vanishes in between.
const ATTEMPTS: u32 = 100;

/// A directory of entries, for one call: so its lock excludes every other call.
#[derive(Debug)]
pub(crate) struct Dir<'a> {
    root: &'a Directory,
    entries: Entries,
    timeout: Duration,
}

/// Where the entries of a [`Dir`] are, and what is locked to change them.
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

impl<'a> Dir<'a> {
    pub(crate) const fn shard(root: &'a Directory, name: String, fd: OwnedFd, timeout: Duration) -> Self {
        Self { root, entries: Entries::Shard(name, LockFile::new(fd)), timeout }
    }

    #[cfg(any(feature = "django", test))]
    pub(crate) const fn root(root: &'a Directory, timeout: Duration) -> Self {
        Self { root, entries: Entries::Root(RefCell::new(None)), timeout }
    }

    fn at(&self) -> BorrowedFd<'_> {
        match &self.entries {
            Entries::Shard(_, fd) => fd.as_fd(),
            Entries::Root(_) => self.root.as_fd(),
        }
    }

    fn path(&self) -> PathBuf {
        match &self.entries {
            Entries::Shard(name, _) => self.root.path().join(name),
            Entries::Root(_) => self.root.path().to_path_buf(),
        }
    }

    pub(crate) fn fault(&self, errno: Errno, doing: &str, name: &str) -> Fault {
        fault(errno, doing, &self.path().join(name))
    }

    /// Locks the directory against every other writer, until this value is dropped or unlocked.
    /// Does nothing where it is locked.
    pub(crate) fn lock(&self) -> Result<(), Fault> {
        match &self.entries {
            Entries::Shard(_, fd) => Ok(fd.lock(&self.path(), self.timeout)?),
            Entries::Root(lock) => self.lock_root(lock, true),
        }
    }

    /// The same, but makes no file for the lock where there is none: nobody has written here yet.
    #[cfg(feature = "django")]
    pub(crate) fn lock_if_there(&self) -> Result<(), Fault> {
        match &self.entries {
            Entries::Shard(..) => self.lock(),
            Entries::Root(lock) => self.lock_root(lock, false),
        }
    }

    fn lock_root(&self, held: &RefCell<Option<LockFile>>, create: bool) -> Result<(), Fault> {
        if held.borrow().is_some() {
            return Ok(());
        }
        let path = self.path().join(LOCK);
        for _ in 0..ATTEMPTS {
            let file = match fs::open(self.root, LOCK, OFlags::RDONLY) {
                Err(Errno::NOENT) if !create => return Ok(()),
                Err(Errno::NOENT) => match create_file(self.root, LOCK, self.root.heir()) {
                    Err(Errno::EXIST) => continue,
                    made => made.map_err(|e| fault(e, "make", &path))?,
                },
                opened => opened.map_err(|e| fault(e, "open", &path))?,
            };
            let lock = LockFile::new(file);
            lock.lock(&path, self.timeout)?;
            let stat = rustix::fs::fstat(&lock).map_err(|e| fault(e, "look at", &path))?;
            if stat.st_nlink == 0 {
                // Removed before it was locked: others lock another one.
                continue;
            }
            if stat.st_nlink > 1 || stat.st_mode & 0o077 != 0 {
                return Err(Error::invalid_cache_backend(format!(
                    "the file {} can be opened by other users, who could stop all writers by locking it: remove \
                     it, and the cache makes its own",
                    path.display()
                ))
                .into());
            }
            *held.borrow_mut() = Some(lock);
            return Ok(());
        }
        Err(Fault::Gone(None))
    }

    pub(crate) fn unlock(&self) -> Result<(), Fault> {
        match &self.entries {
            Entries::Shard(_, fd) => fd.unlock(&self.path())?,
            Entries::Root(lock) => drop(lock.take()),
        }
        Ok(())
    }

    /// Waits until nobody writes `file`, which is called `name`, in place.
    #[cfg(feature = "django")]
    pub(crate) fn lock_to_read(&self, file: &LockFile, name: &str) -> Result<(), Fault> {
        Ok(file.lock_shared(&self.path().join(name), self.timeout)?)
    }

    /// Opens an entry's file; `None` where no file of ours is there.
    pub(crate) fn open_file(&self, name: &str, flags: OFlags) -> Result<Option<OwnedFd>, Fault> {
        match fs::open_file_at(self.at(), name, flags) {
            Ok(file) => Ok(Some(file)),
            Err(errno) if is_no_entry(errno) => Ok(None),
            Err(errno) => Err(self.fault(errno, "open", name)),
        }
    }

    /// Whether an entry's file is there, good or not: what has a place.
    pub(crate) fn has_file(&self, name: &str) -> Result<bool, Fault> {
        fs::is_file(self.at(), name).map_err(|e| self.fault(e, "look at", name))
    }

    /// Removes a file; false where it was not there.
    pub(crate) fn unlink(&self, name: &str) -> Result<bool, Fault> {
        fs::unlink(self.at(), name).map_err(|e| self.fault(e, "remove", name))
    }

    /// Puts the file `from` of this directory in the place of `to`, in one step.
    #[cfg(feature = "django")]
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), Fault> {
        rustix::fs::renameat(self.at(), from, self.at(), to).map_err(|e| self.fault(e, "move", from))
    }

    pub(crate) fn list(&self, role: fn(&[u8]) -> Role) -> Result<Listing, Fault> {
        let mut listing = Listing { entries: Vec::new(), temporary: Vec::new() };
        fs::list(self.at(), FileType::RegularFile, |name| {
            let list = match role(name) {
                Role::Entry => &mut listing.entries,
                Role::Temporary => &mut listing.temporary,
                Role::Foreign => return,
            };
            list.push(String::from_utf8_lossy(name).into_owned());
        })
        .map_err(|e| self.fault(e, "list", ""))?;
        Ok(listing)
    }

    /// The bytes in the files of these names.
    pub(crate) fn bytes_of(&self, names: &[String]) -> u64 {
        names.iter().filter_map(|name| fs::size_at(self.at(), name)).sum()
    }

    /// Removes the temporary files whose writers are dead, and says how many.
    pub(crate) fn remove_temporary(&self, names: &[String]) -> Result<u64, Fault> {
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

/// Whether an open failed because no entry of ours is there: nothing, or something planted.
pub(crate) const fn is_no_entry(errno: Errno) -> bool {
    matches!(errno, Errno::NOENT | Errno::LOOP | Errno::NXIO | Errno::ISDIR | Errno::NOTDIR)
}

/// A file that is not an entry yet. Unless its name went with it when it was published, what has the name
/// is removed.
///
/// It stays locked while its writer lives: a sweep can tell those that a killed process left.
#[derive(Debug)]
pub(crate) struct TempFile<'a> {
    dir: &'a Dir<'a>,
    name: String,
    file: LockFile,
    renamed: bool,
}

impl<'a> TempFile<'a> {
    /// A file with these bytes, the parts one after the other.
    pub(crate) fn write(dir: &'a Dir<'a>, parts: [&[u8]; 2]) -> Result<Self, Fault> {
        let temp = loop {
            let name = layout::temp_name();
            let file = match create_file(dir.at(), name.as_str(), dir.root.heir()) {
                Ok(file) => file,
                Err(Errno::EXIST) => continue,
                Err(errno) => return Err(dir.fault(errno, "make", &name)),
            };
            // From here on it is removed, also where it cannot be locked.
            let temp = Self { dir, name, file: LockFile::new(file), renamed: false };
            if temp.file.try_lock(&dir.path().join(&temp.name))? {
                break temp;
            }
            // A sweep found it before its lock, and removes it too.
        };
        for part in parts {
            fs::write_all(&temp.file, part).map_err(|e| dir.fault(e, "write", &temp.name))?;
        }
        Ok(temp)
    }

    /// Writes over what is there at `at`.
    pub(crate) fn overwrite(&self, bytes: &[u8], at: u64) -> Result<(), Fault> {
        fs::write_all_at(&self.file, bytes, at).map_err(|e| self.dir.fault(e, "write", &self.name))
    }

    /// Makes it the entry `name`, over whatever is there, in one step. Under the lock.
    ///
    /// A rename over a file has common file systems write the new bytes out at once, which is most of
    /// its cost. An exchange of the two names is one step as well, and spared that: so with `present`,
    /// where a file is there, it is tried first.
    pub(crate) fn publish(&mut self, name: &str, present: bool) -> Result<(), Fault> {
        let dir = self.dir.at();
        let fault = |e| self.dir.fault(e, "put a new value in the place of", name);
        if present && exchange(dir, &self.name, name).map_err(fault)? {
            // What is called as the temporary file now is the old value: to be removed when dropped.
            return Ok(());
        }
        rustix::fs::renameat(dir, &self.name, dir, name).map_err(fault)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for TempFile<'_> {
    fn drop(&mut self) {
        if !self.renamed {
            // Where even this fails, the next sweep of the directory removes it.
            let _ = fs::unlink(self.dir.at(), &self.name);
        }
    }
}

/// Exchanges two names of `dir`, where the system can; false where it cannot, or `to` is gone.
#[cfg(target_os = "linux")]
fn exchange(dir: BorrowedFd<'_>, from: &str, to: &str) -> Result<bool, Errno> {
    use rustix::fs::{RenameFlags, renameat_with};
    match renameat_with(dir, from, dir, to, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP | Errno::PERM | Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

#[cfg(not(target_os = "linux"))]
fn exchange(_: BorrowedFd<'_>, _: &str, _: &str) -> Result<bool, Errno> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_published_has_the_name_alone_whatever_was_there() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        let held = fs::settle_root(root, false).unwrap().unwrap();
        let dir = Dir::root(&held, Duration::from_secs(1));
        let publish = |value: &str, present| {
            TempFile::write(&dir, [value.as_bytes(), b"."]).unwrap().publish("entry", present).unwrap();
        };
        // The third is one that vanished after it was seen.
        for (value, present, vanished) in [("a", false, false), ("b", true, false), ("c", true, true)] {
            if vanished {
                assert!(dir.unlink("entry").unwrap());
            }
            publish(value, present);
            assert_eq!(std::fs::read_to_string(root.join("entry")).unwrap(), format!("{value}."));
            assert_eq!(std::fs::read_dir(root).unwrap().count(), 1, "{value}");
        }
    }

    #[test]
    fn what_is_not_published_goes_and_what_is_there_stays() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        std::fs::write(root.join("entry"), "old").unwrap();
        let held = fs::settle_root(root, false).unwrap().unwrap();
        let dir = Dir::root(&held, Duration::from_secs(1));
        drop(TempFile::write(&dir, [b"new", b""]).unwrap());
        assert_eq!(std::fs::read_to_string(root.join("entry")).unwrap(), "old");
        assert_eq!(std::fs::read_dir(root).unwrap().count(), 1);
    }
}
