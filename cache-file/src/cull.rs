//! Making room and tidying up: sweep, cull, clear, and counting again.

use std::sync::Arc;

use cache_core::Result;
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::dir::Listing;
use crate::entry::NEVER;
use crate::fs::{self, Fault};
use crate::layout::{Location, role};
use crate::read::{self, Depth, Seen};
use crate::shard::Shard;
use crate::state::{self, Plan, State};
use crate::store::Store;

/// What [`FileCache::sweep`](crate::FileCache::sweep) found, in numbers of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Swept {
    /// Expired entries removed.
    pub expired: u64,
    /// Damaged entries removed.
    pub damaged: u64,
    /// Temporary files removed that killed writers had left.
    pub temporary: u64,
    /// Entries that stay.
    pub entries: u64,
}

/// The most entries that go at once, beyond the share, where the limit was lowered: about what a shard
/// is meant to hold.
const STEP: u64 = 256;

impl Store {
    pub(crate) fn with_shard<T: Default>(
        &self,
        location: &Location,
        index: u32,
        op: impl FnOnce(&Shard<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        match self.open_shard(location, index, false)? {
            Some(shard) => {
                shard.dir.lock()?;
                op(&shard)
            }
            // Removed underneath: nothing is in it.
            None => {
                State::open(location, self.lock_timeout)?.listed(index, 0, Some(NEVER))?;
                Ok(T::default())
            }
        }
    }

    /// Lists a locked shard, removes what killed writers left and, where something may have
    /// expired, what has; then sets its count right. With a depth every entry is looked at.
    ///
    /// Returns the names that stay.
    pub(crate) fn sweep_shard(
        &self,
        shard: &Shard<'_>,
        depth: Option<Depth>,
    ) -> Result<(Swept, Vec<String>), Fault> {
        let now = self.now();
        let Listing { mut entries, temporary } = shard.dir.list(role)?;
        let mut swept = Swept { temporary: shard.dir.remove_temporary(&temporary)?, ..Swept::default() };
        let looks = depth.is_some() || shard.state()?.may_hold_expired(shard.index, now)?;
        let mut soonest = NEVER;
        if looks {
            let mut kept = Vec::with_capacity(entries.len());
            for name in entries {
                match look(shard, &name, now, depth.unwrap_or(Depth::Head))? {
                    Seen::Live(deadline) => {
                        soonest = soonest.min(deadline);
                        kept.push(name);
                    }
                    Seen::Expired => swept.expired += u64::from(shard.dir.unlink(&name)?),
                    Seen::Damaged => swept.damaged += u64::from(shard.dir.unlink(&name)?),
                    Seen::Absent => {}
                }
            }
            entries = kept;
        }
        swept.entries = entries.len() as u64;
        shard.state()?.listed(shard.index, swept.entries, looks.then_some(soonest))?;
        Ok((swept, entries))
    }

    /// After a write that is done: a failure here is not its failure.
    pub(crate) fn sweep_when_due(&self, shard: &Shard<'_>) {
        if let Err(Fault::Failed(error)) = self.sweep_shard(shard, None) {
            tracing::warn!(target: "cache_file", %error, "a sweep failed");
        }
    }

    /// Makes room in a full store by removing from one locked shard: what has expired, else a
    /// share, or up to [`STEP`] where the store holds more than its limit. Does nothing when another writer
    /// has made room meanwhile. Says how many entries went.
    pub(crate) fn cull(&self, shard: &Shard<'_>) -> Result<u64, Fault> {
        if shard.state()?.excess(&self.limits).is_none() {
            return Ok(0);
        }
        let (swept, mut names) = self.sweep_shard(shard, None)?;
        let gone = swept.expired + swept.damaged;
        let excess = shard.state()?.excess(&self.limits);
        let Some((limits, excess)) = excess.filter(|_| gone == 0) else { return Ok(gone) };
        let wanted = limits.victims(swept.entries).max(excess.min(STEP));
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

    pub(crate) fn list_unlisted(&self, location: &Location) -> Result<(), Fault> {
        loop {
            let plan = State::open(location, self.lock_timeout)?.plan(0, self.now(), None)?;
            let Plan::List(index) = plan else { return Ok(()) };
            self.with_shard(location, index, |shard| self.sweep_shard(shard, None).map(drop))?;
        }
    }

    /// All entries, expired ones included.
    pub(crate) fn number_of_entries(&self) -> Result<u64> {
        self.retry(|| {
            let Some(location) = self.location(false)? else { return Ok(0) };
            if state::shards(&location.root)?.is_none() {
                return self.count(&location);
            }
            loop {
                let total = State::open(&location, self.lock_timeout)?.total();
                match total {
                    Some(total) => return Ok(total),
                    None => self.list_unlisted(&location)?,
                }
            }
        })
    }

    pub(crate) fn sweep_shards(&self) -> Result<Swept> {
        self.retry(|| {
            let mut sum = Swept::default();
            let Some(location) = self.location(false)? else { return Ok(sum) };
            for (index, of) in state::shard_dirs(&location.root)? {
                if of != location.shards {
                    self.clear_foreign_shard(&location, index, of)?;
                    continue;
                }
                self.with_shard(&location, index, |shard| {
                    let (swept, _) = self.sweep_shard(shard, Some(Depth::Whole))?;
                    sum.expired += swept.expired;
                    sum.damaged += swept.damaged;
                    sum.temporary += swept.temporary;
                    sum.entries += swept.entries;
                    Ok(())
                })?;
            }
            self.add_up(&location)?;
            Ok(sum)
        })
    }

    pub(crate) fn clear_all(&self) -> Result<()> {
        self.retry(|| match self.location(false)? {
            Some(location) => self.clear_shards(&location, |_, _, _| Ok(())),
            None => Ok(()),
        })
    }

    /// `tell` has the state know of each shard how many entries went.
    fn clear_shards(
        &self,
        location: &Location,
        tell: impl Fn(&mut State<'_>, u32, u32) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        for (index, of) in state::shard_dirs(&location.root)? {
            if of == location.shards {
                self.with_shard(location, index, |shard| {
                    let gone = clear_dir(shard)?;
                    let mut state = shard.state()?;
                    tell(&mut state, index, gone)?;
                    state.listed(index, 0, Some(NEVER))
                })?;
            } else {
                self.clear_foreign_shard(location, index, of)?;
            }
        }
        self.add_up(location)
    }

    fn add_up(&self, location: &Location) -> Result<(), Fault> {
        State::open(location, self.lock_timeout)?.add_up()
    }

    /// Entries that a store with another number of shards left behind here: nobody reads them.
    fn clear_foreign_shard(&self, location: &Location, index: u32, of: u32) -> Result<(), Fault> {
        let other = Location { root: Arc::clone(&location.root), shards: of };
        match fs::open_dir(&other.root, &other.shard_name(index)) {
            Ok(dir) => {
                let shard = Shard::new(&other, index, dir, self.lock_timeout);
                shard.dir.lock()?;
                clear_dir(&shard).map(drop)
            }
            Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(fs::fault(errno, "open the directory", &other.shard_path(index))),
        }
    }
}

/// Says how many entries there were.
fn clear_dir(shard: &Shard<'_>) -> Result<u32, Fault> {
    let listing = shard.dir.list(role)?;
    let mut gone = 0;
    for name in &listing.entries {
        gone += u32::from(shard.dir.unlink(name)?);
    }
    shard.dir.remove_temporary(&listing.temporary)?;
    Ok(gone)
}

/// The deadline of the entry of this name.
fn look(shard: &Shard<'_>, name: &str, now: i64, depth: Depth) -> Result<Seen<i64>, Fault> {
    let Some(file) = shard.dir.open_file(name, OFlags::RDONLY)? else { return Ok(Seen::Absent) };
    let seen =
        read::header(&file, now, depth, name.as_bytes()).map_err(|e| shard.dir.fault(e, "read", name))?;
    Ok(seen.map(|header| header.slot.deadline))
}
