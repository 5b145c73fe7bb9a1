//! [`CacheBuilder`]: the settings of a cache, checked before it exists.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::BaseCache;
use crate::cache::meters::Observed;
use crate::cache::singleflight::Flights;
use crate::cache::stats::Counters;
use crate::cache::{Cache, OnError, Settings};
use crate::capabilities::Capabilities;
use crate::codec::{Codec, MessagePack};
use crate::error::{Error, Result};
use crate::key::{KeyFunction, KeyMaker, KeyPolicy, KeyValidator, Named, check_prefix};
use crate::timeout::Timeout;
use crate::value::Codecs;

/// Builds a [`Cache`] with settings of its own. Building does no I/O.
///
/// ```
/// use std::time::Duration;
/// use cache_core::{Cache, Json, KeyPolicy};
/// # use cache_locmem::LocMemCache;
///
/// let cache = Cache::builder(LocMemCache::default())
///     .key_prefix("shop")
///     .version(2)
///     .timeout(Duration::from_secs(60))
///     .key_policy(KeyPolicy::Refuse)
///     .codec(Json)
///     .build()?;
/// assert_eq!(cache.make_key("basket")?, "shop:2:basket");
/// assert!(cache.set("not good", &1, Duration::from_secs(1)).is_err());
/// # Ok::<(), cache_core::Error>(())
/// ```
pub struct CacheBuilder<B: ?Sized> {
    backend: Arc<B>,
    name: String,
    prefix: String,
    version: i64,
    timeout: Timeout,
    function: Option<Named<KeyFunction>>,
    validator: Option<Named<KeyValidator>>,
    policy: Option<KeyPolicy>,
    codec: Option<Arc<dyn Codec>>,
    also_decode: Vec<Arc<dyn Codec>>,
    single_flight_timeout: Duration,
    on_error: OnError,
}

impl<B: BaseCache + ?Sized> CacheBuilder<B> {
    /// Starts with Django's defaults: no prefix, version 1, 300 seconds, MessagePack.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use cache_core::{CacheBuilder, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let backend = Arc::new(LocMemCache::default());
    /// let cache = CacheBuilder::from_arc(Arc::clone(&backend)).build()?;
    /// cache.set("user:1", "Ada", DEFAULT_TIMEOUT)?; // `backend` holds the same store
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn from_arc(backend: Arc<B>) -> Self {
        Self {
            backend,
            name: "default".to_owned(),
            prefix: String::new(),
            version: 1,
            timeout: Timeout::Default,
            function: None,
            validator: None,
            policy: None,
            codec: None,
            also_decode: Vec::new(),
            single_flight_timeout: Duration::from_secs(10),
            on_error: OnError::Return,
        }
    }

    /// Starts a builder with everything that `cache` was built with, and the version of that handle.
    pub(super) fn like<O: BaseCache + ?Sized>(cache: &Cache<O>, backend: Arc<B>) -> Self {
        let settings = &*cache.settings;
        Self {
            backend,
            name: settings.observed.name().to_owned(),
            prefix: settings.keys.prefix.clone(),
            version: cache.prefix.version,
            timeout: settings.timeout,
            function: settings.keys.function.clone(),
            validator: settings.keys.validator.clone(),
            policy: Some(settings.keys.policy),
            codec: Some(Arc::clone(&settings.codecs.write)),
            also_decode: settings.codecs.also_decode.clone(),
            single_flight_timeout: settings.flights.wait(),
            on_error: settings.on_error,
        }
    }

    /// Names this cache in metrics and traces (features `metrics` and `trace`), as their label `cache`.
    /// Default: `default`; caches by settings have their alias.
    ///
    /// ```
    /// # use cache_core::Cache;
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::builder(LocMemCache::default()).name("sessions").build()?;
    /// assert_eq!(cache.config().name, "sessions");
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets Django's `KEY_PREFIX`: what every key of this cache begins with. Default: empty.
    ///
    /// With the default key function, [`build`](Self::build) refuses a prefix that has an all-digit part
    /// after a colon (`p:1`): its keys could coincide with those of prefix `p`.
    ///
    /// ```
    /// # use cache_core::Cache;
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::builder(LocMemCache::default()).key_prefix("shop").build()?;
    /// assert_eq!(cache.make_key("basket")?, "shop:1:basket");
    /// // Its keys could be those of the prefix `shop`.
    /// assert!(Cache::builder(LocMemCache::default()).key_prefix("shop:1").build().is_err());
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets Django's `VERSION`: the version of a handle that is given no other. Default: 1.
    ///
    /// ```
    /// # use cache_core::Cache;
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::builder(LocMemCache::default()).version(3).build()?;
    /// assert_eq!(cache.version(), 3);
    /// assert_eq!(cache.make_key("basket")?, ":3:basket");
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn version(mut self, version: i64) -> Self {
        self.version = version;
        self
    }

    /// Sets Django's `TIMEOUT`: what [`Timeout::Default`] means. Default: 300 seconds.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_core::{Cache, Clock, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let (clock, hands) = Clock::manual();
    /// let backend = LocMemCache::builder().clock(clock).build()?;
    /// let cache = Cache::builder(backend).timeout(Duration::from_secs(60)).build()?;
    /// cache.set("rates", "those of today", DEFAULT_TIMEOUT)?;
    /// hands.advance(Duration::from_secs(60));
    /// assert!(!cache.has_key("rates")?);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// Sets Django's `KEY_FUNCTION`, which makes the store's key from key, prefix and version in place of
    /// [`default_key_func`](crate::django::default_key_func). An error refuses the key; nothing is sent.
    ///
    /// ```
    /// # use cache_core::Cache;
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::builder(LocMemCache::default())
    ///     .key_prefix("shop")
    ///     .key_function(|key, prefix, version| Ok(format!("{prefix}/{version}/{key}")))
    ///     .build()?;
    /// assert_eq!(cache.make_key("basket")?, "shop/1/basket");
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn key_function<F>(mut self, function: F) -> Self
    where
        F: Fn(&str, &str, i64) -> Result<String, Box<dyn StdError + Send + Sync>> + Send + Sync + 'static,
    {
        let name = std::any::type_name::<F>().into();
        self.function = Some(Named { name, call: Arc::new(function) });
        self
    }

    /// Replaces Django's `validate_key`, which checks every made key. An error refuses the key. The key
    /// policy is then [`KeyPolicy::Allow`] unless it is set too.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT, ErrorKind};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::builder(LocMemCache::default())
    ///     .key_validator(|key| if key.is_ascii() { Ok(()) } else { Err("is not ASCII".into()) })
    ///     .build()?;
    /// cache.set("cafe", &1, DEFAULT_TIMEOUT)?;
    /// assert_eq!(cache.set("café", &1, DEFAULT_TIMEOUT).unwrap_err().kind(), ErrorKind::InvalidCacheKey);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn key_validator<F>(mut self, validator: F) -> Self
    where
        F: Fn(&str) -> Result<(), Box<dyn StdError + Send + Sync>> + Send + Sync + 'static,
    {
        let name = std::any::type_name::<F>().into();
        self.validator = Some(Named { name, call: Arc::new(validator) });
        self
    }

    /// Decides what happens with a key that memcached would refuse. Default: [`KeyPolicy::Warn`], and always
    /// [`KeyPolicy::Refuse`] on a backend that declares `strict_keys`.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT, ErrorKind, KeyPolicy};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::builder(LocMemCache::default()).key_policy(KeyPolicy::Refuse).build()?;
    /// let error = cache.set("not good", &1, DEFAULT_TIMEOUT).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidCacheKey); // memcached would refuse the space
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn key_policy(mut self, policy: KeyPolicy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Sets the codec that writes values and reads its own. Default: the codec that the backend's layout
    /// prescribes ([`BaseCache::codec`]), else [`MessagePack`].
    ///
    /// ```
    /// # use cache_core::{Cache, Json};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::builder(LocMemCache::default()).codec(Json).build()?;
    /// assert_eq!(cache.config().codec.name(), "JSON");
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn codec(mut self, codec: impl Codec + 'static) -> Self {
        self.codec = Some(Arc::new(codec));
        self
    }

    /// Adds a codec that values are read with, to move from one codec to another without a flush. May be
    /// called again.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT, Json, MessagePack};
    /// # use cache_locmem::LocMemCache;
    /// let backend = LocMemCache::default();
    /// Cache::new(backend.clone()).set("user:1", &("Ada", 36), DEFAULT_TIMEOUT)?; // in MessagePack
    ///
    /// let cache = Cache::builder(backend).codec(Json).also_decode(MessagePack).build()?;
    /// assert_eq!(cache.get("user:1")?, Some(("Ada".to_owned(), 36)));
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn also_decode(mut self, codec: impl Codec + 'static) -> Self {
        self.also_decode.push(Arc::new(codec));
        self
    }

    /// Sets how long a caller of `get_or_set` waits for another caller's computation of the same key before
    /// it computes the value itself: 10 seconds by default, at most a day. Zero turns single flight off.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::builder(LocMemCache::default()).single_flight_timeout(Duration::from_secs(2)).build()?;
    /// assert_eq!(cache.get_or_set("report", DEFAULT_TIMEOUT, || 42)?, 42); // waits for others for 2 seconds at most
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn single_flight_timeout(mut self, wait: Duration) -> Self {
        self.single_flight_timeout = wait;
        self
    }

    /// Decides what happens when the store is unreachable or fails. Default: [`OnError::Return`].
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT, OnError};
    /// # use cache_core::{BaseCache, Error, Expiry, Key, Payload, Result};
    /// # struct Unreachable;
    /// # impl Unreachable { fn fails<T>() -> Result<T> { Err(Error::unavailable("no server")) } }
    /// # impl BaseCache for Unreachable {
    /// #     fn get(&self, _: Key<'_>) -> Result<Option<Payload>> { Self::fails() }
    /// #     fn set(&self, _: Key<'_>, _: Payload, _: Expiry) -> Result<()> { Self::fails() }
    /// #     fn add(&self, _: Key<'_>, _: Payload, _: Expiry) -> Result<bool> { Self::fails() }
    /// #     fn touch(&self, _: Key<'_>, _: Expiry) -> Result<bool> { Self::fails() }
    /// #     fn delete(&self, _: Key<'_>) -> Result<bool> { Self::fails() }
    /// #     fn incr(&self, _: Key<'_>, _: i64) -> Result<i64> { Self::fails() }
    /// #     fn rename(&self, _: Key<'_>, _: Key<'_>) -> Result<bool> { Self::fails() }
    /// #     fn clear(&self) -> Result<()> { Self::fails() }
    /// # }
    /// let cache = Cache::builder(Unreachable).on_error(OnError::Fallback).build()?;
    /// assert_eq!(cache.get::<i64>("answer")?, None); // a miss in place of an error
    /// assert_eq!(cache.get_or_set("answer", DEFAULT_TIMEOUT, || 42)?, 42);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn on_error(mut self, on_error: OnError) -> Self {
        self.on_error = on_error;
        self
    }

    /// What settings have found by name.
    #[cfg(feature = "settings")]
    pub(crate) fn named_parts(
        mut self,
        function: Option<Named<KeyFunction>>,
        validator: Option<Named<KeyValidator>>,
        codec: Option<Arc<dyn Codec>>,
        also_decode: Vec<Arc<dyn Codec>>,
    ) -> Self {
        self.function = function;
        self.validator = validator;
        self.codec = codec;
        self.also_decode = also_decode;
        self
    }

    /// Builds the cache.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::builder(LocMemCache::default()).version(2).build()?; // no I/O
    /// cache.set("user:1", "Ada", DEFAULT_TIMEOUT)?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheBackend`](crate::ErrorKind::InvalidCacheBackend) for a key prefix
    /// that reads as a version, and a key policy or a codec that the backend cannot follow.
    pub fn build(self) -> Result<Cache<B>> {
        if self.function.is_none() {
            check_prefix(&self.prefix)?;
        }
        if let (Some(codec), Some(prescribed)) = (&self.codec, self.backend.codec())
            && codec.id() != prescribed.id()
        {
            return Err(Error::invalid_cache_backend(format!(
                "the backend's layout holds values in {} only, and the cache's codec is {}: leave the \
                 codec out, or choose another layout",
                prescribed.name(),
                codec.name()
            )));
        }
        let capabilities = self.backend.capabilities();
        let policy = match self.policy {
            Some(policy) if capabilities.strict_keys && policy != KeyPolicy::Refuse => {
                return Err(Error::invalid_cache_backend(format!(
                    "the key policy {policy:?} is not possible on this backend, which cannot store such keys; leave the policy out, or let it refuse them"
                )));
            }
            Some(policy) => policy,
            None if capabilities.strict_keys => KeyPolicy::Refuse,
            None if self.validator.is_some() => KeyPolicy::Allow,
            None => KeyPolicy::Warn,
        };
        Ok(self.finish(policy, capabilities))
    }

    /// Builds the cache of an unchanged builder, which has nothing to refuse.
    pub(super) fn build_default(self) -> Cache<B> {
        let capabilities = self.backend.capabilities();
        let policy = if capabilities.strict_keys { KeyPolicy::Refuse } else { KeyPolicy::Warn };
        self.finish(policy, capabilities)
    }

    fn finish(self, policy: KeyPolicy, capabilities: Capabilities) -> Cache<B> {
        let codec = self.codec.or_else(|| self.backend.codec()).unwrap_or_else(|| Arc::new(MessagePack));
        let keys =
            KeyMaker { prefix: self.prefix, function: self.function, validator: self.validator, policy };
        Cache {
            backend: self.backend,
            prefix: keys.prefix_of(self.version),
            settings: Arc::new(Settings {
                keys,
                timeout: self.timeout,
                codecs: Codecs {
                    write: codec,
                    also_decode: self.also_decode,
                    preserves_type_tags: capabilities.preserves_type_tags,
                },
                flights: Arc::new(Flights::new(self.single_flight_timeout)),
                on_error: self.on_error,
                counters: Counters::default(),
                observed: Observed::new(self.name),
            }),
        }
    }
}

impl<B: ?Sized> fmt::Debug for CacheBuilder<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheBuilder")
            .field("key_prefix", &self.prefix)
            .field("version", &self.version)
            .field("timeout", &self.timeout)
            .field("codec", &self.codec.as_ref().map(|codec| codec.name()))
            .finish_non_exhaustive()
    }
}
