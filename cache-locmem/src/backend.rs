//! [`LocMemCache`]: the backend over a store in memory.

use std::sync::Arc;

use cache_core::{
    AsyncWay, BaseCache, Capabilities, Clock, Culling, Expiry, Info, Key, NamedLimits, Payload, Result,
};

use crate::eviction::Eviction;
use crate::registry;
use crate::store::{Over, Store};

/// A memory store, or a handle on a named one. Clones share the store.
#[derive(Clone, Debug)]
pub struct LocMemCache {
    store: Arc<Store>,
}

impl LocMemCache {
    /// Opens the store of this name with its limits. If none is open, makes one with Django's limits (300 entries,
    /// a third culled).
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let (sessions, same) = (Cache::new(LocMemCache::named("sessions")), Cache::new(LocMemCache::named("sessions")));
    /// sessions.set("ada", &1, DEFAULT_TIMEOUT)?;
    /// assert_eq!(same.get::<i64>("ada")?, Some(1));
    /// assert!(!Cache::new(LocMemCache::named("pages")).has_key("ada")?);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn named(name: &str) -> Self {
        let make = || Store::new(Culling::DEFAULT, Eviction::Lru, Clock::system());
        // Only a demand for other limits is refused.
        registry::open(name, NamedLimits::NONE, None, make)
            .map_or_else(|_| Self::default(), |store| Self { store })
    }

    pub(crate) const fn over(store: Arc<Store>) -> Self {
        Self { store }
    }
}

impl Default for LocMemCache {
    /// Makes a separate store with Django's limits: 300 entries, a third culled.
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
        Ok(Info::default().with_entries(entries).with_max_entries(max_entries).with_evictions(evictions))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::DEFAULT
            .with_evicting(self.store.culling().limit().is_some())
            .with_lru(self.store.eviction() == Eviction::Lru)
    }

    fn as_async(&self) -> AsyncWay<'_> {
        AsyncWay::Inline
    }
}
