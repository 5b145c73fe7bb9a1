//! [`Cache`]: the handle people use.

mod builder;
pub(crate) mod cached;
mod calls_async;
mod calls_sync;
mod config;
mod degrade;
mod dispatch;
mod get_or_set;
mod meters;
#[cfg(feature = "metrics")]
mod names;
mod observe;
mod operations;
mod singleflight;
mod stats;
mod thread_pool;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::builder::CacheBuilder;
pub use self::config::CacheConfig;
pub use self::degrade::OnError;
use self::dispatch::Dispatch;
use self::meters::Observed;
#[cfg(feature = "metrics")]
pub use self::names::SECONDS_BUCKETS;
use self::singleflight::Flights;
use self::stats::Counters;
pub use self::stats::Stats;
use crate::backend::{AsyncWay, BaseCache};
use crate::error::Result;
use crate::key::{Key, KeyBuf, KeyMaker, KeyPrefix};
use crate::mode::Mode;
use crate::payload::Payload;
use crate::timeout::{Expiry, Timeout};
use crate::value::Codecs;

/// A cache: Django's low-level API, typed, sync and async, over any backend.
///
/// Cheap to clone (three reference counts), and `Send + Sync`. Each operation exists twice: under Django's
/// name for sync callers, and with Django's `a` in front (`aget`, `aset`, …) for async ones, in any runtime.
/// Both mean the same, on every backend.
///
/// `Cache<LocMemCache>` calls its backend directly; [`Cache::erase`] turns it into plain `Cache`, which holds
/// any backend. Pass `&cache.to_dyn()` to a function that takes `&Cache`:
///
/// ```
/// # use cache_core::{Cache, DEFAULT_TIMEOUT, Result};
/// # use cache_locmem::LocMemCache;
/// fn visit(cache: &Cache) -> Result<i64> {
///     cache.add("visits", &0, DEFAULT_TIMEOUT)?;
///     cache.incr("visits")
/// }
///
/// let cache: Cache<LocMemCache> = Cache::new(LocMemCache::default());
/// assert_eq!(visit(&cache.to_dyn())?, 1);
/// assert_eq!(visit(&cache.into())?, 2); // a `From`, where the concrete handle is not needed any more
/// # Ok::<(), cache_core::Error>(())
/// ```
///
/// A whole program:
///
/// ```
/// use std::time::Duration;
/// use cache_core::{Cache, DEFAULT_TIMEOUT, Timeout};
/// # use cache_locmem::LocMemCache;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, PartialEq, Debug)]
/// struct User { name: String }
///
/// let cache = Cache::new(LocMemCache::default()).erase();
/// cache.set("user:1", &User { name: "Ada".into() }, Duration::from_secs(300))?;
/// let user: Option<User> = cache.get("user:1")?;
/// assert_eq!(user.unwrap().name, "Ada");
///
/// cache.set("views", &0, Timeout::Never)?;
/// assert_eq!(cache.incr("views")?, 1);
///
/// let stats: String = cache.get_or_set("stats", DEFAULT_TIMEOUT, || "computed".to_owned())?;
/// assert_eq!(stats, "computed");
///
/// assert_eq!(cache.with_version(2).get::<i64>("views")?, None);
/// # Ok::<(), cache_core::Error>(())
/// ```
pub struct Cache<B: ?Sized = dyn BaseCache> {
    settings: Arc<Settings>,
    backend: Arc<B>,
    prefix: KeyPrefix,
}

/// What all handles of one cache share.
struct Settings {
    keys: KeyMaker,
    timeout: Timeout,
    codecs: Codecs,
    flights: Arc<Flights>,
    on_error: OnError,
    counters: Counters,
    observed: Observed,
}

impl<B: BaseCache> Cache<B> {
    /// Makes a cache over `backend` with Django's defaults: no prefix, version 1, 300 seconds.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.set("greeting", "hello", DEFAULT_TIMEOUT)?;
    /// assert_eq!(cache.make_key("greeting")?, ":1:greeting");
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn new(backend: B) -> Self {
        CacheBuilder::from_arc(Arc::new(backend)).build_default()
    }

    /// Starts a builder for a cache over `backend`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_core::Cache;
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::builder(LocMemCache::default())
    ///     .key_prefix("shop")
    ///     .timeout(Duration::from_secs(60))
    ///     .build()?;
    /// assert_eq!(cache.make_key("basket")?, "shop:1:basket");
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn builder(backend: B) -> CacheBuilder<B> {
        CacheBuilder::from_arc(Arc::new(backend))
    }

    /// Returns the same cache with the backend's type erased, so that a program can choose the backend at run
    /// time.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// struct App { cache: Cache } // whatever backend it is
    ///
    /// let app = App { cache: Cache::new(LocMemCache::default()).erase() };
    /// app.cache.set("greeting", "hello", DEFAULT_TIMEOUT)?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn erase(self) -> Cache {
        Cache { settings: self.settings, backend: self.backend, prefix: self.prefix }
    }

    /// Returns another handle on the same cache with the backend's type erased, for functions that take `&Cache`.
    /// Costs a clone: three reference counts.
    ///
    /// ```
    /// # use cache_core::{Cache, Result};
    /// # use cache_locmem::LocMemCache;
    /// fn greet(cache: &Cache) -> Result<String> {
    ///     cache.get_or("greeting", "hello".to_owned())
    /// }
    ///
    /// let cache = Cache::new(LocMemCache::default());
    /// assert_eq!(greet(&cache.to_dyn())?, "hello");
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn to_dyn(&self) -> Cache {
        self.clone().erase()
    }
}

impl<B: BaseCache> From<Cache<B>> for Cache {
    /// [`Cache::erase`].
    fn from(cache: Cache<B>) -> Self {
        cache.erase()
    }
}

impl<B: BaseCache + ?Sized> Cache<B> {
    /// Returns a handle on the same cache whose keys have `version`; Django takes a `version` argument with
    /// every call instead. Costs one allocation: keep a handle that is used often.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// let next = cache.with_version(2);
    /// next.set("layout", "new", DEFAULT_TIMEOUT)?;
    /// assert_eq!(cache.get::<String>("layout")?, None); // version 1 has its own entries
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn with_version(&self, version: i64) -> Self {
        Self { prefix: self.settings.keys.prefix_of(version), ..self.clone() }
    }

    /// Returns the version that this handle's keys have.
    ///
    /// ```
    /// # use cache_core::Cache;
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// assert_eq!((cache.version(), cache.with_version(2).version()), (1, 2));
    /// ```
    #[must_use]
    pub const fn version(&self) -> i64 {
        self.prefix.version
    }

    /// The backend behind this cache.
    ///
    /// ```
    /// # use cache_core::{BaseCache, Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.set("user:1", "Ada", DEFAULT_TIMEOUT)?;
    /// // What the backend's own type offers, without the rules of the cache.
    /// assert_eq!(cache.backend().entries()?, Some(1));
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn backend(&self) -> &Arc<B> {
        &self.backend
    }

    /// Returns the store's key for `key`: prefix, version and key. Django's `make_key`.
    ///
    /// ```
    /// # use cache_core::Cache;
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::builder(LocMemCache::default()).key_prefix("shop").build()?;
    /// assert_eq!(cache.make_key("basket")?, "shop:1:basket");
    /// assert_eq!(cache.with_version(2).make_key("basket")?, "shop:2:basket");
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the key function refuses the key.
    pub fn make_key(&self, key: &str) -> Result<String> {
        let mut made = KeyBuf::default();
        self.settings.keys.make(&mut made, &self.prefix, key)?;
        Ok(made.as_key().as_str().to_owned())
    }

    /// Applies the key rules to a made key. Django's `validate_key`.
    ///
    /// ```
    /// # use cache_core::{Cache, KeyPolicy};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::builder(LocMemCache::default()).key_policy(KeyPolicy::Refuse).build()?;
    /// assert!(cache.validate_key(":1:basket").is_ok());
    /// assert!(cache.validate_key(":1:not good").is_err()); // memcached would refuse the space
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheKey`](crate::ErrorKind::InvalidCacheKey) if the key policy or
    /// the validator refuses the key.
    pub fn validate_key(&self, made_key: &str) -> Result<()> {
        self.settings.keys.validate(made_key)
    }

    /// Makes the key and applies the key rules, for calling a backend directly.
    ///
    /// ```
    /// # use cache_core::{BaseCache, Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.set("basket", "apples", DEFAULT_TIMEOUT)?;
    /// let key = cache.make_and_validate_key("basket")?;
    /// assert_eq!(key.as_key().as_str(), ":1:basket");
    /// assert!(cache.backend().get(key.as_key())?.is_some());
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::make_key`] and [`Cache::validate_key`].
    #[inline]
    pub fn make_and_validate_key(&self, key: &str) -> Result<KeyBuf> {
        // Made where it is returned: moving it costs as much as making it.
        let mut made = Ok(KeyBuf::default());
        if let Ok(made) = &mut made {
            self.key(made, key)?;
        }
        made
    }

    #[inline]
    fn key(&self, made: &mut KeyBuf, key: &str) -> Result<()> {
        self.settings.keys.make_and_validate(made, &self.prefix, key)
    }

    /// What [`Cache::key`] made of `key`, for a call in place.
    #[inline]
    fn made<'a>(&'a self, made: &'a KeyBuf, key: &'a str) -> Key<'a> {
        self.settings.keys.key(made, &self.prefix, key)
    }

    #[inline]
    const fn dispatch(&self, mode: Mode) -> Dispatch<'_, B> {
        Dispatch { backend: &self.backend, mode }
    }

    /// Whether an async caller, too, is answered without suspending.
    #[inline]
    fn is_in_place(&self) -> bool {
        matches!(self.backend.as_async(), AsyncWay::Inline)
    }

    /// `None` is "expire at once".
    fn expiry(&self, timeout: Timeout) -> Option<Expiry> {
        Expiry::resolve(timeout, self.settings.timeout)
    }

    fn encode<T: Serialize + ?Sized>(&self, key: Key<'_>, value: &T) -> Result<Payload> {
        self.settings.codecs.encode(value).map_err(|e| e.with_key(key.as_str()))
    }

    fn decode<T: DeserializeOwned>(&self, key: Key<'_>, payload: Payload) -> Result<T> {
        self.settings.codecs.decode(key.as_str(), payload)
    }

    #[inline]
    fn decode_bytes(&self, key: Key<'_>, payload: Payload) -> Result<Bytes> {
        match payload {
            Payload::Bytes(bytes) => Ok(bytes),
            other => self.settings.codecs.decode_bytes(key.as_str(), other),
        }
    }
}

impl<B: ?Sized> Clone for Cache<B> {
    fn clone(&self) -> Self {
        Self {
            settings: Arc::clone(&self.settings),
            backend: Arc::clone(&self.backend),
            prefix: self.prefix.clone(),
        }
    }
}

impl<B: ?Sized> fmt::Debug for Cache<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("backend", &std::any::type_name::<B>())
            .field("key_prefix", &self.settings.keys.prefix)
            .field("version", &self.prefix.version)
            .field("timeout", &self.settings.timeout)
            .finish_non_exhaustive()
    }
}
