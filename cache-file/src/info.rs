//! What an operator asks for: whether the directory can be used, and how large it is.

use cache_core::{Culling, Presence, Result};
use cache_fs::can_be_made;

use crate::dir::Dir;
use crate::fs::Fault;
use crate::layout::{Location, role};
use crate::state::{self, State};
use crate::store::Store;

impl Store {
    /// Locks the state as a write would; where there is no store yet, looks whether one could be
    /// made. Makes nothing.
    pub(crate) fn lock_state(&self) -> Result<Presence> {
        self.retry(|| match self.location(false)? {
            Some(location) if state::shards(&location.root)?.is_some() => {
                State::open(&location, self.lock_timeout).map(|_| Presence::Exists)
            }
            // The next write makes the state anew.
            Some(_) => Ok(Presence::Exists),
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

    /// How many entries went to make room; `None` where no state says so.
    pub(crate) fn evictions(&self) -> Result<Option<u64>> {
        self.retry(|| match self.location(false)? {
            Some(location) if state::shards(&location.root)?.is_some() => {
                State::open(&location, self.lock_timeout)?.evictions().map(Some)
            }
            _ => Ok(None),
        })
    }

    /// The bytes in the files of all entries.
    pub(crate) fn bytes(&self) -> Result<u64> {
        self.retry(|| match self.location(false)? {
            Some(location) => self.sum_of_shards(&location, |dir, entries| dir.bytes_of(entries)),
            None => Ok(0),
        })
    }

    /// The entries, counted one by one: of a store that has lost its state, and is not to be given another.
    pub(crate) fn count(&self, location: &Location) -> Result<u64, Fault> {
        self.sum_of_shards(location, |_, entries| entries.len() as u64)
    }

    fn sum_of_shards(
        &self,
        location: &Location,
        of_one: impl Fn(&Dir<'_>, &[String]) -> u64,
    ) -> Result<u64, Fault> {
        let mut sum = 0;
        for (index, of) in state::shard_dirs(&location.root)? {
            if of == location.shards
                && let Some(shard) = self.open_shard(location, index, false)?
            {
                sum += of_one(&shard.dir, &shard.dir.list(role)?.entries);
            }
        }
        Ok(sum)
    }
}
