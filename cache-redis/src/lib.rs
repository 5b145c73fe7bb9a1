//! The Redis and Valkey backend of the cache framework, natively sync and natively async.
//!
//! ```
//! use std::time::Duration;
//! use cache_core::Cache;
//! use cache_redis::RedisCache;
//!
//! let backend = RedisCache::builder("redis://app:secret@localhost:6379/1")
//!     .operation_timeout(Duration::from_millis(500))
//!     .build()?; // no I/O: the first use connects
//! let cache = Cache::new(backend);
//! # if false {
//! cache.set("user:1", "Ada", Duration::from_secs(300))?;
//! let name: Option<String> = cache.get("user:1")?;
//! # }
//! # Ok::<(), cache_core::Error>(())
//! ```
//!
//! # What to know
//!
//! - **Integers are stored as decimal text, everything else as the cache's codec writes it**, so
//!   that Redis can count and Django can read (with the same codec on both sides).
//! - **Every call ends within [`RedisCacheBuilder::operation_timeout`]**: waiting for a connection,
//!   connecting, writing and reading together, also when the server sends a byte now and then.
//! - **Sync callers need no runtime.** They share a pool of connections
//!   ([`RedisCacheBuilder::max_connections`]). A connection returns to it only if its reply was read whole.
//! - **Async callers need tokio** with its I/O and time drivers enabled (`enable_all()`: without
//!   them tokio panics). All tasks of a runtime share one connection per server; a cache may be used
//!   from several runtimes, also one after another. While a value of more than 64 KiB is on its way, other calls use
//!   another connection.
//! - **A call is sent again at most once**, on a new connection, and only if that cannot do anything twice. An `add`,
//!   `incr` or `incr_version` whose reply got lost is
//!   [`ErrorKind::OutcomeUnknown`](cache_core::ErrorKind::OutcomeUnknown).
//! - **Several servers**: the first takes the writes, reads go to the others at random, as in Django. Replicas lag: a
//!   value that was just written may not be read yet. While a replica does not answer, the primary does.
//! - **A failover is followed.** A server that has become a read-only replica, is loading or cannot save refuses a
//!   call: its connections are closed, its name is resolved again and the call is repeated once. It is
//!   [`ErrorKind::Unavailable`](cache_core::ErrorKind::Unavailable) while the name leads nowhere else.
//! - **Redis Sentinel**: `redis+sentinel://host,host/name` names a primary by its sentinels, which are asked again
//!   when a connection no longer leads to a primary.
//! - **A wrong setting is [`ErrorKind::Rejected`](cache_core::ErrorKind::Rejected)**, which no degrading cache hides: a
//!   cluster's server without `cluster`, a missing permission, a command that the server does not know. `ping` tries the
//!   commands that calls need. A user that may only read therefore fails it.
//! - **After `fork`** the child opens its own connections and leaves its parent's alone. Async callers create a tokio
//!   runtime in the child: one from before the fork is
//!   [`ErrorKind::InvalidCacheBackend`](cache_core::ErrorKind::InvalidCacheBackend).
//! - **The largest value** is 512 MB, or the server's `proto-max-bulk-len`. Beyond it a call is
//!   [`ErrorKind::ValueTooLarge`](cache_core::ErrorKind::ValueTooLarge) and the old value is gone.
//! - **`clear` empties the selected database** (`FLUSHDB`), including keys of other programs.
//! - **Lifetimes count on the server's clock**, in milliseconds.
//!
//! Redis 4.0 or newer, 6.0 with a user name; Valkey. Tested with Redis 7.
//!
//! # Features
//!
//! - `tls`: `rediss://` URLs, by rustls.
//! - `cluster`: Redis Cluster, `RedisCacheBuilder::cluster`.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backend;
mod builder;
mod commands;
mod config;
mod error;
#[cfg(test)]
mod fuzz;
mod location;
mod meanings;
mod node;
mod operations;
mod replies;
mod reply;
mod request;
mod resp;
mod scripts;
#[cfg(feature = "settings")]
mod settings;
mod topology;

pub use backend::RedisCache;
pub use builder::RedisCacheBuilder;
