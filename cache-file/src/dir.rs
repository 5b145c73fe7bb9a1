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

/// A file that is not an entry yet; removed unless it was published.
///
/// It stays locked while its writer lives: a sweep can tell those that a killed process left.
#[derive(Debug)]
pub(crate) struct TempFile<'a> {
    dir: &'a Dir<'a>,
    name: String,
    file: OwnedFd,
    published: bool,
}

impl<'a> TempFile<'a> {
    /// A file with these bytes, the parts one after the other.
    pub(crate) fn write(dir: &'a Dir<'a>, parts: [&[u8]; 2]) -> Result<Self, Fault> {
        let (name, file) = loop {
            let name = layout::temp_name();
            match fs::create_at(&dir.fd, &name) {
                Ok(file) if lock::try_lock(&file).map_err(|e| dir.fault(e, "lock", &name))? => {
                    break (name, file);
                }
                // A sweep found it before its lock: it removes it.
                Ok(_) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(dir.fault(errno, "make", &name)),
            }
        };
        let temp = Self { dir, name, file, published: false };
        temp.fill(parts).map_err(|e| dir.fault(e, "write", &temp.name))?;
        Ok(temp)
    }

    fn fill(&self, parts: [&[u8]; 2]) -> Result<(), Errno> {
        let size = parts.iter().map(|part| part.len() as u64).sum();
        preallocate(&self.file, size)?;
        parts.iter().try_for_each(|part| fs::write_all(&self.file, part))
    }

    /// Writes over what is there at `at`.
    pub(crate) fn overwrite(&self, bytes: &[u8], at: u64) -> Result<(), Fault> {
        fs::write_all_at(&self.file, bytes, at).map_err(|e| self.dir.fault(e, "write", &self.name))
    }

    /// Makes it the entry `name`, over whatever is there, in one step. Under the lock.
    pub(crate) fn publish(&mut self, name: &str) -> Result<(), Fault> {
        let dir = &self.dir.fd;
        rustix::fs::renameat(dir, &self.name, dir, name)
            .map_err(|e| self.dir.fault(e, "put a new value in the place of", name))?;
        self.published = true;
        Ok(())
    }
}

impl Drop for TempFile<'_> {
    fn drop(&mut self) {
        if !self.published {
            // Where even this fails, the next sweep of the directory removes it.
            let _ = fs::unlink(&self.dir.fd, &self.name);
        }
    }
}

/// Takes the blocks before the bytes come: a rename over a present file is then spared the flush
/// of delayed allocation that common file systems do for it, which is most of its cost.
#[cfg(target_os = "linux")]
fn preallocate(file: &OwnedFd, size: u64) -> Result<(), Errno> {
    use rustix::fs::{FallocateFlags, fallocate};
    match rustix::io::retry_on_intr(|| fallocate(file, FallocateFlags::empty(), 0, size)) {
        Err(Errno::NOTSUP | Errno::NOSYS | Errno::INVAL) => Ok(()),
        done => done,
    }
}

#[cfg(not(target_os = "linux"))]
fn preallocate(_: &OwnedFd, _: u64) -> Result<(), Errno> {
    Ok(())
}
