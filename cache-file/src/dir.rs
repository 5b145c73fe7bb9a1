//! [`Dir`]: a directory of entries, opened for one call, with its lock; and [`TempFile`], through
//! which entries appear in it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;

use crate::fs::{self, Fault, fault};
use crate::layout::{self, Role};
use crate::lock;

/// A directory of entries, opened for one call: so its lock excludes every other call.
#[derive(Debug)]
pub(crate) struct Dir<'a> {
    root: &'a Path,
    /// Below the root; empty for the root itself.
    name: String,
    fd: OwnedFd,
    timeout: Duration,
}

/// The names of what is ours in a directory.
pub(crate) struct Listing {
    pub(crate) entries: Vec<String>,
    pub(crate) temporary: Vec<String>,
}

impl<'a> Dir<'a> {
    pub(crate) const fn new(root: &'a Path, name: String, fd: OwnedFd, timeout: Duration) -> Self {
        Self { root, name, fd, timeout }
    }

    fn path(&self) -> PathBuf {
        if self.name.is_empty() { self.root.to_path_buf() } else { self.root.join(&self.name) }
    }

    pub(crate) fn fault(&self, errno: Errno, doing: &str, name: &str) -> Fault {
        fault(errno, doing, &self.path().join(name))
    }

    /// Locks the directory against every other writer, until this value is dropped or unlocked.
    /// Does nothing where it is locked.
    pub(crate) fn lock(&self) -> Result<(), Fault> {
        lock::lock(&self.fd, &self.path(), self.timeout)
    }

    pub(crate) fn unlock(&self) -> Result<(), Fault> {
        lock::unlock(&self.fd, &self.path())
    }

    /// Waits until nobody writes `file`, which is called `name`, in place.
    #[cfg(feature = "django")]
    pub(crate) fn lock_to_read(&self, file: &OwnedFd, name: &str) -> Result<(), Fault> {
        lock::lock_shared(file, &self.path().join(name), self.timeout)
    }

    /// Opens an entry's file; `None` where no file of ours is there.
    pub(crate) fn open_file(&self, name: &str, flags: OFlags) -> Result<Option<OwnedFd>, Fault> {
        match fs::open_file_at(&self.fd, name, flags) {
            Ok(file) => Ok(Some(file)),
            Err(errno) if is_no_entry(errno) => Ok(None),
            Err(errno) => Err(self.fault(errno, "open", name)),
        }
    }

    /// Whether an entry's file is there, good or not: what has a place.
    pub(crate) fn has_file(&self, name: &str) -> Result<bool, Fault> {
        fs::is_file(&self.fd, name).map_err(|e| self.fault(e, "look at", name))
    }

    /// Removes a file; false where it was not there.
    pub(crate) fn unlink(&self, name: &str) -> Result<bool, Fault> {
        fs::unlink(&self.fd, name).map_err(|e| self.fault(e, "remove", name))
    }

    /// Puts the file `from` of this directory in the place of `to`, in one step.
    #[cfg(feature = "django")]
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), Fault> {
        rustix::fs::renameat(&self.fd, from, &self.fd, to).map_err(|e| self.fault(e, "move", from))
    }

    pub(crate) fn list(&self, role: fn(&[u8]) -> Role) -> Result<Listing, Fault> {
        let mut listing = Listing { entries: Vec::new(), temporary: Vec::new() };
        fs::list(&self.fd, FileType::RegularFile, |name| {
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
        names.iter().filter_map(|name| fs::size_at(&self.fd, name)).sum()
    }

    /// Removes the temporary files whose writers are dead, and says how many.
    pub(crate) fn remove_temporary(&self, names: &[String]) -> Result<u64, Fault> {
        let mut removed = 0;
        for name in names {
            let Some(file) = self.open_file(name, OFlags::RDONLY)? else { continue };
            // A live writer holds this lock.
            if lock::try_lock(&file).map_err(|e| self.fault(e, "lock", name))? && self.unlink(name)? {
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
    file: OwnedFd,
    renamed: bool,
}

impl<'a> TempFile<'a> {
    /// A file with these bytes, the parts one after the other.
    pub(crate) fn write(dir: &'a Dir<'a>, parts: [&[u8]; 2]) -> Result<Self, Fault> {
        let temp = loop {
            let name = layout::temp_name();
            let file = match fs::create_at(&dir.fd, &name) {
                Ok(file) => file,
                Err(Errno::EXIST) => continue,
                Err(errno) => return Err(dir.fault(errno, "make", &name)),
            };
            // From here on it is removed, also where it cannot be locked.
            let temp = Self { dir, name, file, renamed: false };
            if lock::try_lock(&temp.file).map_err(|e| dir.fault(e, "lock", &temp.name))? {
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
        let dir = &self.dir.fd;
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
            let _ = fs::unlink(&self.dir.fd, &self.name);
        }
    }
}

/// Exchanges two names of `dir`, where the system can; false where it cannot, or `to` is gone.
#[cfg(target_os = "linux")]
fn exchange(dir: &OwnedFd, from: &str, to: &str) -> Result<bool, Errno> {
    use rustix::fs::{RenameFlags, renameat_with};
    match renameat_with(dir, from, dir, to, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP | Errno::PERM | Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

#[cfg(not(target_os = "linux"))]
fn exchange(_: &OwnedFd, _: &str, _: &str) -> Result<bool, Errno> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_published_has_the_name_alone_whatever_was_there() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        let fd = fs::open_dir(&root, "").unwrap();
        let dir = Dir::new(&root, String::new(), fd, Duration::from_secs(1));
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
            assert_eq!(std::fs::read_dir(&root).unwrap().count(), 1, "{value}");
        }
    }

    #[test]
    fn what_is_not_published_goes_and_what_is_there_stays() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        std::fs::write(root.join("entry"), "old").unwrap();
        let fd = fs::open_dir(&root, "").unwrap();
        let dir = Dir::new(&root, String::new(), fd, Duration::from_secs(1));
        drop(TempFile::write(&dir, [b"new", b""]).unwrap());
        assert_eq!(std::fs::read_to_string(root.join("entry")).unwrap(), "old");
        assert_eq!(std::fs::read_dir(&root).unwrap().count(), 1);
    }
}
