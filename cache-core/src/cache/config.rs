//! [`CacheConfig`]: what a cache was built with, and [`Cache::to_builder`], which builds another one like it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::BaseCache;
use crate::cache::{Cache, CacheBuilder, OnError};
use crate::codec::Codec;
use crate::django::DEFAULT_KEY_FUNCTION;
use crate::key::KeyPolicy;
use crate::timeout::Timeout;

/// What a cache was built with: see [`Cache::config`].
#[derive(Clone)]
#[non_exhaustive]
pub struct CacheConfig<'a> {
    /// The name in metrics and traces: the alias of a cache by settings.
    pub name: &'a str,
    /// Django's `KEY_PREFIX`; empty for none.
    pub key_prefix: &'a str,
    /// The version of the handle that was asked.
    pub version: i64,
    /// What [`Timeout::Default`] means here. [`Timeout::Default`] itself is Django's 300 seconds.
    pub timeout: Timeout,
    /// The name that settings know the key function by, such as
    /// `django.core.cache.backends.base.default_key_func`, which is the default. A function given to
    /// [`CacheBuilder::key_function`] has the name of its Rust type.
    pub key_function: &'a str,
    /// The name of the key validator, likewise; `None` without one.
    pub key_validator: Option<&'a str>,
    /// What happens with a key that memcached would refuse, as the backend requires it.
    pub key_policy: KeyPolicy,
    /// The codec that writes values: the one given, or the one that the backend prescribes.
    pub codec: &'a dyn Codec,
    /// The other codecs that values are read with, in the order they are tried.
    pub also_decode: &'a [Arc<dyn Codec>],
    /// How long a caller of `get_or_set` waits for another caller's computation.
    pub single_flight_timeout: Duration,
    /// What happens when the store is unreachable or fails.
    pub on_error: OnError,
}

impl fmt::Debug for CacheConfig<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheConfig")
            .field("name", &self.name)
            .field("key_prefix", &self.key_prefix)
            .field("version", &self.version)
            .field("timeout", &self.timeout)
            .field("key_function", &self.key_function)
            .field("key_validator", &self.key_validator)
            .field("key_policy", &self.key_policy)
            .field("codec", &self.codec.name())
            .field("also_decode", &self.also_decode.iter().map(|codec| codec.name()).collect::<Vec<_>>())
            .field("single_flight_timeout", &self.single_flight_timeout)
            .field("on_error", &self.on_error)
            .finish()
    }
}

impl<B: BaseCache + ?Sized> Cache<B> {
    /// Returns what this cache was built with. No copy and no I/O.
    ///
    /// ```
    /// # use cache_core::Cache;
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::builder(LocMemCache::default()).key_prefix("shop").build()?;
    /// let config = cache.config();
    /// assert_eq!((config.key_prefix, config.version, config.codec.name()), ("shop", 1, "MessagePack"));
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn config(&self) -> CacheConfig<'_> {
        let settings = &*self.settings;
        let (function, validator) = (&settings.keys.function, &settings.keys.validator);
        CacheConfig {
            name: settings.observed.name(),
            key_prefix: &settings.keys.prefix,
            version: self.prefix.version,
            timeout: settings.timeout,
            key_function: function.as_ref().map_or(DEFAULT_KEY_FUNCTION, |function| &function.name),
            key_validator: validator.as_ref().map(|validator| &*validator.name),
            key_policy: settings.keys.policy,
            codec: &*settings.codecs.write,
            also_decode: &settings.codecs.also_decode,
            single_flight_timeout: settings.flights.wait(),
            on_error: settings.on_error,
        }
    }

    /// Starts a builder with everything that this handle's cache was built with, over another backend: mostly a
    /// wrapper around [`Cache::backend`]. The caches then share the keys. They do not share counters, nor
    /// computations of `get_or_set`.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use cache_core::{BaseCache, Cache, DEFAULT_TIMEOUT, Expiry, Key, Payload, Result};
    /// # use cache_core::{AsyncWay, Capabilities, Codec};
    /// # use cache_locmem::LocMemCache;
    ///
    /// /// Counts lookups.
    /// struct Counting<B> { inner: B, lookups: AtomicU64 }
    ///
    /// impl<B: BaseCache> BaseCache for Counting<B> {
    ///     fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
    ///         self.lookups.fetch_add(1, Ordering::Relaxed);
    ///         self.inner.get(key)
    ///     }
    ///     // Every other method asks `inner`, those with a default included.
    /// #   fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> { self.inner.set(key, value, expiry) }
    /// #   fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> { self.inner.add(key, value, expiry) }
    /// #   fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> { self.inner.touch(key, expiry) }
    /// #   fn delete(&self, key: Key<'_>) -> Result<bool> { self.inner.delete(key) }
    /// #   fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> { self.inner.incr(key, delta) }
    /// #   fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> { self.inner.rename(from, to) }
    /// #   fn clear(&self) -> Result<()> { self.inner.clear() }
    /// #   fn capabilities(&self) -> Capabilities { self.inner.capabilities() }
    /// #   fn codec(&self) -> Option<Arc<dyn Codec>> { self.inner.codec() }
    /// }
    ///
    /// let cache = Cache::builder(LocMemCache::default()).key_prefix("shop").version(2).build()?;
    /// let wrapper = Counting { inner: Arc::clone(cache.backend()), lookups: AtomicU64::new(0) };
    /// let counted = cache.to_builder(wrapper).build()?;
    ///
    /// cache.set("basket", "apples", DEFAULT_TIMEOUT)?;
    /// assert_eq!(counted.get::<String>("basket")?.as_deref(), Some("apples"));
    /// assert_eq!(counted.make_key("basket")?, "shop:2:basket");
    /// assert_eq!(counted.backend().lookups.load(Ordering::Relaxed), 1);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// [`CacheBuilder::build`] fails where the new backend cannot follow the key policy or the codec of this cache.
    #[must_use]
    pub fn to_builder<C: BaseCache>(&self, backend: C) -> CacheBuilder<C> {
        CacheBuilder::like(self, Arc::new(backend))
    }
}
