//! [`Caches`]: a program's caches by alias.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::plan::Plan;
use super::{CachesBuilder, DEFAULT_CACHE_ALIAS, Problem, quoted};
use crate::cache::Cache;
use crate::cache::cached::Entry;
use crate::error::{Error, Result};

/// A program's caches by alias: Django's `caches`. Cheap to clone, and `Send + Sync`.
///
/// ```
/// use cache_core::{Caches, DEFAULT_TIMEOUT};
/// # use cache_locmem::LocMemCache;
///
/// let caches = Caches::builder()
///     .backend::<LocMemCache>() // one line for each backend crate the program depends on
///     .json(r#"{
///         "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "TIMEOUT": 60},
///         "sessions": {"url": "locmem://sessions?max_entries=10000&timeout=2h"}
///     }"#)
///     .environment() // CACHE_URL and CACHE_SESSIONS_URL, where they are set
///     .build()?;
///
/// caches.default_cache()?.set("greeting", "hello", DEFAULT_TIMEOUT)?;
/// caches.get("sessions")?.set("ada", &1, DEFAULT_TIMEOUT)?;
/// caches.close_all()?;
/// # Ok::<(), cache_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Caches {
    slots: Arc<[Slot]>,
}

struct Slot {
    alias: String,
    /// The plan, or what is wrong with the settings.
    plan: Result<Plan, Problem>,
    cache: OnceLock<Cache>,
    /// Held while the cache is made, so that it is made once.
    making: Mutex<()>,
}

impl Caches {
    /// Starts with no backend and no settings.
    ///
    /// ```
    /// # use cache_core::Caches;
    /// # use cache_locmem::LocMemCache;
    /// let caches = Caches::builder().backend::<LocMemCache>().url("default", "locmem://").build()?;
    /// assert!(caches.default_cache().is_ok());
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn builder() -> CachesBuilder {
        CachesBuilder::default()
    }

    pub(super) fn new(caches: Vec<(String, Result<Plan, Problem>)>) -> Self {
        let slot = |(alias, plan)| Slot { alias, plan, cache: OnceLock::new(), making: Mutex::default() };
        Self { slots: caches.into_iter().map(slot).collect() }
    }

    /// Returns the cache of this alias. It is made on first use, without I/O, and is the same each time.
    ///
    /// ```
    /// # use cache_core::{Caches, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let caches = Caches::builder().backend::<LocMemCache>().url("sessions", "locmem://sessions").build()?;
    /// let sessions = caches.get("sessions")?;
    /// sessions.set("ada", &1, DEFAULT_TIMEOUT)?;
    /// assert!(caches.get("pages").is_err()); // the settings have no such cache
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheBackend`](crate::ErrorKind::InvalidCacheBackend) if the settings lack the
    /// alias, if the location has been opened with other limits meanwhile, and, for caches made by
    /// [`CachesBuilder::build_each`], if the settings of this alias are bad.
    pub fn get(&self, alias: &str) -> Result<Cache> {
        let slot = self.slots.iter().find(|slot| slot.alias == alias).ok_or_else(|| {
            Error::invalid_cache_backend(format!(
                "the settings have no cache {alias:?}; they have {}",
                quoted(self.aliases())
            ))
        })?;
        slot.get()
    }

    /// Returns the cache of the alias `default`.
    ///
    /// ```
    /// # use cache_core::{Caches, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let caches = Caches::builder().backend::<LocMemCache>().url("default", "locmem://").build()?;
    /// let cache = caches.default_cache()?; // as `caches.get("default")`
    /// cache.set("greeting", "hello", DEFAULT_TIMEOUT)?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Caches::get`].
    pub fn default_cache(&self) -> Result<Cache> {
        self.get(DEFAULT_CACHE_ALIAS)
    }

    /// Returns the aliases, in the order of the settings.
    ///
    /// ```
    /// # use cache_core::Caches;
    /// # use cache_locmem::LocMemCache;
    /// let caches = Caches::builder()
    ///     .backend::<LocMemCache>()
    ///     .url("default", "locmem://")
    ///     .url("sessions", "locmem://sessions")
    ///     .build()?;
    /// assert!(caches.aliases().eq(["default", "sessions"]));
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    pub fn aliases(&self) -> impl Iterator<Item = &str> {
        self.slots.iter().map(|slot| &*slot.alias)
    }

    /// Closes every cache that was made: Django's `close_caches`. A closed cache opens again on the next use.
    ///
    /// ```
    /// # use cache_core::{Caches, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let caches = Caches::builder().backend::<LocMemCache>().url("default", "locmem://").build()?;
    /// caches.default_cache()?.set("greeting", "hello", DEFAULT_TIMEOUT)?;
    /// caches.close_all()?; // at the end of a program
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// The first error of a store. The other caches are closed all the same.
    pub fn close_all(&self) -> Result<()> {
        self.made().map(Cache::close).fold(Ok(()), Result::and)
    }

    /// [`Caches::close_all`] for async callers.
    ///
    /// ```
    /// # use cache_core::{Caches, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let caches = Caches::builder().backend::<LocMemCache>().url("default", "locmem://").build()?;
    /// caches.default_cache()?.aset("greeting", "hello", DEFAULT_TIMEOUT).await?;
    /// caches.aclose_all().await?; // when a service shuts down
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Caches::close_all`].
    pub async fn aclose_all(&self) -> Result<()> {
        let mut result = Ok(());
        for cache in self.made() {
            result = result.and(cache.aclose().await);
        }
        result
    }

    fn made(&self) -> impl Iterator<Item = &Cache> {
        self.slots.iter().filter_map(|slot| slot.cache.get())
    }
}

impl Entry<'_> {
    /// The entry `key` of the cache that `caches` call `alias`, for `#[cached]`.
    #[must_use]
    pub fn of(caches: &Caches, alias: &str, key: String) -> Self {
        Self::of_cache(caches.get(alias), key)
    }
}

impl Slot {
    fn get(&self) -> Result<Cache> {
        if let Some(cache) = self.cache.get() {
            return Ok(cache.clone());
        }
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cache) = self.cache.get() {
            return Ok(cache.clone());
        }
        let plan = self.plan.as_ref().map_err(Error::invalid_cache_backend)?;
        let cache = plan.make()?;
        Ok(self.cache.get_or_init(|| cache).clone())
    }
}

impl fmt::Debug for Caches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.aliases()).finish()
    }
}
