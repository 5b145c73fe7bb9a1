//! The bound of a store: making room for a new entry.

use cache_core::Result;

use super::NativeStore;
use super::paths::Location;
use super::shard::Shard;
use super::state::{Plan, State};
use crate::error::FsError;

/// The most entries that go at once, beyond the share, where the limit was lowered: about what a shard
/// is meant to hold.
const STEP: u64 = 256;

impl NativeStore {
    /// Makes room for a new key in `own`, which is locked; the lock may be gone afterwards. Returns how many
    /// entries went.
    pub(super) fn make_room(&self, own: &Shard<'_>) -> Result<u64, FsError> {
        let plan = own.state()?.plan(own.index, self.now(), Some(&self.limits))?;
        match plan {
            Plan::Room => Ok(0),
            Plan::Cull(index) if index == own.index => self.cull(own),
            Plan::List(index) if index == own.index => self.sweep_shard(own, None).map(|_| 0),
            Plan::Cull(index) => {
                own.dir.unlock()?;
                self.with_shard(own.location, index, |shard| self.cull(shard))
            }
            Plan::List(_) => {
                own.dir.unlock()?;
                self.list_unlisted(own.location).map(|()| 0)
            }
        }
    }

    /// Makes room in a full store by removing from one locked shard: what has expired, else a
    /// share, or up to [`STEP`] where the store holds more than its limit. Does nothing when another writer
    /// has made room meanwhile. Returns how many entries went.
    fn cull(&self, shard: &Shard<'_>) -> Result<u64, FsError> {
        if shard.state()?.excess(&self.limits).is_none() {
            return Ok(0);
        }
        let (swept, mut names) = self.sweep_shard(shard, None)?;
        let gone = swept.entries();
        let excess = shard.state()?.excess(&self.limits);
        let Some((limits, excess)) = excess.filter(|_| gone == 0) else { return Ok(gone) };
        let wanted = limits.victims(names.len() as u64).max(excess.min(STEP));
        let victims = usize::try_from(wanted).unwrap_or(usize::MAX).min(names.len());
        for place in 0..victims {
            let chosen = fastrand::usize(place..names.len());
            names.swap(place, chosen);
            if let Some(name) = names.get(place) {
                shard.dir.unlink(name)?;
            }
        }
        shard.evicted(u32::try_from(victims).unwrap_or(u32::MAX));
        if limits.drops_all() && shard.location.shards > 1 {
            shard.dir.unlock()?;
            self.clear_shards(shard.location, |state, index, gone| state.evicted(index, gone))?;
        }
        Ok(victims as u64)
    }

    /// Lists every shard whose entries are not counted.
    pub(super) fn list_unlisted(&self, location: &Location) -> Result<(), FsError> {
        loop {
            let plan = State::open(location, self.lock_timeout)?.plan(0, self.now(), None)?;
            let Plan::List(index) = plan else { return Ok(()) };
            self.with_shard(location, index, |shard| self.sweep_shard(shard, None).map(drop))?;
        }
    }
}
