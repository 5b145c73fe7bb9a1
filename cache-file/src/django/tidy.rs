//! The whole directory: sweeping, clearing, counting.

use cache_core::{Presence, Result};
use cache_fs::can_be_made;

use super::DjangoStore;
use super::entry::{Seen, role};
use crate::cull::Swept;
use crate::read::Depth;

/// How many files to look at or remove before letting other writers in.
const AT_ONCE: usize = 256;

impl DjangoStore {
    /// Removes what has expired or is damaged, and what killed writers left.
    pub(super) fn sweep_all(&self) -> Result<Swept> {
        self.in_dir(Swept::default(), |dir| {
            let listing = dir.list(role)?;
            let mut swept =
                Swept { temporary: dir.remove_temporary(&listing.temporary)?, ..Swept::default() };
            for names in listing.entries.chunks(AT_ONCE) {
                dir.lock()?;
                for name in names {
                    match self.look_once(dir, name, Depth::Whole, false)? {
                        Seen::Live(_) | Seen::Unclear => swept.entries += 1,
                        Seen::Expired => swept.expired += u64::from(self.unlink(dir, name)?),
                        Seen::Damaged => swept.damaged += u64::from(self.unlink(dir, name)?),
                        Seen::Absent => {}
                    }
                }
                dir.unlock()?;
            }
            Ok(swept)
        })
    }

    pub(super) fn clear_all(&self) -> Result<()> {
        self.in_dir((), |dir| {
            for names in self.list(dir)?.chunks(AT_ONCE) {
                dir.lock()?;
                for name in names {
                    self.unlink(dir, name)?;
                }
                dir.unlock()?;
            }
            Ok(())
        })
    }

    /// All entries, expired ones included. Under the lock: a listing that others write under may
    /// see both an entry and the one that took its place.
    pub(super) fn number_of_entries(&self) -> Result<u64> {
        self.in_dir(0, |dir| {
            dir.lock_if_there()?;
            Ok(dir.list(role)?.entries.len() as u64)
        })
    }

    /// The bytes in the files of all entries.
    pub(super) fn bytes(&self) -> Result<u64> {
        self.in_dir(0, |dir| Ok(dir.bytes_of(&dir.list(role)?.entries)))
    }

    /// Locks the directory as a write would; where there is none, looks whether it could be made.
    pub(super) fn lock_once(&self) -> Result<Presence> {
        if self.in_dir(false, |dir| dir.lock_if_there().map(|()| true))? {
            return Ok(Presence::Exists);
        }
        can_be_made(&self.dir).map(|()| Presence::NotYet)
    }
}
