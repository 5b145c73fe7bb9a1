//! A custom backend over an embedded store that others wrote: [redb](https://docs.rs/redb).
//!
//! It has the eight required methods, each a transaction, and three of the optional ones. Prefixes, versions, typed
//! values, single flight and the async API come from the cache in front of it. `tests/conformance.rs` runs the
//! conformance suite on it.
//!
//! ```
//! use std::time::Duration;
//! use redb_backend::RedbCache;
//!
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("cache.redb");
//! # let url = format!("redb://{}", path.display());
//! // let url = "redb:///var/cache/app/cache.redb";
//! let caches = polycache::caches().backend::<RedbCache>().url("default", url).build()?;
//! let cache = caches.default_cache()?;
//! cache.set("user:1", "Ada", Duration::from_secs(300))?;
//! caches.close_all()?;
//! assert_eq!(cache.get::<String>("user:1")?.as_deref(), Some("Ada")); // read from the file
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What to know
//!
//! - **One process** may have the file open: redb locks it. In a second one each call is
//!   [`ErrorKind::Unavailable`](polycache::ErrorKind::Unavailable).
//! - **No limit on entries.** What has expired stays in the file until it is overwritten, or until somebody calls
//!   `Cache::purge_expired`, which a service does now and then.
//! - **A crash loses the newest entries**, and nothing else: every 1,000th write reaches the disk before it
//!   returns, and so does `close`.

mod backend;
mod settings;

pub use backend::RedbCache;
