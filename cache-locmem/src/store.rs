//! The store: shards of a table each, under one exact bound.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ahash::RandomState;
use cache_core::{Clock, Culling, Error, Expiry, Key, Payload, Result};

use crate::table::{NEVER, Table};

/// Up to this limit a store is one shard, and its culling exact: the least recently used of all.
/// Above it the least recently used of one shard go, so that no write ever stops for long.
const ONE_SHARD: u64 = 1_024;
const SHARDS: usize = 64;

/// Each write frees up to this many expired entries of its shard in passing.
const REAP_PER_WRITE: usize = 2;

#[derive(Debug)]
pub(crate) struct Store {
    shards: Box<[Shard]>,
    hasher: RandomState,
    /// Entries and places reserved for them: never above the limit.
    count: AtomicUsize,
    limit: usize,
    culling: Culling,
    clock: Clock,
}

/// Apart by a cache line or two: neighbours' locks must not slow each other.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    table: RwLock<Table>,
    ticks: AtomicU64,
}

impl Shard {
    #[inline]
    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::Relaxed)
    }
}

/// What a write does where a live entry is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    Replace,
    Keep,
}

impl Store {
    pub(crate) fn new(culling: Culling, clock: Clock) -> Self {
        let limit = culling.limit();
        let shards = if limit.is_some_and(|limit| limit <= ONE_SHARD) { 1 } else { SHARDS };
        Self {
            shards: (0..shards).map(|_| Shard::default()).collect(),
            hasher: RandomState::new(),
            count: AtomicUsize::new(0),
            limit: limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX)),
            culling,
            clock,
        }
    }

    pub(crate) const fn culling(&self) -> Culling {
        self.culling
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn get(&self, key: Key<'_>) -> Option<Payload> {
        let (hash, shard) = self.place(key);
        let table = shard.read();
        let entry = table.find(hash, key.as_str())?;
        if !self.is_live(entry.deadline) {
            return None;
        }
        entry.use_at(self.tick_of_hit(shard));
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
        let now = self.clock.coarse_ns();
        let deadline = self.deadline(expiry);
        let payload = shareable(payload);
        loop {
            let mut table = home.write();
            self.release(table.reap(now, REAP_PER_WRITE));
            if let Some(entry) = table.find_mut(hash, key.as_str()) {
                if over == Over::Keep && entry.is_live(now) {
                    return false;
                }
                entry.use_at(home.tick());
                let old = std::mem::replace(&mut entry.payload, payload);
                entry.deadline = deadline;
                table.expires(hash, deadline);
                drop(table);
                drop(old);
                return true;
            }
            if self.reserve() {
                table.insert(hash, key.as_str(), payload, deadline, home.tick());
                return true;
            }
            drop(table);
            self.cull(home, now);
        }
    }

    pub(crate) fn touch(&self, key: Key<'_>, expiry: Expiry) -> bool {
        let (hash, shard) = self.place(key);
        let deadline = self.deadline(expiry);
        let mut table = shard.write();
        match table.find_mut(hash, key.as_str()) {
            Some(entry) if self.is_live(entry.deadline) => {
                entry.deadline = deadline;
                table.expires(hash, deadline);
                true
            }
            _ => false,
        }
    }

    pub(crate) fn delete(&self, key: Key<'_>) -> bool {
        let (hash, shard) = self.place(key);
        let removed = shard.write().remove(hash, key.as_str());
        self.release(usize::from(removed.is_some()));
        removed.is_some_and(|entry| self.is_live(entry.deadline))
    }

    pub(crate) fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        let (hash, shard) = self.place(key);
        let mut table = shard.write();
        match table.find_mut(hash, key.as_str()) {
            Some(entry) if self.is_live(entry.deadline) => {
                let Payload::Int(n) = &mut entry.payload else {
                    return Err(Error::not_an_integer(key.as_str()));
                };
                *n = n.checked_add(delta).ok_or_else(|| Error::overflow(key.as_str()))?;
                let sum = *n;
                entry.use_at(shard.tick());
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
        table.insert(to_hash, to.as_str(), entry.payload, entry.deadline, shards.1.tick());
        self.release(usize::from(replaced.is_some()));
        true
    }

    pub(crate) fn clear(&self) {
        for shard in &self.shards {
            let taken = shard.write().take_all();
            self.release(taken.len());
        }
    }

    /// Makes room: expired entries anywhere go first, else a share of the least recently used.
    fn cull(&self, home: &Shard, now: u64) {
        let expired: usize = self
            .shards
            .iter()
            .filter(|shard| shard.read().soonest() <= now)
            .map(|shard| shard.write().reap(now, usize::MAX))
            .sum();
        self.release(expired);
        if expired > 0 {
            return;
        }
        if self.culling.drops_all() {
            return self.clear();
        }
        let others = self.shards.iter();
        for shard in std::iter::once(home).chain(others) {
            let mut table = shard.write();
            let victims = self.culling.victims(table.len() as u64);
            let dropped = table.drop_least_used(usize::try_from(victims).unwrap_or(usize::MAX));
            self.release(dropped);
            if dropped > 0 {
                return;
            }
        }
    }

    fn reserve(&self) -> bool {
        let one_more = |count: usize| (count < self.limit).then_some(count + 1);
        self.count.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_ok()
    }

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
    fn hash(&self, key: Key<'_>) -> u64 {
        self.hasher.hash_one(key.as_bytes())
    }

    /// The table uses the lowest and the highest bits of the hash: these are in between.
    #[inline]
    fn shard_of(&self, hash: u64) -> usize {
        (hash >> 40) as usize % self.shards.len()
    }

    #[inline]
    fn place(&self, key: Key<'_>) -> (u64, &Shard) {
        let hash = self.hash(key);
        (hash, &self.shards[self.shard_of(hash)])
    }

    /// By the coarse clock, which lags: an entry is a tick late, and never early, since its
    /// deadline was made by the precise one.
    #[inline]
    fn is_live(&self, deadline: u64) -> bool {
        deadline == NEVER || self.clock.coarse_ns() < deadline
    }

    fn deadline(&self, expiry: Expiry) -> u64 {
        match expiry {
            Expiry::Never => NEVER,
            Expiry::After(after) => match u64::try_from(after.as_nanos()) {
                Ok(ns) => self.clock.monotonic_ns().saturating_add(ns),
                Err(_) => NEVER,
            },
        }
    }
}

/// `Bytes` made from an exact vector allocates when it is first cloned. That is done here, once,
/// and not in the first reader.
fn shareable(payload: Payload) -> Payload {
    drop(payload.clone());
    payload
}
