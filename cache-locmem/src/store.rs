//! The store: shards of a table each, under one exact bound.

use std::fmt;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use ahash::RandomState;
use cache_core::{Clock, Culling, Error, Expiry, Key, Payload, Result};

use crate::eviction::Eviction;
use crate::removed::Removed;
use crate::sync::{AtomicU64, AtomicUsize, RwLock, RwLockReadGuard, RwLockWriteGuard};
use crate::table::{NEVER, Reaped, Table, Use};

/// Up to this limit a store is one shard, and its culling exact: the least recently used of all.
/// Above it the least recently used of one shard go, so that no write ever stops for long.
const ONE_SHARD: u64 = 1_024;

/// Above [`ONE_SHARD`] a shard of an LRU holds about so many entries at most, so that culling one of them
/// is short work in the processor's own cache; powers of two.
const SHARD: usize = 1_024;
const FEWEST: usize = 64;
/// With S3-FIFO, which takes one out at a time and chooses better among more.
const SHARD_OF_QUEUES: usize = 4_096;
const FEWEST_OF_QUEUES: usize = 16;
const MOST: usize = 4_096;
/// A store without a limit: as many as one of 262,144 entries.
const SHARDS_UNLIMITED: usize = 256;

/// Each write frees up to this many expired entries of its shard in passing.
const REAP_PER_WRITE: usize = 2;

/// A full store looks at so many deadlines at a time: a set must not stop for all that expired at once.
const REAP_PER_CULL: usize = 64;

/// A full store that finds nothing expired looks at no more deadlines than this, which entries that were set again
/// or touched have left behind: as many as there can be in a store of one shard. Then it culls.
const LOOKS_PER_CULL: usize = 2 * ONE_SHARD as usize + 256;

/// Room that a write has made, and that others have taken, so often; then it writes while nobody else does.
const TRIES: usize = 64;

pub(crate) struct Store {
    shards: Box<[Shard]>,
    hasher: RandomState,
    /// Entries and places reserved for them: never above the limit.
    count: AtomicUsize,
    limit: usize,
    /// How many of them a shard holds, where all hold the same.
    share: usize,
    /// The earliest deadline of all shards, or one before it.
    soonest: AtomicU64,
    culling: Culling,
    eviction: Eviction,
    clock: Clock,
}

/// Apart by a cache line or two: neighbours' locks must not slow each other.
#[repr(align(128))]
struct Shard {
    table: RwLock<Table>,
    ticks: AtomicU64,
}

/// No entry: keys and values are nobody's but the callers'.
impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("entries", &self.len())
            .field("culling", &self.culling)
            .field("eviction", &self.eviction)
            .finish_non_exhaustive()
    }
}

impl Shard {
    #[inline]
    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::Relaxed)
    }

    fn use_now(&self, table: &Table) -> Use {
        table.use_now(|| self.tick())
    }
}

/// The last handle is gone. As a clear: that one value panics as it is dropped keeps no other.
impl Drop for Store {
    fn drop(&mut self) {
        self.clear();
    }
}

/// What is to be stored.
struct New<'a> {
    hash: u64,
    key: &'a str,
    payload: Payload,
    deadline: u64,
    over: Over,
    /// The time at the beginning of the call.
    now: u64,
}

/// What a write does where a live entry is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    Replace,
    Keep,
}

impl Store {
    pub(crate) fn new(culling: Culling, eviction: Eviction, clock: Clock) -> Self {
        Self::with_shards(shards_of(culling.limit(), eviction), culling, eviction, clock)
    }

    /// A store of so many shards, a power of two.
    pub(crate) fn with_shards(shards: usize, culling: Culling, eviction: Eviction, clock: Clock) -> Self {
        let limit = culling.limit().map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let share = (limit / shards).max(1);
        // What never evicts needs no queues.
        let table = || match eviction {
            Eviction::S3Fifo if limit < usize::MAX => Table::s3_fifo(share),
            _ => Table::default(),
        };
        let shard = |_| Shard { table: RwLock::new(table()), ticks: AtomicU64::new(0) };
        Self {
            shards: (0..shards).map(shard).collect(),
            hasher: RandomState::new(),
            count: AtomicUsize::new(0),
            limit,
            share,
            soonest: AtomicU64::new(NEVER),
            culling,
            eviction,
            clock,
        }
    }

    pub(crate) const fn culling(&self) -> Culling {
        self.culling
    }

    pub(crate) const fn eviction(&self) -> Eviction {
        self.eviction
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Counts wrong: as many as there may be.
    #[cfg(test)]
    pub(crate) fn miscount(&self) {
        self.count.store(self.limit, Ordering::SeqCst);
    }

    /// How many entries had to make room since the store was made.
    pub(crate) fn evicted(&self) -> u64 {
        self.shards.iter().map(|shard| shard.read().evicted()).sum()
    }

    #[inline]
    pub(crate) fn get(&self, key: Key<'_>) -> Option<Payload> {
        let (hash, shard) = self.place(key);
        let table = shard.read();
        let entry = table.find(hash, key.as_str())?;
        if !self.is_live(entry.deadline) {
            return None;
        }
        entry.use_at(table.use_now(|| self.tick_of_hit(shard)));
        Some(entry.payload.clone())
    }

    pub(crate) fn has_key(&self, key: Key<'_>) -> bool {
        let (hash, shard) = self.place(key);
        let table = shard.read();
        table.find(hash, key.as_str()).is_some_and(|entry| self.is_live(entry.deadline))
    }

    /// True if `payload` was stored.
    pub(crate) fn put(&self, key: Key<'_>, payload: Payload, expiry: Expiry, over: Over) -> bool {
        let (hash, home) = self.place(key);
        let (now, deadline) = self.times(expiry);
        let mut new = New { hash, key: key.as_str(), payload: shareable(payload), deadline, over, now };
        for _ in 0..TRIES {
            let mut removed = Removed::default();
            let mut table = home.write();
            self.release(table.reap(now, REAP_PER_WRITE, &mut removed).removed);
            match self.put_in(&mut table, home, new, &mut removed) {
                Ok(stored) => return stored,
                Err(full) => new = full,
            }
            drop(table);
            // Before others look for room: what it holds may be large.
            drop(removed);
            self.cull(home, now);
        }
        self.put_alone(home, new)
    }

    /// What came of a new value in the shard that is its home. The value itself where the store is full.
    fn put_in<'a>(
        &self,
        table: &mut Table,
        home: &Shard,
        new: New<'a>,
        removed: &mut Removed,
    ) -> std::result::Result<bool, New<'a>> {
        let used = home.use_now(table);
        if let Some(entry) = table.find_mut(new.hash, new.key) {
            if new.over == Over::Keep && self.is_live(entry.deadline) {
                removed.value(new.payload);
                return Ok(false);
            }
            entry.use_at(used);
            removed.value(std::mem::replace(&mut entry.payload, new.payload));
            let before = std::mem::replace(&mut entry.deadline, new.deadline);
            table.expires(new.hash, before, new.deadline);
        } else if self.reserve() || self.exchange(table, new.hash, new.now, removed) {
            table.insert(new.hash, new.key, new.payload, new.deadline, used);
        } else {
            return Err(new);
        }
        self.note(new.deadline);
        Ok(true)
    }

    /// [`Store::put_in`] while nobody else writes: others took the room each time that one was made. One
    /// entry goes, so this ends.
    #[cold]
    fn put_alone(&self, home: &Shard, new: New<'_>) -> bool {
        let mut removed = Removed::default();
        // In the order of their places, as everywhere.
        let mut tables: Vec<_> = self.shards.iter().map(Shard::write).collect();
        // What is counted now is there.
        self.count.store(tables.iter().map(|table| table.len()).sum(), Ordering::Release);
        let at_home = self.shards.iter().position(|shard| std::ptr::eq(shard, home)).unwrap_or_default();
        let known = tables[at_home].find(new.hash, new.key).is_some();
        if !known && self.len() >= self.limit {
            // At home, as each new key of a large store; else where there is one.
            let places = std::iter::once(at_home).chain(0..tables.len());
            let gone = places.map(|place| tables[place].take_victims(1, &mut removed)).find(|&gone| gone > 0);
            self.release(gone.unwrap_or_default());
        }
        match self.put_in(&mut tables[at_home], home, new, &mut removed) {
            Ok(stored) => stored,
            // A store has room for one entry at least.
            Err(refused) => {
                removed.value(refused.payload);
                false
            }
        }
    }

    pub(crate) fn touch(&self, key: Key<'_>, expiry: Expiry) -> bool {
        let (hash, shard) = self.place(key);
        let (_, deadline) = self.times(expiry);
        let mut table = shard.write();
        match table.find_mut(hash, key.as_str()) {
            Some(entry) if self.is_live(entry.deadline) => {
                let before = std::mem::replace(&mut entry.deadline, deadline);
                table.expires(hash, before, deadline);
                self.note(deadline);
                true
            }
            _ => false,
        }
    }

    pub(crate) fn delete(&self, key: Key<'_>) -> bool {
        let (hash, shard) = self.place(key);
        let mut table = shard.write();
        let removed = table.remove(hash, key.as_str());
        self.release(usize::from(removed.is_some()));
        drop(table);
        removed.is_some_and(|entry| self.is_live(entry.deadline))
    }

    pub(crate) fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        let (hash, shard) = self.place(key);
        let mut table = shard.write();
        let used = shard.use_now(&table);
        match table.find_mut(hash, key.as_str()) {
            Some(entry) if self.is_live(entry.deadline) => {
                let Payload::Int(n) = &mut entry.payload else {
                    return Err(Error::not_an_integer(key.as_str()));
                };
                *n = n.checked_add(delta).ok_or_else(|| Error::overflow(key.as_str()))?;
                let sum = *n;
                entry.use_at(used);
                Ok(sum)
            }
            _ => Err(Error::key_not_found(key.as_str())),
        }
    }

    /// Moves a live entry. Both shards are locked at once, so that a reader always finds it.
    pub(crate) fn rename(&self, from: Key<'_>, to: Key<'_>) -> bool {
        let (from_hash, from_place) = (self.hash(from), self.shard_of(self.hash(from)));
        let (to_hash, to_place) = (self.hash(to), self.shard_of(self.hash(to)));
        let shards = (&self.shards[from_place], &self.shards[to_place]);
        let mut removed = Removed::default();
        // In the order of their places: two renames the other way round must not wait for
        // each other.
        let (mut source, mut target);
        if from_place == to_place {
            (source, target) = (shards.0.write(), None);
        } else if from_place < to_place {
            source = shards.0.write();
            target = Some(shards.1.write());
        } else {
            target = Some(shards.1.write());
            source = shards.0.write();
        }
        if !source.find(from_hash, from.as_str()).is_some_and(|entry| self.is_live(entry.deadline)) {
            return false;
        }
        let Some(entry) = source.remove(from_hash, from.as_str()) else { return false };
        let table = target.as_deref_mut().unwrap_or(&mut source);
        let replaced = table.remove(to_hash, to.as_str());
        let used = shards.1.use_now(table);
        table.insert(to_hash, to.as_str(), entry.payload, entry.deadline, used);
        self.note(entry.deadline);
        if let Some(replaced) = replaced {
            self.release(1);
            removed.entry(replaced);
        }
        true
    }

    pub(crate) fn clear(&self) {
        let mut removed = Removed::default();
        self.shards.iter().for_each(|shard| self.empty(&mut shard.write(), &mut removed));
    }

    fn evict_all(&self, table: &mut Table, removed: &mut Removed) {
        table.made_room(table.len());
        self.empty(table, removed);
    }

    fn empty(&self, table: &mut Table, removed: &mut Removed) {
        self.release(table.take_all(removed));
    }

    /// Takes an entry out of a full store's shard, by S3-FIFO: a new one gets its place at once. False
    /// where [`Store::cull`] has to find room.
    fn exchange(&self, table: &mut Table, newcomer: u64, now: u64, removed: &mut Removed) -> bool {
        let one_goes = !self.culling.drops_all() && self.culling.victims(table.len() as u64) == 1;
        let here = table.has_queues() && one_goes && table.len() >= self.share && !self.may_expire(now);
        let evicted = if here { table.evict(Some(newcomer)) } else { None };
        evicted.map(|entry| removed.entry(entry)).is_some()
    }

    /// Makes room: expired entries anywhere go first, else a share of those that are to go next.
    fn cull(&self, home: &Shard, now: u64) {
        if self.may_expire(now) && self.reap(now) {
            return;
        }
        // A shard that holds less than others would otherwise do so for ever: what it gives up for
        // each new key is its own.
        let large = self.shards.iter().filter(|shard| shard.read().len() > self.share);
        let large = large.take(if home.read().len() < self.share { usize::MAX } else { 0 });
        let mut removed = Removed::default();
        for shard in large.chain(std::iter::once(home)).chain(&self.shards) {
            let mut table = shard.write();
            // Of several that found the store full one makes room, and the others look again.
            if self.len() < self.limit {
                return;
            }
            if self.culling.drops_all() {
                self.evict_all(&mut table, &mut removed);
                drop(table);
                let others = self.shards.iter().filter(|other| !std::ptr::eq(*other, shard));
                return others.for_each(|other| self.evict_all(&mut other.write(), &mut removed));
            }
            let victims = self.culling.victims(table.len() as u64);
            let taken = table.take_victims(usize::try_from(victims).unwrap_or(usize::MAX), &mut removed);
            self.release(taken);
            if taken > 0 {
                return;
            }
        }
    }

    /// Removes expired entries of one shard that has some; false if none was found.
    fn reap(&self, now: u64) -> bool {
        let mut looks = LOOKS_PER_CULL;
        for shard in &self.shards {
            if shard.read().soonest() > now {
                continue;
            }
            let mut gone = Removed::default();
            let mut table = shard.write();
            while table.soonest() <= now {
                let Reaped { looked_at, removed } = table.reap(now, REAP_PER_CULL.min(looks), &mut gone);
                self.release(removed);
                if removed > 0 {
                    return true;
                }
                looks -= looked_at;
                if looks == 0 {
                    return false;
                }
                // At the last moment of the clock no deadline at all looks like one that has passed.
                if looked_at == 0 {
                    break;
                }
            }
        }
        // Nothing has expired, so nobody misses what this hides for a moment: the deadlines are
        // gathered anew, and one that comes meanwhile is noted by its writer.
        self.soonest.store(NEVER, Ordering::Relaxed);
        self.shards.iter().for_each(|shard| self.note(shard.read().soonest()));
        false
    }

    fn may_expire(&self, now: u64) -> bool {
        self.soonest.load(Ordering::Relaxed) <= now
    }

    /// Notes a deadline, while its shard is locked.
    fn note(&self, deadline: u64) {
        if deadline < self.soonest.load(Ordering::Relaxed) {
            self.soonest.fetch_min(deadline, Ordering::Relaxed);
        }
    }

    fn reserve(&self) -> bool {
        let one_more = |count: usize| (count < self.limit).then_some(count + 1);
        self.count.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_ok()
    }

    /// While the shard is locked: else a full store could be found with nothing in it to drop.
    fn release(&self, places: usize) {
        if places > 0 {
            self.count.fetch_sub(places, Ordering::AcqRel);
        }
    }

    /// A small store culls exactly the least recently used, so every hit has a tick of its own. In a
    /// large one hits between two writes of a shard share theirs: ticks are dear, and where a third
    /// of hundreds goes at once the order of the last few does not matter.
    #[inline]
    fn tick_of_hit(&self, shard: &Shard) -> u64 {
        if self.shards.len() == 1 { shard.tick() } else { shard.ticks.load(Ordering::Relaxed) }
    }

    #[inline]
    pub(crate) fn hash(&self, key: Key<'_>) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The table uses the lowest and the highest bits of the hash: these are in between.
    #[inline]
    pub(crate) fn shard_of(&self, hash: u64) -> usize {
        (hash >> 40) as usize & (self.shards.len() - 1)
    }

    #[inline]
    fn place(&self, key: Key<'_>) -> (u64, &Shard) {
        let hash = self.hash(key);
        (hash, &self.shards[self.shard_of(hash)])
    }

    #[inline]
    fn is_live(&self, deadline: u64) -> bool {
        deadline == NEVER || !self.clock.has_passed(deadline)
    }

    /// The time now and the deadline of what is written now: by the precise clock where there is one,
    /// since an entry must not expire early. Without one the time may lag, and only serves to find room.
    fn times(&self, expiry: Expiry) -> (u64, u64) {
        match expiry {
            Expiry::Never => (self.clock.coarse_ns(), NEVER),
            Expiry::After(after) => {
                let now = self.clock.monotonic_ns();
                (now, u64::try_from(after.as_nanos()).map_or(NEVER, |ns| now.saturating_add(ns)))
            }
        }
    }
}

/// How many shards a store with this limit has: a power of two.
pub(crate) fn shards_of(limit: Option<u64>, eviction: Eviction) -> usize {
    let (shard, fewest) = match eviction {
        Eviction::Lru => (SHARD, FEWEST),
        Eviction::S3Fifo => (SHARD_OF_QUEUES, FEWEST_OF_QUEUES),
    };
    match limit {
        Some(limit) if limit <= ONE_SHARD => 1,
        Some(limit) => {
            let wanted = usize::try_from(limit).unwrap_or(usize::MAX).div_ceil(shard);
            wanted.checked_next_power_of_two().unwrap_or(usize::MAX).clamp(fewest, MOST)
        }
        None => SHARDS_UNLIMITED,
    }
}

/// `Bytes` made from an exact vector allocates when it is first cloned. That is done here, once,
/// and not in the first reader.
fn shareable(payload: Payload) -> Payload {
    drop(payload.clone());
    payload
}
