//! Django's low-level cache API for Rust services: one crate, with a feature for each backend.
//!
//! [`caches`] makes caches from settings: a URL, the environment, TOML or JSON. A [`Cache`] has the operations
//! (`get`, `set`, `add`, `incr`, `get_or_set`, …), and each has an async twin with an `a` in front (`aget`).
//! They mean the same on every backend.
//!
//! ```
//! use std::time::Duration;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! struct User { name: String }
//!
//! // Memory, unless CACHE_URL names another store: redis://localhost:6379/1, sqlite:///var/cache/app/cache.db, …
//! let caches = polycache::caches().url("default", "locmem://").environment().build()?;
//! let cache = caches.default_cache()?;
//!
//! cache.set("user:1", &User { name: "Ada".into() }, Duration::from_secs(300))?;
//! assert_eq!(cache.get("user:1")?, Some(User { name: "Ada".into() }));
//!
//! // On a miss one caller computes, and all who asked get the value.
//! let answer = cache.get_or_set("answer", Duration::from_secs(60), || 6 * 7)?;
//! assert_eq!(answer, 42);
//! # Ok::<(), polycache::Error>(())
//! ```
//!
//! The same in async code. Memory, files and SQLite work in any runtime. memcached and Redis need tokio with its I/O
//! and time drivers (`enable_all`).
//!
//! ```
//! use std::time::Duration;
//! use polycache::{Cache, LocMemCache};
//!
//! async fn greet(cache: &Cache<LocMemCache>) -> polycache::Result<String> {
//!     let minute = Duration::from_secs(60);
//!     cache.aset("name", "Ada", minute).await?;
//!     cache.aget_or_set("greeting", minute, || async { "Hello, Ada".to_owned() }).await
//! }
//!
//! # futures_lite::future::block_on(async {
//! // A program that needs no choice of backends names its own.
//! let cache = Cache::new(LocMemCache::default());
//! assert_eq!(greet(&cache).await?, "Hello, Ada");
//! # Ok::<(), polycache::Error>(()) })?;
//! # Ok::<(), polycache::Error>(())
//! ```
//!
//! # Features
//!
//! | feature | what it adds | crate |
//! |---|---|---|
//! | `locmem` (default) | [`LocMemCache`]: the memory of this process; `locmem://` | [`cache-locmem`](mod@locmem) |
//! | `file` | [`FileCache`]: a directory, shared by processes; `file:///path` | `cache-file` |
//! | `sqlite` | [`DatabaseCache`]: a table in a SQLite file, shared by processes; `sqlite:///path` | `cache-db` |
//! | `memcached` | [`MemcachedCache`]: memcached servers; `memcached://host` | `cache-memcached` |
//! | `redis` | [`RedisCache`]: Redis or Valkey, replicas and Sentinel; `redis://host` | `cache-redis` |
//! | `cluster` | Redis Cluster; includes `redis` | `cache-redis` |
//! | `tls` | `rediss://`; includes `redis` | `cache-redis` |
//! | `json` (default) | the codec [`Json`], called `json` in settings, and settings in JSON | `cache-core` |
//! | `toml` | settings in TOML | `cache-core` |
//! | `zlib` | the codec [`Zlib`], called `zlib-json` and `zlib-pickle` in settings, which reads what django-redis compressed | `cache-core` |
//! | `pickle` | the codec [`Pickle`], called `pickle` in settings, to share values with Python | `cache-pickle` |
//! | `jiff`, `rust_decimal`, `uuid` | conversions between Python's values and the types of these crates; include `pickle` | `cache-pickle` |
//! | `django` | Django's own layouts of files and tables, for the backends that are switched on; includes `pickle` | `cache-file`, `cache-db` |
//! | `thread-pool` | a pool of threads for async callers of a backend of your own, and the default of [`BaseCache::as_async`] | `cache-core` |
//! | `macros` | the attribute [`macro@cached`], for functions whose values a cache keeps | `cache-macros` |
//! | `metrics` | counters and latencies for the recorder of the `metrics` crate | `cache-core` |
//! | `trace` | a `tracing` event for each call of a store, at the level TRACE | `cache-core` |
//!
//! [`DummyCache`], which stores nothing, and the codec [`MessagePack`] need no feature. Settings that name a backend or
//! a codec whose feature is off are an error that names the feature.
//!
//! # What is where
//!
//! The crate root has what a program uses. Each backend's crate is a module with its builder and its further types:
//! [`locmem`], `file`, `sqlite`, `memcached`, `redis`, and `pickle`. [`backend`] is all of `cache-core`,
//! for authors of backends and codecs. The single crates can be used without this one.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod registry;

pub mod backend {
    //! All of the crate `cache-core`, for authors of backends, codecs and key functions.
    //!
    //! [`BaseCache`] has a whole custom backend as its example. A program registers it beside the others:
    //! `polycache::caches().backend::<MyCache>()`.
    pub use cache_core::*;
}

#[cfg(feature = "json")]
pub use cache_core::Json;
#[cfg(feature = "metrics")]
pub use cache_core::SECONDS_BUCKETS;
#[cfg(feature = "zlib")]
pub use cache_core::Zlib;
pub use cache_core::{
    BaseCache, Bytes, Cache, CacheBuilder, CacheConfig, Caches, CachesBuilder, Clock, Codec, Compat,
    DEFAULT_CACHE_ALIAS, DEFAULT_TIMEOUT, Error, ErrorKind, Info, KeyPolicy, ManualClock, MessagePack,
    OnError, Presence, Result, Setting, Stats, Timeout,
};
#[cfg(feature = "sqlite")]
#[doc(no_inline)]
pub use cache_db as sqlite;
#[cfg(feature = "file")]
#[doc(no_inline)]
pub use cache_file as file;
#[cfg(feature = "locmem")]
#[doc(no_inline)]
pub use cache_locmem as locmem;
/// Keeps the values of a function in a cache that it is given.
///
/// ```
/// use polycache::{Cache, LocMemCache, cached};
///
/// #[cached(key = "user:{id}", timeout = 300)]
/// async fn user(cache: &Cache, id: u64) -> Result<String, std::io::Error> {
///     Ok(format!("user {id}")) // from the database, in a program
/// }
///
/// # futures_lite::future::block_on(async {
/// let cache = Cache::new(LocMemCache::default()).erase();
/// assert_eq!(user(&cache, 7).await?, "user 7");
/// user_invalidate(&cache, 7).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The page of `cache_macros::cached` has all its arguments. With `crate = …` give the path of this crate.
#[cfg(feature = "macros")]
#[doc(no_inline)]
pub use cache_macros::cached_by_polycache as cached;
#[cfg(feature = "memcached")]
#[doc(no_inline)]
pub use cache_memcached as memcached;
#[cfg(feature = "pickle")]
#[doc(no_inline)]
pub use cache_pickle as pickle;
#[cfg(feature = "redis")]
#[doc(no_inline)]
pub use cache_redis as redis;

#[cfg(feature = "sqlite")]
pub use cache_db::DatabaseCache;
pub use cache_dummy::DummyCache;
#[cfg(feature = "file")]
pub use cache_file::FileCache;
#[cfg(feature = "locmem")]
pub use cache_locmem::LocMemCache;
#[cfg(feature = "memcached")]
pub use cache_memcached::MemcachedCache;
#[cfg(feature = "pickle")]
pub use cache_pickle::Pickle;
#[cfg(feature = "redis")]
pub use cache_redis::RedisCache;

pub use self::registry::caches;
