//! Storing a value: [`NativeStore::store`].

use std::time::Instant;

use cache_core::{Error, Expiry, Key, Payload, Result};
use rustix::fs::OFlags;

use super::NativeStore;
use super::new_entry::NewEntry;
use super::paths::EntryName;
use super::shard::Shard;
use super::state::{self, Reservation};
use crate::error::FsError;
use crate::layout::Over;
use crate::read::Depth;

impl NativeStore {
    /// Stores a value, and returns whether it did.
    pub(super) fn store(&self, key: Key<'_>, value: &Payload, expiry: Expiry, over: Over) -> Result<bool> {
        // Spares the temporary file. Whether the entry is absent is decided under the lock.
        if over == Over::Keep && self.find(key, Depth::Whole)?.is_some() {
            return Ok(false);
        }
        let name = EntryName::of(key.as_bytes());
        let mut again = false;
        self.retry(|| {
            let location = self.location(true)?.ok_or(FsError::Gone(None))?;
            let shard =
                self.open_shard(&location, location.shard_of(&name), true)?.ok_or(FsError::Gone(None))?;
            // A sweep may have found the file before its own lock, and removed it: none can under this lock.
            if std::mem::replace(&mut again, true) {
                shard.dir.lock()?;
            }
            let temp = NewEntry::write(&shard, key.as_bytes(), value, self.deadline(expiry))?;
            self.publish(&shard, temp, &name, key, expiry, over)
        })
    }

    /// Makes the temporary file the entry, once it has a place in the store.
    fn publish(
        &self,
        shard: &Shard<'_>,
        mut temp: NewEntry<'_>,
        name: &EntryName,
        key: Key<'_>,
        expiry: Expiry,
        over: Over,
    ) -> Result<bool, FsError> {
        let since = Instant::now();
        let (mut removed, mut has_tried) = (0, false);
        loop {
            shard.dir.lock()?;
            if over == Over::Keep
                && shard.look(name, key.as_bytes(), self.now(), Depth::Whole, OFlags::RDONLY)?.is_live()
            {
                return Ok(false);
            }
            temp.restamp(self.deadline(expiry))?;
            if shard.dir.has_file(name.as_str())? {
                state::expect_deadline(shard.location, shard.index, temp.deadline(), self.lock_timeout)?;
                temp.publish(name, true)?;
                return Ok(true);
            }
            let taken = shard.state()?.take(shard.index, temp.deadline(), Some(&self.limits), removed > 1)?;
            if let Reservation::Taken { sweep } = taken {
                if let Err(fault) = temp.publish(name, false) {
                    shard.give_back(1);
                    return Err(fault);
                }
                if sweep {
                    self.sweep_when_due(shard);
                }
                return Ok(true);
            }
            // A store that is being reduced to a lower limit gives the places to the writers that free them.
            if taken == (Reservation::Full { over: false })
                && has_tried
                && since.elapsed() >= self.lock_timeout
            {
                let dir = self.dir.display();
                return Err(Error::unavailable(format!(
                    "the file cache {dir} is full and other writers took every place that was freed \
                     for {:?}: raise max_entries, or lower cull_frequency",
                    self.lock_timeout
                ))
                .into());
            }
            has_tried = true;
            removed += self.make_room(shard)?;
        }
    }
}
