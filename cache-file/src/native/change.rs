//! Changing an entry in place, removing and renaming it, under the lock.

use cache_core::{Key, Result};
use rustix::fs::OFlags;

use super::NativeStore;
use super::lookup::{Found, Lookup};
use super::new_entry::NewEntry;
use super::paths::EntryName;
use super::shard::Shard;
use super::state::{self, Reservation};
use crate::entry_dir::AT_ONCE;
use crate::error::FsError;
use crate::fs;
use crate::read::Depth;

impl NativeStore {
    /// Changes the live entry of a key in place. Returns `None` if there is none. `change` gives the
    /// new deadline, the new number, and the result.
    pub(super) fn amend<T>(
        &self,
        key: Key<'_>,
        change: impl Fn(&Found) -> Result<(i64, i64, T)>,
    ) -> Result<Option<T>> {
        let name = EntryName::of(key.as_bytes());
        self.retry(|| {
            let Some(location) = self.location(false)? else { return Ok(None) };
            let Some(shard) = self.open_shard(&location, location.shard_of(&name), false)? else {
                return Ok(None);
            };
            shard.dir.lock()?;
            let seen = shard.look(&name, key.as_bytes(), self.now(), Depth::Head, OFlags::RDWR)?;
            let (file, found) = match seen {
                Lookup::Live(live) => live,
                Lookup::Absent => return Ok(None),
                Lookup::Damaged | Lookup::Expired => return shard.remove(&name).map(|()| None),
            };
            let (deadline, number, result) = change(&found)?;
            if deadline != found.header.slot.deadline {
                state::expect_deadline(&location, shard.index, deadline, self.lock_timeout)?;
            }
            let (slot, at) = found.header.amended(deadline, number);
            fs::write_all_at(&file, &slot, at).map_err(|e| shard.dir.error(e, "write", name.as_str()))?;
            Ok(Some(result))
        })
    }

    /// Removes entries, and returns how many were live. Opens each shard once, and locks it as often as it takes not
    /// to keep others waiting.
    pub(super) fn remove(&self, keys: &[Key<'_>]) -> Result<u64> {
        let mut named: Vec<_> = keys.iter().map(|&key| (EntryName::of(key.as_bytes()), key)).collect();
        self.retry(|| {
            let Some(location) = self.location(false)? else { return Ok(0) };
            let mut removed = 0;
            let shard_of = |(name, _): &(EntryName, Key<'_>)| location.shard_of(name);
            named.sort_unstable_by_key(shard_of);
            for of_one in named.chunk_by(|a, b| shard_of(a) == shard_of(b)) {
                let Some(index) = of_one.first().map(shard_of) else { continue };
                let Some(shard) = self.open_shard(&location, index, false)? else { continue };
                for (turn, some) in of_one.chunks(AT_ONCE).enumerate() {
                    if turn > 0 {
                        shard.dir.unlock()?;
                    }
                    shard.dir.lock()?;
                    for (name, key) in some {
                        removed += u64::from(self.remove_from(&shard, name, *key)?);
                    }
                }
            }
            Ok(removed)
        })
    }

    /// Removes an entry, expired or not, under the lock. Returns whether it was live.
    fn remove_from(&self, shard: &Shard<'_>, name: &EntryName, key: Key<'_>) -> Result<bool, FsError> {
        match shard.look(name, key.as_bytes(), self.now(), Depth::Head, OFlags::RDONLY)? {
            Lookup::Absent => Ok(false),
            Lookup::Damaged | Lookup::Expired => shard.remove(name).map(|()| false),
            Lookup::Live(_) => shard.remove(name).map(|()| true),
        }
    }

    pub(super) fn move_entry(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        // Spares making the directory of the target for nothing.
        if self.find(from, Depth::Head)?.is_none() {
            return Ok(false);
        }
        let names = [from, to].map(|key| EntryName::of(key.as_bytes()));
        self.retry(|| {
            let Some(location) = self.location(false)? else { return Ok(false) };
            let [source, target] = names.each_ref().map(|name| location.shard_of(name));
            let Some(source) = self.open_shard(&location, source, false)? else { return Ok(false) };
            if target == source.index {
                source.dir.lock()?;
                return self.rename_between(&source, &source, &names, [from, to]);
            }
            let target = self.open_shard(&location, target, true)?.ok_or(FsError::Gone(None))?;
            // Always in this order, or two renames could wait for each other.
            let [first, second] =
                if source.index < target.index { [&source, &target] } else { [&target, &source] };
            first.dir.lock()?;
            second.dir.lock()?;
            self.rename_between(&source, &target, &names, [from, to])
        })
    }

    /// Moves an entry, while both shards are locked. The value is under the old key, then under both, then under the
    /// new one. In the middle, and only then, a full store holds one file more than its limit.
    fn rename_between(
        &self,
        source: &Shard<'_>,
        target: &Shard<'_>,
        [old, new]: &[EntryName; 2],
        [from, to]: [Key<'_>; 2],
    ) -> Result<bool, FsError> {
        let seen = source.look(old, from.as_bytes(), self.now(), Depth::Whole, OFlags::RDONLY)?;
        let Lookup::Live((_, found)) = seen else { return Ok(false) };
        let deadline = found.header.slot.deadline;
        let mut temp = NewEntry::write(target, to.as_bytes(), &found.payload, deadline)?;
        let is_new = !target.dir.has_file(new.as_str())?;
        if !is_new {
            state::expect_deadline(target.location, target.index, deadline, self.lock_timeout)?;
        } else if target.state()?.take(target.index, deadline, None, false)? == Reservation::Unlisted {
            source.dir.unlock()?;
            target.dir.unlock()?;
            self.list_unlisted(target.location)?;
            return Err(FsError::Gone(None));
        }
        if let Err(fault) = temp.publish(new, !is_new) {
            if is_new {
                target.give_back(1);
            }
            return Err(fault);
        }
        source.remove(old)?;
        Ok(true)
    }
}
