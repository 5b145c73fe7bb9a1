//! Removing what has expired, what is damaged, and what killed writers left; and clearing.

use cache_core::Result;

use super::DjangoStore;
use super::entry::{Lookup, role};
use crate::layout::Swept;
use crate::read::Depth;

/// How many files to look at or remove before letting other writers in.
const AT_ONCE: usize = 256;

impl DjangoStore {
    /// Removes what has expired or is damaged, and what killed writers left.
    pub(super) fn sweep_all(&self) -> Result<Swept> {
        self.in_dir(Swept::default(), |dir| {
            dir.lock_if_there()?;
            let listing = dir.list(role)?;
            let mut swept =
                Swept { temporary: dir.remove_temporary(&listing.temporary)?, ..Swept::default() };
            for names in listing.entries.chunks(AT_ONCE) {
                dir.lock()?;
                for name in names {
                    match self.look_once(dir, name, Depth::Whole, false)? {
                        Lookup::Expired => swept.expired += u64::from(self.unlink(dir, name)?),
                        Lookup::Damaged => swept.damaged += u64::from(self.unlink(dir, name)?),
                        Lookup::Live(_) | Lookup::Unclear | Lookup::Absent => {}
                    }
                }
                dir.unlock()?;
            }
            Ok(swept)
        })
    }

    pub(super) fn clear_all(&self) -> Result<()> {
        self.in_dir((), |dir| {
            dir.lock_if_there()?;
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
}
