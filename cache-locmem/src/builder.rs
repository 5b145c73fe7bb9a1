//! [`LocMemCacheBuilder`]: the settings of a memory store.

use cache_core::{Clock, Culling, NamedLimits, Result};

use crate::backend::LocMemCache;
use crate::eviction::Eviction;
use crate::registry;
use crate::store::Store;

/// Builds a [`LocMemCache`].
///
/// ```
/// use cache_core::Cache;
/// use cache_locmem::LocMemCache;
///
/// let backend = LocMemCache::builder().name("sessions").max_entries(10_000).cull_frequency(4).build()?;
/// let cache = Cache::new(backend);
/// # Ok::<(), cache_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct LocMemCacheBuilder {
    name: Option<String>,
    limits: NamedLimits,
    eviction: Option<Eviction>,
    clock: Clock,
}

impl LocMemCache {
    /// Starts a builder with Django's limits.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::builder().max_entries(10_000).build()?);
    /// cache.set("user:1", "Ada", DEFAULT_TIMEOUT)?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn builder() -> LocMemCacheBuilder {
        LocMemCacheBuilder::default()
    }
}

impl LocMemCacheBuilder {
    /// Names the store, as Django's `LOCATION`: all handles of one name in one process share one store, for as
    /// long as one of them lives. Without a name the store belongs to this handle and its clones.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let sessions = Cache::new(LocMemCache::builder().name("sessions of the shop").build()?);
    /// sessions.set("ada", &1, DEFAULT_TIMEOUT)?;
    /// let same = Cache::new(LocMemCache::builder().name("sessions of the shop").build()?);
    /// assert!(same.has_key("ada")?);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Limits the number of entries at any moment, as Django's `MAX_ENTRIES`. Default: 300.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::builder().max_entries(2).build()?);
    /// cache.set_many([("a", 1), ("b", 2), ("c", 3)], DEFAULT_TIMEOUT)?;
    /// assert!(!cache.has_key("a")?); // `c` took its place
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn max_entries(mut self, max_entries: u64) -> Self {
        self.limits = self.limits.max_entries(max_entries);
        self
    }

    /// Removes the limit on the number of entries.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::builder().unlimited().build()?);
    /// cache.set_many((0..1_000).map(|user| (format!("user:{user}"), user)), DEFAULT_TIMEOUT)?;
    /// assert_eq!(cache.info()?.entries, Some(1_000));
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn unlimited(mut self) -> Self {
        self.limits = self.limits.unlimited();
        self
    }

    /// Removes one in this many entries when a new key finds the store full, as Django's `CULL_FREQUENCY`;
    /// 0 means all. Default: 3, and with [`Eviction::S3Fifo`] one entry at a time.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::builder().max_entries(4).cull_frequency(2).build()?);
    /// cache.set_many([("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5)], DEFAULT_TIMEOUT)?;
    /// assert_eq!(cache.info()?.entries, Some(3)); // `e` found it full, and half of the others went
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn cull_frequency(mut self, cull_frequency: u32) -> Self {
        self.limits = self.limits.cull_frequency(cull_frequency);
        self
    }

    /// Chooses which entries are evicted when a new key finds the store full. Default: the least recently used.
    ///
    /// ```
    /// # use cache_locmem::{Eviction, LocMemCache};
    /// // Pages that are read often stay while a crawler reads all the others once.
    /// let pages = LocMemCache::builder().max_entries(10_000).eviction(Eviction::S3Fifo).build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn eviction(mut self, eviction: Eviction) -> Self {
        self.eviction = Some(eviction);
        self
    }

    /// Takes the time from `clock`. Default: the machine's clock.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_core::{Cache, Clock};
    /// # use cache_locmem::LocMemCache;
    /// let (clock, hands) = Clock::manual();
    /// let cache = Cache::new(LocMemCache::builder().clock(clock).build()?);
    /// cache.set("code:ada", &4711, Duration::from_secs(60))?;
    /// hands.advance(Duration::from_secs(60)); // a test need not wait
    /// assert!(!cache.has_key("code:ada")?);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Makes the backend.
    ///
    /// ```
    /// # use cache_core::ErrorKind;
    /// # use cache_locmem::LocMemCache;
    /// let backend = LocMemCache::builder().max_entries(1_000).build()?;
    /// let error = LocMemCache::builder().max_entries(0).build().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidCacheBackend);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheBackend`](cache_core::ErrorKind::InvalidCacheBackend) for `max_entries` 0, or
    /// if a store of this name is open with other limits or another eviction.
    pub fn build(self) -> Result<LocMemCache> {
        let eviction = self.eviction.unwrap_or_default();
        let default = match eviction {
            // No share of the entries is that small: one goes.
            Eviction::S3Fifo => Culling::DEFAULT.cull_frequency(u32::MAX),
            Eviction::Lru => Culling::DEFAULT,
        };
        let culling = self.limits.over(default)?;
        let make = || Store::new(culling, eviction, self.clock);
        let store = match self.name {
            None => make().into(),
            Some(name) => registry::open(&name, self.limits, self.eviction, make)?,
        };
        Ok(LocMemCache::over(store))
    }
}
