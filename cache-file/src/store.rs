//! [`Store`]: the operations.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use cache_core::{Clock, Error, Expiry, Key, Payload, PerProcess, Result};
use cache_fs::make_dir;
use rustix::fs::{AtFlags, OFlags};
use rustix::io::Errno;

use crate::dir::{AT_ONCE, is_no_entry};
use crate::entry::NEVER;
use crate::fs::{self, Fault, fault};
use crate::layout::{self, EntryName, Location};
use crate::limits::Limits;
use crate::read::{self, Depth, Found, Seen};
use crate::shard::{Shard, Temp};
use crate::state::{self, Place, Plan};

#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) dir: PathBuf,
    pub(crate) limits: Limits,
    pub(crate) clock: Clock,
    pub(crate) lock_timeout: Duration,
    here: PerProcess<Here>,
}

/// What a process knows of the directory.
#[derive(Debug, Default)]
struct Here {
    /// Found on the first use, and again after the directory vanished or was exchanged.
    location: RwLock<Option<Arc<Location>>>,
}

impl Store {
    pub(crate) fn new(dir: PathBuf, limits: Limits, clock: Clock, lock_timeout: Duration) -> Self {
        Self { dir, limits, clock, lock_timeout, here: PerProcess::new() }
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.wall_us()
    }

    fn deadline(&self, expiry: Expiry) -> i64 {
        expiry.deadline_us(self.now()).unwrap_or(NEVER)
    }

    pub(crate) fn forget_location(&self) {
        *self.here.get().location.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Runs `op` until no directory vanishes underneath.
    pub(crate) fn retry<T>(&self, op: impl FnMut() -> Result<T, Fault>) -> Result<T> {
        fs::retry(&self.dir, || self.forget_location(), op)
    }

    /// Where the entries are; `None` where there is no store yet and none is to be made.
    pub(crate) fn location(&self, create: bool) -> Result<Option<Arc<Location>>, Fault> {
        let known = &self.here.get().location;
        let held = known.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(location) = held.filter(|location| location.root.is_in_place()) {
            return Ok(Some(location));
        }
        self.forget_location();
        let Some(root) = fs::settle_root(&self.dir, create)?.map(Arc::new) else { return Ok(None) };
        let shards = match state::shards(&root)? {
            Some(shards) => shards,
            None if create => {
                let limit = self.limits.of_new_store().limit();
                state::create(&root, layout::shards_for(limit), self.lock_timeout)?
            }
            None => match state::shards_by_name(&root)? {
                Some(shards) => shards,
                None => return Ok(None),
            },
        };
        let location = Arc::new(Location { root, shards });
        *known.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&location));
        Ok(Some(location))
    }

    /// `Gone` where the store has another number of shards than we know, or is not there: another
    /// process may have made it anew.
    fn check_current(location: &Location) -> Result<(), Fault> {
        let shards = match state::shards(&location.root)? {
            None => state::shards_by_name(&location.root)?,
            known => known,
        };
        if shards == Some(location.shards) { Ok(()) } else { Err(Fault::Gone(None)) }
    }

    pub(crate) fn open_shard<'a>(
        &self,
        location: &'a Location,
        index: u32,
        create: bool,
    ) -> Result<Option<Shard<'a>>, Fault> {
        let name = location.shard_name(index);
        let opened = match fs::open_dir(&location.root, &name) {
            Err(Errno::NOENT) => {
                Self::check_current(location)?;
                if !create {
                    return Ok(None);
                }
                make_dir(&*location.root, name.as_str(), location.root.heir())
            }
            opened => opened,
        };
        match opened {
            Ok(dir) => Ok(Some(Shard::new(location, index, dir, self.lock_timeout))),
            Err(errno) => Err(fault(errno, "open the directory", &location.shard_path(index))),
        }
    }

    /// The live entry of a key. Takes no lock, unless it looks damaged.
    pub(crate) fn find(&self, key: Key<'_>, depth: Depth) -> Result<Option<Found>> {
        let name = EntryName::of(key.as_bytes());
        self.retry(|| {
            let Some(location) = self.location(false)? else { return Ok(None) };
            let index = location.shard_of(&name);
            let below = location.entry_path(index, &name);
            let file = match fs::open_to_read(&location.root, &below) {
                Ok(file) => file,
                Err(Errno::NOENT) => {
                    let shard = location.shard_name(index);
                    if rustix::fs::statat(&*location.root, shard, AtFlags::SYMLINK_NOFOLLOW).is_err() {
                        Self::check_current(&location)?;
                    }
                    return Ok(None);
                }
                Err(errno) if is_no_entry(errno) => return Ok(None),
                Err(errno) => return Err(fault(errno, "open", &location.root.path().join(below))),
            };
            match read::entry(&file, key.as_bytes(), self.now(), depth) {
                Ok(Seen::Live(found)) => Ok(Some(found)),
                Ok(Seen::Damaged) => Ok(self.look_again(&location, &name, key, depth)),
                Ok(_) => Ok(None),
                Err(errno) => Err(fault(errno, "read", &location.root.path().join(below))),
            }
        })
    }

    /// A reader may see a `touch` half-way: only what is damaged under the lock is, and goes.
    /// A failure on the way leaves the entry to others, and is a miss as damage is.
    fn look_again(&self, location: &Location, name: &EntryName, key: Key<'_>, depth: Depth) -> Option<Found> {
        let shard = self.open_shard(location, location.shard_of(name), false).ok()??;
        shard.dir.lock().ok()?;
        match shard.look(name, key.as_bytes(), self.now(), depth, OFlags::RDONLY).ok()? {
            Seen::Live((_, found)) => return Some(found),
            Seen::Damaged => {
                let removed = shard.remove(name).is_ok();
                tracing::warn!(target: "cache_file", file = name.as_str(), removed, "a damaged entry");
            }
            Seen::Absent | Seen::Expired => {}
        }
        None
    }

    /// Stores; with `add` only if no live entry is there. True if it did.
    pub(crate) fn put(&self, key: Key<'_>, value: &Payload, expiry: Expiry, add: bool) -> Result<bool> {
        // Spares the temporary file; whether it is absent is decided under the lock.
        if add && self.find(key, Depth::Whole)?.is_some() {
            return Ok(false);
        }
        let name = EntryName::of(key.as_bytes());
        self.retry(|| {
            let location = self.location(true)?.ok_or(Fault::Gone(None))?;
            let shard =
                self.open_shard(&location, location.shard_of(&name), true)?.ok_or(Fault::Gone(None))?;
            let temp = Temp::write(&shard, key.as_bytes(), value, self.deadline(expiry))?;
            self.publish(&shard, temp, &name, key, expiry, add)
        })
    }

    fn publish(
        &self,
        shard: &Shard<'_>,
        mut temp: Temp<'_>,
        name: &EntryName,
        key: Key<'_>,
        expiry: Expiry,
        add: bool,
    ) -> Result<bool, Fault> {
        let since = Instant::now();
        let (mut removed, mut has_tried) = (0, false);
        loop {
            shard.dir.lock()?;
            if add && shard.look(name, key.as_bytes(), self.now(), Depth::Whole, OFlags::RDONLY)?.is_live() {
                return Ok(false);
            }
            temp.restamp(self.deadline(expiry))?;
            if shard.dir.has_file(name.as_str())? {
                state::expect_deadline(shard.location, shard.index, temp.deadline(), self.lock_timeout)?;
                temp.publish(name, true)?;
                return Ok(true);
            }
            let taken = shard.state()?.take(shard.index, temp.deadline(), Some(&self.limits), removed > 1)?;
            if let Place::Taken { sweep } = taken {
                if let Err(fault) = temp.publish(name, false) {
                    shard.give_back(1);
                    return Err(fault);
                }
                if sweep {
                    self.sweep_when_due(shard);
                }
                return Ok(true);
            }
            // One that is being emptied has places for whoever makes some.
            if taken == (Place::Full { over: false }) && has_tried && since.elapsed() >= self.lock_timeout {
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

    /// Makes room for a new key in `own`, which is locked; the lock may be gone afterwards. Says how many
    /// entries went.
    fn make_room(&self, own: &Shard<'_>) -> Result<u64, Fault> {
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

    /// Changes the live entry of a key in place; `None` where there is none. `change` gives the
    /// new deadline, the new number, and the result.
    fn amend<T>(&self, key: Key<'_>, change: impl Fn(&Found) -> Result<(i64, i64, T)>) -> Result<Option<T>> {
        let name = EntryName::of(key.as_bytes());
        self.retry(|| {
            let Some(location) = self.location(false)? else { return Ok(None) };
            let Some(shard) = self.open_shard(&location, location.shard_of(&name), false)? else {
                return Ok(None);
            };
            shard.dir.lock()?;
            let seen = shard.look(&name, key.as_bytes(), self.now(), Depth::Head, OFlags::RDWR)?;
            let (file, found) = match seen {
                Seen::Live(live) => live,
                Seen::Absent => return Ok(None),
                Seen::Damaged | Seen::Expired => return shard.remove(&name).map(|()| None),
            };
            let (deadline, number, result) = change(&found)?;
            if deadline != found.header.slot.deadline {
                state::expect_deadline(&location, shard.index, deadline, self.lock_timeout)?;
            }
            let (slot, at) = found.header.amended(deadline, number);
            fs::write_all_at(&file, &slot, at).map_err(|e| shard.dir.fault(e, "write", name.as_str()))?;
            Ok(Some(result))
        })
    }

    pub(crate) fn renew(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        let touched = self.amend(key, |found| Ok((self.deadline(expiry), found.header.slot.number, ())))?;
        Ok(touched.is_some())
    }

    pub(crate) fn count_on(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        let counted = self.amend(key, |found| {
            let Payload::Int(number) = found.payload else {
                return Err(Error::not_an_integer(key.as_str()));
            };
            let sum = number.checked_add(delta).ok_or_else(|| Error::overflow(key.as_str()))?;
            Ok((found.header.slot.deadline, sum, sum))
        })?;
        counted.ok_or_else(|| Error::key_not_found(key.as_str()))
    }

    pub(crate) fn remove(&self, key: Key<'_>) -> Result<bool> {
        let name = EntryName::of(key.as_bytes());
        self.retry(|| {
            let Some(location) = self.location(false)? else { return Ok(false) };
            let Some(shard) = self.open_shard(&location, location.shard_of(&name), false)? else {
                return Ok(false);
            };
            shard.dir.lock()?;
            self.remove_from(&shard, &name, key)
        })
    }

    /// Opens and locks each shard once, or as often as it takes not to keep others waiting.
    pub(crate) fn remove_many(&self, keys: &[Key<'_>]) -> Result<()> {
        let mut named: Vec<_> = keys.iter().map(|&key| (EntryName::of(key.as_bytes()), key)).collect();
        self.retry(|| {
            let Some(location) = self.location(false)? else { return Ok(()) };
            let shard_of = |(name, _): &(EntryName, Key<'_>)| location.shard_of(name);
            named.sort_unstable_by_key(shard_of);
            for of_one in named.chunk_by(|a, b| shard_of(a) == shard_of(b)) {
                let Some(index) = of_one.first().map(shard_of) else { continue };
                let Some(shard) = self.open_shard(&location, index, false)? else { continue };
                for some in of_one.chunks(AT_ONCE) {
                    shard.dir.lock()?;
                    some.iter().try_for_each(|(name, key)| self.remove_from(&shard, name, *key).map(drop))?;
                    shard.dir.unlock()?;
                }
            }
            Ok(())
        })
    }

    /// Removes an entry, expired or not; true if it was live. Under the lock.
    fn remove_from(&self, shard: &Shard<'_>, name: &EntryName, key: Key<'_>) -> Result<bool, Fault> {
        match shard.look(name, key.as_bytes(), self.now(), Depth::Head, OFlags::RDONLY)? {
            Seen::Absent => Ok(false),
            Seen::Damaged | Seen::Expired => shard.remove(name).map(|()| false),
            Seen::Live(_) => shard.remove(name).map(|()| true),
        }
    }

    pub(crate) fn move_entry(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
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
            let target = self.open_shard(&location, target, true)?.ok_or(Fault::Gone(None))?;
            // Always in this order, or two renames could wait for each other.
            let [first, second] =
                if source.index < target.index { [&source, &target] } else { [&target, &source] };
            first.dir.lock()?;
            second.dir.lock()?;
            self.rename_between(&source, &target, &names, [from, to])
        })
    }

    /// Both shards are locked. The value is under the old key, then under both, then the new one;
    /// in the middle, and only then, a full store holds one file more than its limit.
    fn rename_between(
        &self,
        source: &Shard<'_>,
        target: &Shard<'_>,
        [old, new]: &[EntryName; 2],
        [from, to]: [Key<'_>; 2],
    ) -> Result<bool, Fault> {
        let seen = source.look(old, from.as_bytes(), self.now(), Depth::Whole, OFlags::RDONLY)?;
        let Seen::Live((_, found)) = seen else { return Ok(false) };
        let deadline = found.header.slot.deadline;
        let mut temp = Temp::write(target, to.as_bytes(), &found.payload, deadline)?;
        let is_new = !target.dir.has_file(new.as_str())?;
        if !is_new {
            state::expect_deadline(target.location, target.index, deadline, self.lock_timeout)?;
        } else if target.state()?.take(target.index, deadline, None, false)? == Place::Unlisted {
            source.dir.unlock()?;
            target.dir.unlock()?;
            self.list_unlisted(target.location)?;
            return Err(Fault::Gone(None));
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
