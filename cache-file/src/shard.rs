//! One shard: its directory, and the entries that appear in it.

use std::time::Duration;

use cache_core::Payload;
use rustix::fd::OwnedFd;
use rustix::fs::OFlags;

use crate::dir::{Dir, TempFile};
use crate::entry::Encoded;
use crate::fs::Fault;
use crate::layout::{EntryName, Location};
use crate::read::{self, Depth, Found, Seen};
use crate::state::State;

/// Bodies up to this size are copied behind their head, to be written in one call.
const COPIED: usize = 64 * 1024;

/// A shard, opened for one call.
#[derive(Debug)]
pub(crate) struct Shard<'a> {
    pub(crate) location: &'a Location,
    pub(crate) index: u32,
    pub(crate) dir: Dir<'a>,
    timeout: Duration,
}

impl<'a> Shard<'a> {
    pub(crate) fn new(location: &'a Location, index: u32, fd: OwnedFd, timeout: Duration) -> Self {
        let dir = Dir::shard(&location.root, location.shard_name(index), fd, timeout);
        Self { location, index, dir, timeout }
    }

    pub(crate) fn state(&self) -> Result<State<'a>, Fault> {
        State::open(self.location, self.timeout)
    }

    /// What is under a key, and its file.
    pub(crate) fn look(
        &self,
        name: &EntryName,
        key: &[u8],
        now: i64,
        depth: Depth,
        flags: OFlags,
    ) -> Result<Seen<(OwnedFd, Found)>, Fault> {
        let name = name.as_str();
        let Some(file) = self.dir.open_file(name, flags)? else { return Ok(Seen::Absent) };
        let seen = read::entry(&file, key, now, depth).map_err(|e| self.dir.fault(e, "read", name))?;
        Ok(seen.map(|found| (file, found)))
    }

    /// Removes an entry's file and gives its place back. Under the lock.
    pub(crate) fn remove(&self, name: &EntryName) -> Result<(), Fault> {
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

    /// The same of entries that went to make room.
    pub(crate) fn evicted(&self, places: u32) {
        self.tell(|state| state.evicted(self.index, places));
    }

    fn tell(&self, what: impl FnOnce(&mut State<'a>) -> Result<(), Fault>) {
        if let Err(Fault::Failed(error)) = self.state().and_then(|mut state| what(&mut state)) {
            tracing::warn!(target: "cache_file", %error, "the count of entries is too high for now");
        }
    }
}

/// An entry's file before it is one, with what may still change in it.
#[derive(Debug)]
pub(crate) struct Temp<'a> {
    file: TempFile<'a>,
    encoded: Encoded,
    deadline: i64,
}

impl<'a> Temp<'a> {
    pub(crate) fn write(
        shard: &'a Shard<'a>,
        key: &[u8],
        payload: &Payload,
        deadline: i64,
    ) -> Result<Self, Fault> {
        let body = payload.bytes();
        let copied = if body.len() <= COPIED { body.len() } else { 0 };
        let mut encoded = Encoded::new(key, payload, deadline, copied);
        let (near, far) = body.split_at(copied);
        let head_len = encoded.head.len();
        encoded.head.extend_from_slice(near);
        let file = TempFile::write(&shard.dir, [&encoded.head, far])?;
        encoded.head.truncate(head_len);
        Ok(Self { file, encoded, deadline })
    }

    pub(crate) const fn deadline(&self) -> i64 {
        self.deadline
    }

    /// Sets the deadline anew: the wait for the lock must not shorten a lifetime.
    pub(crate) fn restamp(&mut self, deadline: i64) -> Result<(), Fault> {
        if deadline != self.deadline {
            let (slot, at) = self.encoded.restamped(deadline);
            self.file.overwrite(&slot, at)?;
            self.deadline = deadline;
        }
        Ok(())
    }

    /// Makes it the entry `name`, over what is `present` there, in one step. Under the lock.
    pub(crate) fn publish(&mut self, name: &EntryName, present: bool) -> Result<(), Fault> {
        self.file.publish(name.as_str(), present)
    }
}
