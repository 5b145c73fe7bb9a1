//! [`NativeStore`]: this crate's native layout, with whole keys, checksums, and an exact bound at any size.

mod capacity;
mod change;
mod entry;
mod get;
mod info;
mod limits;
mod location;
mod lookup;
mod new_entry;
mod paths;
mod put;
mod shard;
mod state;
mod sweep;

use std::path::{Path, PathBuf};
use std::time::Duration;

use cache_core::{Capabilities, Clock, Error, Expiry, Info, Key, Payload, PerProcess, Presence, Result};
use cache_fs::can_be_made;

use self::entry::NEVER;
use self::location::Known;
use self::state::State;
use crate::layout::{self, Over, Store, Swept};
use crate::read::Depth;

pub(crate) use self::limits::Limits;

#[derive(Debug)]
pub(crate) struct NativeStore {
    dir: PathBuf,
    clock: Clock,
    lock_timeout: Duration,
    limits: Limits,
    known: PerProcess<Known>,
}

impl NativeStore {
    pub(crate) fn new(dir: PathBuf, clock: Clock, lock_timeout: Duration, limits: Limits) -> Self {
        Self { dir, clock, lock_timeout, limits, known: PerProcess::new() }
    }

    fn now(&self) -> i64 {
        self.clock.wall_us()
    }

    fn deadline(&self, expiry: Expiry) -> i64 {
        expiry.deadline_us(self.now()).unwrap_or(NEVER)
    }
}

impl Store for NativeStore {
    fn dir(&self) -> &Path {
        &self.dir
    }

    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        Ok(self.find(key, Depth::Whole)?.map(|found| found.payload))
    }

    /// Reads up to 64 KiB: of a larger entry the header and the key only.
    fn has_key(&self, key: Key<'_>) -> Result<bool> {
        Ok(self.find(key, Depth::Head)?.is_some())
    }

    fn put(&self, key: Key<'_>, value: &Payload, expiry: Expiry, over: Over) -> Result<bool> {
        self.store(key, value, expiry, over)
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        let touched = self.amend(key, |found| Ok((self.deadline(expiry), found.header.slot.number, ())))?;
        Ok(touched.is_some())
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        let counted = self.amend(key, |found| {
            let Payload::Int(number) = found.payload else {
                return Err(Error::not_an_integer(key.as_str()));
            };
            let sum = number.checked_add(delta).ok_or_else(|| Error::overflow(key.as_str()))?;
            Ok((found.header.slot.deadline, sum, sum))
        })?;
        counted.ok_or_else(|| Error::key_not_found(key.as_str()))
    }

    fn delete(&self, keys: &[Key<'_>]) -> Result<u64> {
        self.remove(keys)
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        self.move_entry(from, to)
    }

    fn clear(&self) -> Result<()> {
        self.retry(|| match self.location(false)? {
            Some(location) => self.clear_shards(&location, |_, _, _| Ok(())),
            None => Ok(()),
        })
    }

    fn close(&self) {
        self.forget_location();
    }

    fn entries(&self) -> Result<u64> {
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

    /// Locks the state as a write would. Where no store exists, checks whether one could be made.
    fn ping(&self) -> Result<Presence> {
        self.retry(|| match self.location(false)? {
            Some(location) if state::shards(&location.root)?.is_some() => {
                State::open(&location, self.lock_timeout).map(|_| Presence::Exists)
            }
            // The next write creates the state again.
            Some(_) => Ok(Presence::Exists),
            None => Ok(can_be_made(&self.dir).map(|()| Presence::NotYet)?),
        })
    }

    fn info(&self) -> Result<Info> {
        let entries = self.entries()?;
        let info = Info::default()
            .with_entries(entries)
            .with_max_entries(self.limits_shown(entries)?.limit())
            .with_bytes(self.bytes()?)
            .with_evictions(self.evictions()?);
        Ok(info.with_detail("directory", self.dir.display().to_string()))
    }

    fn purge(&self) -> Result<Swept> {
        self.sweep_shards()
    }

    fn capabilities(&self) -> Capabilities {
        layout::capabilities(self.limits.of_new_store())
    }
}
