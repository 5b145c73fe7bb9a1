//! [`Store`]: shards of one table each, under one exact bound.

mod capacity;
mod put;
mod shards;

use std::fmt;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use ahash::RandomState;
use cache_core::{Clock, Culling, Error, Expiry, Key, Payload, Result};

use crate::entry::{NEVER, Use};
use crate::eviction::Eviction;
use crate::removed::Removed;
use crate::sync::{AtomicU64, AtomicUsize, RwLock, RwLockReadGuard, RwLockWriteGuard};
use crate::table::Table;

pub(crate) use self::put::Over;
pub(crate) use self::shards::shards_of;

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

/// Aligned to two cache lines: neighbouring locks must not slow each other.
#[repr(align(128))]
struct Shard {
    table: RwLock<Table>,
    ticks: AtomicU64,
}

/// Shows no entry: keys and values belong to the callers.
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

impl Store {
    pub(crate) fn new(culling: Culling, eviction: Eviction, clock: Clock) -> Self {
        Self::with_shards(shards_of(culling.limit(), eviction), culling, eviction, clock)
    }

    /// Makes a store of this many shards, a power of two.
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

    /// Makes the count wrong: as high as it may be.
    #[cfg(test)]
    pub(crate) fn miscount(&self) {
        self.count.store(self.limit, Ordering::SeqCst);
    }

    /// Returns how many entries had to make room since the store was made.
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

    /// Returns the tick of a hit. A small store culls exactly the least recently used, so every hit has its own.
    /// In a large store, hits between two writes of a shard share one: ticks are expensive, and when a third of
    /// hundreds is evicted at once, the order of the last few does not matter.
    #[inline]
    fn tick_of_hit(&self, shard: &Shard) -> u64 {
        if self.shards.len() == 1 { shard.tick() } else { shard.ticks.load(Ordering::Relaxed) }
    }

    #[inline]
    pub(crate) fn hash(&self, key: Key<'_>) -> u64 {
        self.hasher.hash_one(key)
    }

    /// Chooses the shard by bits between the lowest and the highest of the hash, which the table uses.
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

    /// Returns the time now and the deadline of what is written now: by the precise clock where there is a
    /// deadline, since an entry must not expire early. Without one the time may lag, and only serves to find
    /// room.
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
