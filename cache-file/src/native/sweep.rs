//! Removing what has expired, what is damaged, and what killed writers left; and clearing.

use std::sync::Arc;

use cache_core::Result;
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::NativeStore;
use super::entry::NEVER;
use super::lookup::{self, Lookup};
use super::paths::{Location, role, shard_dirs};
use super::shard::Shard;
use super::state::State;
use crate::entry_dir::Listing;
use crate::error::FsError;
use crate::fs;
use crate::layout::Swept;
use crate::read::Depth;

impl NativeStore {
    /// Lists a locked shard, removes what killed writers left and, where something may have
    /// expired, what has; then sets its count right. With a depth every entry is looked at.
    ///
    /// Returns the names that stay.
    pub(super) fn sweep_shard(
        &self,
        shard: &Shard<'_>,
        depth: Option<Depth>,
    ) -> Result<(Swept, Vec<String>), FsError> {
        let now = self.now();
        let Listing { mut entries, temporary } = shard.dir.list(role)?;
        let mut swept = Swept { temporary: shard.dir.remove_temporary(&temporary)?, ..Swept::default() };
        let looks = depth.is_some() || shard.state()?.may_hold_expired(shard.index, now)?;
        let mut soonest = NEVER;
        if looks {
            let mut kept = Vec::with_capacity(entries.len());
            for name in entries {
                match look(shard, &name, now, depth.unwrap_or(Depth::Head))? {
                    Lookup::Live(deadline) => {
                        soonest = soonest.min(deadline);
                        kept.push(name);
                    }
                    Lookup::Expired => swept.expired += u64::from(shard.dir.unlink(&name)?),
                    Lookup::Damaged => swept.damaged += u64::from(shard.dir.unlink(&name)?),
                    Lookup::Absent => {}
                }
            }
            entries = kept;
        }
        shard.state()?.listed(shard.index, entries.len() as u64, looks.then_some(soonest))?;
        Ok((swept, entries))
    }

    /// Sweeps after a write that is done: a failure here is not a failure of the write.
    pub(super) fn sweep_when_due(&self, shard: &Shard<'_>) {
        if let Err(FsError::Failed(error)) = self.sweep_shard(shard, None) {
            tracing::warn!(target: "cache_file", %error, "a sweep failed");
        }
    }

    /// Sweeps every shard, and looks at every entry in it.
    pub(super) fn sweep_shards(&self) -> Result<Swept> {
        self.retry(|| {
            let mut sum = Swept::default();
            let Some(location) = self.location(false)? else { return Ok(sum) };
            for (index, of) in shard_dirs(&location.root)? {
                if of != location.shards {
                    self.clear_foreign_shard(&location, index, of)?;
                    continue;
                }
                self.with_shard(&location, index, |shard| {
                    sum += self.sweep_shard(shard, Some(Depth::Whole))?.0;
                    Ok(())
                })?;
            }
            self.add_up(&location)?;
            Ok(sum)
        })
    }

    /// Removes all entries. `tell` notes in the state how many went from each shard.
    pub(super) fn clear_shards(
        &self,
        location: &Location,
        tell: impl Fn(&mut State<'_>, u32, u32) -> Result<(), FsError>,
    ) -> Result<(), FsError> {
        for (index, of) in shard_dirs(&location.root)? {
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

    fn add_up(&self, location: &Location) -> Result<(), FsError> {
        State::open(location, self.lock_timeout)?.add_up()
    }

    /// Removes entries that a store with another number of shards left behind: nobody reads them.
    fn clear_foreign_shard(&self, location: &Location, index: u32, of: u32) -> Result<(), FsError> {
        let other = Location { root: Arc::clone(&location.root), shards: of };
        match fs::open_dir(&other.root, &other.shard_name(index)) {
            Ok(dir) => {
                let shard = Shard::new(&other, index, dir, self.lock_timeout);
                shard.dir.lock()?;
                clear_dir(&shard).map(drop)
            }
            Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(FsError::new(errno, "open the directory", &other.shard_path(index))),
        }
    }
}

/// Removes all entries of a locked shard. Returns how many there were.
fn clear_dir(shard: &Shard<'_>) -> Result<u32, FsError> {
    let listing = shard.dir.list(role)?;
    let mut gone = 0;
    for name in &listing.entries {
        gone += u32::from(shard.dir.unlink(name)?);
    }
    shard.dir.remove_temporary(&listing.temporary)?;
    Ok(gone)
}

/// Looks up the deadline of the entry of this name.
fn look(shard: &Shard<'_>, name: &str, now: i64, depth: Depth) -> Result<Lookup<i64>, FsError> {
    let Some(file) = shard.dir.open_file(name, OFlags::RDONLY)? else { return Ok(Lookup::Absent) };
    let seen =
        lookup::header(&file, now, depth, name.as_bytes()).map_err(|e| shard.dir.error(e, "read", name))?;
    Ok(seen.map(|header| header.slot.deadline))
}
