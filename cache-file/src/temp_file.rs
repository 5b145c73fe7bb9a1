//! [`TempFile`]: a file through which an entry appears in a directory in one step.

use cache_fs::LockFile;
use rustix::fd::BorrowedFd;
use rustix::io::Errno;

use crate::entry_dir::EntryDir;
use crate::error::FsError;
use crate::{fs, paths};

/// A file that is not an entry yet. Unless its name went with it when it was published, what has the name
/// is removed.
///
/// It stays locked while its writer lives, so that a sweep recognizes files that a killed process left.
#[derive(Debug)]
pub(crate) struct TempFile<'a> {
    dir: &'a EntryDir<'a>,
    name: String,
    file: LockFile,
    renamed: bool,
}

impl<'a> TempFile<'a> {
    /// Makes a file with these bytes, the parts one after the other.
    pub(crate) fn write(dir: &'a EntryDir<'a>, parts: [&[u8]; 2]) -> Result<Self, FsError> {
        let temp = loop {
            let name = paths::temp_name();
            let file = match dir.create(&name) {
                Ok(file) => file,
                Err(Errno::EXIST) => continue,
                Err(errno) => return Err(dir.error(errno, "make", &name)),
            };
            // From here on it is removed, also where it cannot be locked.
            let temp = Self { dir, name, file: LockFile::new(file), renamed: false };
            #[cfg(test)]
            tests::between(dir, &temp.name);
            if temp.file.try_lock(&dir.path().join(&temp.name))? {
                break temp;
            }
            // A sweep found it before its lock, and removes it too.
        };
        for part in parts {
            fs::write_all(&temp.file, part).map_err(|e| dir.error(e, "write", &temp.name))?;
        }
        Ok(temp)
    }

    /// Overwrites the bytes at offset `at`.
    pub(crate) fn overwrite(&self, bytes: &[u8], at: u64) -> Result<(), FsError> {
        fs::write_all_at(&self.file, bytes, at).map_err(|e| self.dir.error(e, "write", &self.name))
    }

    /// Makes it the entry `name`, replacing any file of that name, in one step. Call it under the lock.
    ///
    /// A rename over a file makes common file systems write the new bytes out at once, which is most of its cost.
    /// Exchanging the two names is atomic as well and avoids that. So with `present`, if a file has that name, the
    /// exchange is tried first.
    pub(crate) fn publish(&mut self, name: &str, present: bool) -> Result<(), FsError> {
        let dir = self.dir.at();
        let error = |e| self.dir.error(e, "put a new value in the place of", name);
        if present && exchange(dir, &self.name, name).map_err(error)? {
            // What is called as the temporary file now is the old value: to be removed when dropped.
            return Ok(());
        }
        rustix::fs::renameat(dir, &self.name, dir, name).map_err(error)?;
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

/// Exchanges two names of `dir`, where the system can; false if it cannot, or `to` is gone.
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
    use std::cell::Cell;
    use std::fs::File;
    use std::time::Duration;

    use cache_core::{BaseCache as _, Cache, DEFAULT_TIMEOUT};

    use super::*;
    use crate::{FileCache, Layout};

    thread_local! {
        static SWEPT: Cell<Option<u32>> = const { Cell::new(None) };
    }

    /// Sweeps, where the test asks for it, between the making of a file and its lock: as another process, which has
    /// to lock the directory for it.
    pub(super) fn between(dir: &EntryDir<'_>, name: &str) {
        let Some(swept) = SWEPT.get() else { return };
        let lock = dir.path().join(".cache-file-lock");
        let locked = File::open(if lock.exists() { lock } else { dir.path() }).unwrap();
        if locked.try_lock().is_ok() {
            std::fs::remove_file(dir.path().join(name)).unwrap();
            SWEPT.set(Some(swept + 1));
        }
    }

    #[test]
    fn a_write_whose_file_is_swept_before_its_lock_is_done_all_the_same() {
        let layouts = [
            Layout::Native,
            #[cfg(feature = "django")]
            Layout::Django,
        ];
        for layout in layouts {
            let place = tempfile::tempdir().unwrap();
            let cache =
                Cache::new(FileCache::builder(place.path().join("cache")).layout(layout).build().unwrap());
            for key in ["first", "second", "second"] {
                SWEPT.set(Some(0));
                cache.set(key, &1, DEFAULT_TIMEOUT).unwrap();
                assert_eq!(SWEPT.take(), Some(1), "{layout:?}: {key}");
                assert_eq!(cache.get::<i64>(key).unwrap(), Some(1), "{layout:?}: {key}");
            }
            assert_eq!(cache.backend().entries().unwrap(), Some(2), "{layout:?}");
        }
    }

    #[test]
    fn what_is_published_has_the_name_alone_whatever_was_there() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        let held = fs::settle_root(root, false).unwrap().unwrap();
        let dir = EntryDir::root(&held, Duration::from_secs(1));
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
        let dir = EntryDir::root(&held, Duration::from_secs(1));
        drop(TempFile::write(&dir, [b"new", b""]).unwrap());
        assert_eq!(std::fs::read_to_string(root.join("entry")).unwrap(), "old");
        assert_eq!(std::fs::read_dir(root).unwrap().count(), 1);
    }
}
