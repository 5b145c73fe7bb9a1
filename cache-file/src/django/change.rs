//! Replacing, removing and renaming an entry, under the lock.

use cache_core::{Key, Result};

use super::DjangoStore;
use super::entry::{self, Found, Lookup};
use crate::entry_dir::{AT_ONCE, EntryDir};
use crate::error::FsError;
use crate::read::Depth;
use crate::temp_file::TempFile;

impl DjangoStore {
    /// Removes the file of an entry, under the lock.
    pub(super) fn unlink(&self, dir: &EntryDir<'_>, name: &str) -> Result<bool, FsError> {
        let removed = dir.unlink(name)?;
        if removed {
            self.count().removed(1);
        }
        Ok(removed)
    }

    /// Puts another file in the place of a live entry's. Returns `None` if there is none. `change` gives the
    /// head and body of the file, and the result.
    pub(super) fn replace<T: Copy>(
        &self,
        key: Key<'_>,
        change: impl Fn(&Found) -> Result<(Vec<u8>, Vec<u8>, T)>,
    ) -> Result<Option<T>> {
        let name = entry::file_name(key.as_bytes());
        self.in_dir(None, |dir| {
            dir.lock()?;
            let found = match self.look(dir, &name, Depth::Whole)? {
                Lookup::Live(found) => found,
                Lookup::Absent | Lookup::Unclear => return Ok(None),
                Lookup::Damaged | Lookup::Expired => return self.unlink(dir, &name).map(|_| None),
            };
            let (head, body, result) = change(&found)?;
            TempFile::write(dir, [&head, &body])?.publish(&name, true)?;
            Ok(Some(result))
        })
    }

    /// Removes entries, and returns how many were live. Opens the directory once, and locks it as often as it takes not
    /// to keep others waiting.
    pub(super) fn remove(&self, keys: &[Key<'_>]) -> Result<u64> {
        let names: Vec<_> = keys.iter().map(|key| entry::file_name(key.as_bytes())).collect();
        self.in_dir(0, |dir| {
            let mut removed = 0;
            for (turn, some) in names.chunks(AT_ONCE).enumerate() {
                if turn > 0 {
                    dir.unlock()?;
                }
                dir.lock()?;
                for name in some {
                    removed += u64::from(self.remove_from(dir, name)?);
                }
            }
            Ok(removed)
        })
    }

    /// Removes an entry, expired or not, under the lock. Returns whether it was live.
    fn remove_from(&self, dir: &EntryDir<'_>, name: &str) -> Result<bool, FsError> {
        match self.look_once(dir, name, Depth::Head, false)? {
            Lookup::Absent => Ok(false),
            Lookup::Damaged | Lookup::Expired => self.unlink(dir, name).map(|_| false),
            Lookup::Live(_) | Lookup::Unclear => self.unlink(dir, name),
        }
    }

    /// Renames the file, since it does not hold its key.
    pub(super) fn move_entry(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        let [old, new] = [from, to].map(|key| entry::file_name(key.as_bytes()));
        self.in_dir(false, |dir| {
            dir.lock()?;
            if !self.look(dir, &old, Depth::Whole)?.is_live() {
                return Ok(false);
            }
            let replaces = dir.has_file(&new)?;
            dir.rename(&old, &new)?;
            if replaces {
                self.count().removed(1);
            }
            Ok(true)
        })
    }
}
