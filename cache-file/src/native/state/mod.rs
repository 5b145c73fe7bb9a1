//! [`State`]: how many entries a store has, so that nobody has to list the directory to know.
//!
//! The state file is changed under its own short lock, always the last one taken. A place is taken before its
//! entry appears and given back after its file is gone, each under the shard's lock: a process
//! killed in between leaves a count too high, which the next listing of the shard puts right, or
//! only the total, which a sweep, a clear and a full store put right.
//!
//! The header remembers the limits, so that a handle that names none adopts them. What was evicted is counted in the
//! record that a cull writes anyway.
//!
//! A file that is missing or damaged is written again with every existing shard "unlisted"; new
//! keys wait until each such shard was listed under its lock, which counts in everything that was
//! under way.

mod file;
#[cfg(test)]
mod fuzz;
mod plan;
mod record;

use std::time::Duration;

use cache_core::Culling;
use cache_fs::LockFile;

use self::file::{peek_soonest, read_at, write_anew};
use self::record::{RECORD, Record, ShardRecord, StateHeader, UNLISTED, offset};
use super::entry::NEVER;
use super::limits::Limits;
use super::paths::Location;
use crate::error::FsError;
use crate::fs;

pub(super) use self::file::{create, limits, shards};
pub(super) use self::plan::Plan;

/// A shard is swept after this many new keys at the earliest.
const FEWEST_INSERTS: u32 = 16;

/// What became of the request for a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reservation {
    /// Taken; `sweep` says that the shard is due.
    Taken { sweep: bool },
    /// The store is full; `over` says that it holds more than its limit.
    Full { over: bool },
    /// A shard must be listed first.
    Unlisted,
}

/// The state file, open and locked.
#[derive(Debug)]
pub(crate) struct State<'a> {
    file: LockFile,
    header: StateHeader,
    location: &'a Location,
}

/// Notes that an entry with this deadline is about to be in the shard, in a place that it has.
pub(crate) fn expect_deadline(
    location: &Location,
    shard: u32,
    deadline: i64,
    timeout: Duration,
) -> Result<(), FsError> {
    if deadline == NEVER || peek_soonest(location, shard).is_some_and(|soonest| soonest <= deadline) {
        return Ok(());
    }
    let state = State::open(location, timeout)?;
    let record = state.shard(shard)?;
    state.write_shard(shard, ShardRecord { soonest: record.soonest.min(deadline), ..record })
}

impl<'a> State<'a> {
    /// Opens and locks the state of a location; `Gone` where it has another number of shards.
    pub(crate) fn open(location: &'a Location, timeout: Duration) -> Result<Self, FsError> {
        let (file, header) = file::open(location, timeout)?;
        if header.shards == location.shards {
            Ok(Self { file, header, location })
        } else {
            Err(FsError::Gone(None))
        }
    }

    /// Returns the number of all entries, or `None` while shards are unlisted.
    pub(crate) const fn total(&self) -> Option<u64> {
        if self.header.unlisted == 0 { Some(self.header.total) } else { None }
    }

    fn read(&self, at: u64, buffer: &mut [u8]) -> Result<(), FsError> {
        match read_at(&self.file, at, buffer) {
            Ok(true) => Ok(()),
            // The file was cut short after it was opened. The next try rewrites it.
            Ok(false) => Err(FsError::Gone(None)),
            Err(errno) => Err(FsError::new(errno, "read", &self.location.state_path())),
        }
    }

    fn write(&self, record: &Record, at: u64) -> Result<(), FsError> {
        fs::write_all_at(&self.file, record, at)
            .map_err(|e| FsError::new(e, "write", &self.location.state_path()))
    }

    fn shard(&self, index: u32) -> Result<ShardRecord, FsError> {
        let mut record = [0; RECORD];
        self.read(offset(index), &mut record)?;
        match ShardRecord::decode(&record, index) {
            Some(shard) => Ok(shard),
            None => self.renew(),
        }
    }

    /// Writes the state again after damage: everything is then listed again.
    fn renew<T>(&self) -> Result<T, FsError> {
        write_anew(self.location, &self.file)?;
        Err(FsError::Gone(None))
    }

    fn write_shard(&self, index: u32, shard: ShardRecord) -> Result<(), FsError> {
        self.write(&shard.encode(index), offset(index))
    }

    fn write_header(&mut self, header: StateHeader) -> Result<(), FsError> {
        self.header = header;
        self.write(&header.encode(), 0)
    }

    /// Takes a place in a shard, under the shard's lock, for an entry with this deadline, unless the store is
    /// full by the `limits` of the handle, which it remembers from then on.
    ///
    /// `has_paid`: this call has removed two entries at the least. In a store that holds more than its
    /// limit, because that was lowered, it may take a place for one: so each new entry makes it smaller.
    pub(crate) fn take(
        &mut self,
        index: u32,
        deadline: i64,
        limits: Option<&Limits>,
        has_paid: bool,
    ) -> Result<Reservation, FsError> {
        let shard = self.shard(index)?;
        if self.header.unlisted > 0 || !shard.is_listed() {
            return Ok(Reservation::Unlisted);
        }
        if let Some(limits) = limits
            && let Some(limit) = self.limit(limits)?
        {
            let over = self.header.total > limit;
            if self.header.total >= limit && !(over && has_paid) {
                return Ok(Reservation::Full { over });
            }
        }
        let count = shard.count.saturating_add(1).min(UNLISTED - 1);
        let inserts = shard.inserts.saturating_add(1);
        // The total first: a process killed here leaves it too high, and never too low.
        self.write_header(StateHeader { total: self.header.total.saturating_add(1), ..self.header })?;
        self.write_shard(
            index,
            ShardRecord { count, inserts, soonest: shard.soonest.min(deadline), ..shard },
        )?;
        // A sweep is due when the inserts equal the number of older entries: they pay for its reads.
        let sweep = inserts >= count.saturating_sub(inserts).max(FEWEST_INSERTS);
        Ok(Reservation::Taken { sweep })
    }

    /// Returns the most entries, which the store remembers from then on.
    fn limit(&mut self, limits: &Limits) -> Result<Option<u64>, FsError> {
        let (in_force, is_new) = limits.in_force(self.header.limits, self.header.total);
        if is_new {
            if let Some(before) = self.header.limits {
                let store = self.location.root.path().display();
                tracing::info!(target: "cache_file", %store, %before, now = %in_force, "this program changes the limits");
            }
            self.write_header(StateHeader { limits: Some(in_force), ..self.header })?;
        }
        limits.have_been_said();
        Ok(in_force.limit())
    }

    /// Returns the limits in force, and how many entries must go to give a new one a place; `None` if it has
    /// one.
    pub(crate) fn excess(&self, limits: &Limits) -> Option<(Culling, u64)> {
        let total = self.total()?;
        let (in_force, _) = limits.in_force(self.header.limits, total);
        let limit = in_force.limit()?;
        (total >= limit).then(|| (in_force, total - limit + 1))
    }

    /// Gives places of a shard back, under the shard's lock.
    pub(crate) fn give_back(&mut self, index: u32, places: u32) -> Result<(), FsError> {
        self.freed(index, places, 0)
    }

    /// Gives back the places of entries that went to make room.
    pub(crate) fn evicted(&mut self, index: u32, places: u32) -> Result<(), FsError> {
        self.freed(index, places, places)
    }

    fn freed(&mut self, index: u32, places: u32, evicted: u32) -> Result<(), FsError> {
        let shard = self.shard(index)?;
        if !shard.is_listed() {
            return Ok(());
        }
        let (count, evicted) =
            (shard.count.saturating_sub(places), shard.evicted.saturating_add(evicted.into()));
        self.write_shard(index, ShardRecord { count, evicted, ..shard })?;
        self.write_header(StateHeader {
            total: self.header.total.saturating_sub(places.into()),
            ..self.header
        })
    }

    /// Returns how many entries went to make room, since the state was made. A damaged record counts for none.
    pub(crate) fn evictions(&self) -> Result<u64, FsError> {
        let mut bytes = vec![0; RECORD * self.header.shards as usize];
        self.read(offset(0), &mut bytes)?;
        let shards = (0_u32..).zip(bytes.as_chunks::<RECORD>().0);
        let shards = shards.filter_map(|(index, record)| ShardRecord::decode(record, index));
        Ok(shards.fold(0, |sum, shard| sum.saturating_add(shard.evicted)))
    }

    /// Returns whether something in the shard may have expired by `now`.
    pub(crate) fn may_hold_expired(&self, index: u32, now: i64) -> Result<bool, FsError> {
        Ok(self.shard(index)?.soonest <= now)
    }

    /// Notes what a listing of a shard found, under the shard's lock; `soonest` where it was looked for.
    pub(crate) fn listed(&mut self, index: u32, count: u64, soonest: Option<i64>) -> Result<(), FsError> {
        let before = self.shard(index)?;
        let count = u32::try_from(count).unwrap_or(UNLISTED - 1);
        let soonest = soonest.unwrap_or(before.soonest);
        self.write_shard(index, ShardRecord { count, inserts: 0, soonest, ..before })?;
        let (was, unlisted) = if before.is_listed() {
            (before.count, self.header.unlisted)
        } else {
            (0, self.header.unlisted.saturating_sub(1))
        };
        let total = self.header.total.saturating_sub(was.into()).saturating_add(count.into());
        self.write_header(StateHeader { total, unlisted, ..self.header })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::FileCache;
    use crate::layout::Store as _;
    use crate::native::NativeStore;
    use cache_core::{Cache, Clock, NamedLimits, Timeout};

    fn store(dir: &Path) -> NativeStore {
        let limits = Limits::new(NamedLimits::NONE, true);
        NativeStore::new(dir.to_path_buf(), Clock::system(), Duration::from_secs(5), limits)
    }

    /// As a process leaves it that is killed between its two writes of [`State::take`].
    fn leave_total_too_high(location: &Location) {
        let mut state = State::open(location, Duration::from_secs(1)).unwrap();
        let total = state.header.total + 1;
        state.write_header(StateHeader { total, ..state.header }).unwrap();
    }

    #[test]
    fn sweeps_and_clears_put_right_what_a_killed_process_left() {
        let dir = tempfile::tempdir().unwrap();
        let (store, cache) = (store(dir.path()), Cache::new(FileCache::new(dir.path())));
        cache.set("key", &1, Timeout::Never).unwrap();
        let location = store.location(false).unwrap().unwrap();
        let entries = || store.entries().unwrap();
        leave_total_too_high(&location);
        assert_eq!(entries(), 2);
        store.purge().unwrap();
        assert_eq!(entries(), 1);
        leave_total_too_high(&location);
        cache.clear().unwrap();
        assert_eq!(entries(), 0);
    }
}
