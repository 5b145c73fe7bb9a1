//! The memory backend: entries live in this process and are gone with it.
//!
//! Django's `LocMemCache`, with atomic operations, an exact bound and no pickling: a hit on
//! bytes copies nothing.
//!
//! - **Named stores.** [`LocMemCache::named`] opens Django's `LOCATION`: all handles of a name share one
//!   store and its limits, for as long as one of them lives. Each [`LocMemCache::default`] has its own store.
//! - **Culling.** At most `max_entries` at every moment. A new key that finds the store full drops expired
//!   entries, else the least recently used `1/cull_frequency`. Stores of up to 1,024 entries are exact;
//!   larger ones are shards of about that size, and cull one shard at a time.
//! - **Eviction.** [`Eviction::S3Fifo`] in place of the LRU evicts one entry at a time, by how often and how
//!   lately each was read: fewer misses in the same space, and never a scan. It takes 45 to 70 bytes more per
//!   entry.
//! - **Time.** Deadlines are monotonic: a step of the wall clock changes none. An entry is readable until its
//!   deadline and not a moment longer.
//! - **Values with owners.** Dropping a value that another object owns (`Bytes::from_owner`) runs that owner's
//!   code, in the call that removes the entry: a set, a delete, or the eviction for another key. No lock is held
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
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backend;
mod builder;
#[cfg(test)]
mod collisions;
mod entry;
mod eviction;
#[cfg(test)]
mod miscounted;
mod registry;
mod removed;
mod s3_fifo;
#[cfg(feature = "settings")]
mod settings;
mod store;
mod sync;
mod table;

pub use self::backend::LocMemCache;
pub use self::builder::LocMemCacheBuilder;
pub use self::eviction::Eviction;
