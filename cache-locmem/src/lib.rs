//! The memory backend: entries live in this process and are gone with it.
//!
//! Django's `LocMemCache`, with atomic operations, an exact bound and no pickling: a hit on
//! bytes copies nothing.
//!
//! - **Named stores.** [`LocMemCache::named`] opens Django's `LOCATION`: all handles of a name
//!   share one store and its limits, for as long as one of them lives.
//!   [`LocMemCache::default`] is a store of its own.
//! - **Culling.** At most `max_entries` at every moment. A new key that finds the store full
//!   drops what has expired, else the least recently used `1/cull_frequency`. Stores of up to
//!   1,024 entries are exact; larger ones are shards of about as many each, and cull one at a time.
//! - **Eviction.** [`Eviction::S3Fifo`] in place of the LRU gives up one entry at a time, by how often and
//!   how lately each was read: fewer misses for the same room, and no scan ever. It takes 45 to 70
//!   bytes more per entry.
//! - **Time.** Deadlines are monotonic: a step of the wall clock moves none. An entry is readable until its
//!   deadline and not a moment longer.
//! - **Values with owners.** A value that another owns (`Bytes::from_owner`) runs its owner's code when the store
//!   drops it, in the call that removes it: a set, a delete, also the eviction for another key. No lock is held
//!   then, so that code may call the cache. If it panics, so does the call, after it has done all its work.
//! - **Hashing** is keyed, by a random key per store.
//!
//! ```
//! use std::time::Duration;
//! use cache_core::Cache;
//! use cache_locmem::LocMemCache;
//!
//! let cache = Cache::new(LocMemCache::default());
//! cache.set("greeting", "hello", Duration::from_secs(60))?;
//! assert_eq!(cache.get::<String>("greeting")?.as_deref(), Some("hello"));
//! # Ok::<(), cache_core::Error>(())
//! ```

#[cfg(test)]
mod collisions;
mod eviction;
#[cfg(test)]
mod miscounted;
mod options;
mod registry;
mod removed;
mod s3_fifo;
#[cfg(feature = "settings")]
mod settings;
mod store;
mod sync;
mod table;

use std::sync::Arc;

use cache_core::{
    AsyncWay, BaseCache, Capabilities, Clock, Culling, Expiry, Info, Key, NamedLimits, Payload, Result,
};

pub use self::eviction::Eviction;
pub use self::options::LocMemOptions;
use self::store::{Over, Store};

/// A memory store, or a handle on a named one. Clones share the store.
#[derive(Clone, Debug)]
pub struct LocMemCache {
    store: Arc<Store>,
}

impl LocMemCache {
    /// The store of this name with its limits, made with Django's (300 entries, a third culled)
    /// where there is none.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let make = || Store::new(Culling::DEFAULT, Eviction::Lru, Clock::system());
        // Only a demand for other limits is refused.
        registry::open(name, NamedLimits::NONE, None, make)
            .map_or_else(|_| Self::default(), |store| Self { store })
    }

    /// A store with settings of its own.
    #[must_use]
    pub fn builder() -> LocMemOptions {
        LocMemOptions::default()
    }
}

impl Default for LocMemCache {
    /// A store of its own with Django's limits: 300 entries, a third culled.
    fn default() -> Self {
        Self { store: Arc::new(Store::new(Culling::DEFAULT, Eviction::Lru, Clock::system())) }
    }
}

impl BaseCache for LocMemCache {
    #[inline]
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        Ok(self.store.get(key))
    }

    fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        self.store.put(key, value, expiry, Over::Replace);
        Ok(())
    }

    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        Ok(self.store.put(key, value, expiry, Over::Keep))
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        Ok(self.store.touch(key, expiry))
    }

    fn delete(&self, key: Key<'_>) -> Result<bool> {
        Ok(self.store.delete(key))
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        self.store.incr(key, delta)
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        Ok(self.store.rename(from, to))
    }

    fn clear(&self) -> Result<()> {
        self.store.clear();
        Ok(())
    }

    fn has_key(&self, key: Key<'_>) -> Result<bool> {
        Ok(self.store.has_key(key))
    }

    fn entries(&self) -> Result<Option<u64>> {
        Ok(Some(self.store.len() as u64))
    }

    fn info(&self) -> Result<Info> {
        let max_entries = self.store.culling().limit();
        let (entries, evictions) = (Some(self.store.len() as u64), Some(self.store.evicted()));
        Ok(Info { entries, max_entries, evictions, ..Info::default() })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            evicting: self.store.culling().limit().is_some(),
            lru: self.store.eviction() == Eviction::Lru,
            ..Capabilities::DEFAULT
        }
    }

    fn as_async(&self) -> AsyncWay<'_> {
        AsyncWay::Inline
    }
}
