//! What an operator asks for: whether the directory can be used, and how large it is.

use std::path::Path;

use cache_core::{Culling, Error, Presence, Result};
use rustix::fs::Access;

use crate::layout::role;
use crate::state::{self, State};
use crate::store::Store;

impl Store {
    /// Locks the state as a write would; where there is no store yet, looks whether one could be
    /// made. Makes nothing.
    pub(crate) fn lock_state(&self) -> Result<Presence> {
        self.retry(|| match self.location(false)? {
            Some(location) => State::open(&location, self.lock_timeout).map(|_| Presence::Exists),
            None => Ok(can_be_made(&self.dir).map(|()| Presence::NotYet)?),
        })
    }

    /// The limits of the store, of so many entries.
    pub(crate) fn limits_shown(&self, entries: u64) -> Result<Culling> {
        self.retry(|| {
            let remembered = self.location(false)?.and_then(|location| state::limits(&location.root));
            Ok(self.limits.shown(remembered, entries))
        })
    }

    /// The bytes in the files of all entries.
    pub(crate) fn bytes(&self) -> Result<u64> {
        self.retry(|| {
            let mut sum = 0_u64;
            let Some(location) = self.location(false)? else { return Ok(sum) };
            for (index, of) in state::shard_dirs(&location.root)? {
                if of != location.shards {
                    continue;
                }
                if let Some(shard) = self.open_shard(&location, index, false)? {
                    sum += shard.dir.bytes_of(&shard.dir.list(role)?.entries);
                }
            }
            Ok(sum)
        })
    }
}

/// Whether the nearest directory that is there lets us make `dir`.
pub(crate) fn can_be_made(dir: &Path) -> Result<()> {
    let there = dir.ancestors().skip(1).find(|parent| parent.exists());
    let Some(parent) = there else { return Ok(()) };
    rustix::fs::access(parent, Access::WRITE_OK | Access::EXEC_OK).map_err(|errno| {
        let (dir, parent) = (dir.display(), parent.display());
        Error::storage(format!(
            "the cache directory {dir} is not there and cannot be made in {parent}; give another \
             directory, or permission to write to this one"
        ))
        .with_source(errno)
    })
}
