//! [`Shard`]: one shard, its directory and the places it has in the state.

use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::fs::OFlags;

use super::lookup::{self, Found, Lookup};
use super::paths::{EntryName, Location};
use super::state::State;
use crate::entry_dir::EntryDir;
use crate::error::FsError;
use crate::read::Depth;

/// A shard, opened for one call.
#[derive(Debug)]
pub(crate) struct Shard<'a> {
    pub(crate) location: &'a Location,
    pub(crate) index: u32,
    pub(crate) dir: EntryDir<'a>,
    timeout: Duration,
}

impl<'a> Shard<'a> {
    pub(crate) fn new(location: &'a Location, index: u32, fd: OwnedFd, timeout: Duration) -> Self {
        let dir = EntryDir::shard(&location.root, location.shard_name(index), fd, timeout);
        Self { location, index, dir, timeout }
    }

    pub(crate) fn state(&self) -> Result<State<'a>, FsError> {
        State::open(self.location, self.timeout)
    }

    /// Looks up a key, and opens its file.
    pub(crate) fn look(
        &self,
        name: &EntryName,
        key: &[u8],
        now: i64,
        depth: Depth,
        flags: OFlags,
    ) -> Result<Lookup<(OwnedFd, Found)>, FsError> {
        let name = name.as_str();
        let Some(file) = self.dir.open_file(name, flags)? else { return Ok(Lookup::Absent) };
        let seen = lookup::entry(&file, key, now, depth).map_err(|e| self.dir.error(e, "read", name))?;
        Ok(seen.map(|found| (file, found)))
    }

    /// Removes an entry's file and gives its place back. Under the lock.
    pub(crate) fn remove(&self, name: &EntryName) -> Result<(), FsError> {
        if self.dir.unlink(name.as_str())? {
            self.give_back(1);
        }
        Ok(())
    }

    /// Gives places back whose entries are gone. It happened, so a failure is not the caller's: a
    /// count too high is put right by the next listing.
    pub(crate) fn give_back(&self, places: u32) {
        self.tell(|state| state.give_back(self.index, places));
    }

    /// Gives back the places of entries that went to make room.
    pub(crate) fn evicted(&self, places: u32) {
        self.tell(|state| state.evicted(self.index, places));
    }

    fn tell(&self, what: impl FnOnce(&mut State<'a>) -> Result<(), FsError>) {
        if let Err(FsError::Failed(error)) = self.state().and_then(|mut state| what(&mut state)) {
            tracing::warn!(target: "cache_file", %error, "the count of entries is too high for now");
        }
    }
}
