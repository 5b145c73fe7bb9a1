//! What `info` says of a store: its limits, its evictions, and how large it is.

use cache_core::{Culling, Result};

use super::NativeStore;
use super::paths::{Location, role, shard_dirs};
use super::state::{self, State};
use crate::entry_dir::EntryDir;
use crate::error::FsError;

impl NativeStore {
    /// Returns the limits of the store, which has this many entries.
    pub(super) fn limits_shown(&self, entries: u64) -> Result<Culling> {
        self.retry(|| {
            let remembered = self.location(false)?.and_then(|location| state::limits(&location.root));
            Ok(self.limits.shown(remembered, entries))
        })
    }

    /// Returns how many entries went to make room; `None` without a state that counts them.
    pub(super) fn evictions(&self) -> Result<Option<u64>> {
        self.retry(|| match self.location(false)? {
            Some(location) if state::shards(&location.root)?.is_some() => {
                State::open(&location, self.lock_timeout)?.evictions().map(Some)
            }
            _ => Ok(None),
        })
    }

    /// Adds up the bytes in the files of all entries.
    pub(super) fn bytes(&self) -> Result<u64> {
        self.retry(|| match self.location(false)? {
            Some(location) => self.sum_of_shards(&location, |dir, entries| dir.bytes_of(entries)),
            None => Ok(0),
        })
    }

    /// Counts the entries one by one, in a store that has lost its state and is not to be given another.
    pub(super) fn count(&self, location: &Location) -> Result<u64, FsError> {
        self.sum_of_shards(location, |_, entries| entries.len() as u64)
    }

    fn sum_of_shards(
        &self,
        location: &Location,
        of_one: impl Fn(&EntryDir<'_>, &[String]) -> u64,
    ) -> Result<u64, FsError> {
        let mut sum = 0;
        for (index, of) in shard_dirs(&location.root)? {
            if of == location.shards
                && let Some(shard) = self.open_shard(location, index, false)?
            {
                sum += of_one(&shard.dir, &shard.dir.list(role)?.entries);
            }
        }
        Ok(sum)
    }
}
