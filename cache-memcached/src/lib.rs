//! The memcached backend of the cache framework: one server or many, shared with Django.
//!
//! ```
//! use std::time::Duration;
//! use cache_core::Cache;
//! use cache_memcached::MemcachedCache;
//!
//! // Building does no I/O: the first use connects.
//! let servers = MemcachedCache::builder("10.0.0.1:11211;10.0.0.2:11211");
//! let cache = Cache::new(servers.operation_timeout(Duration::from_millis(500)).build()?);
//! # if false {
//! cache.set("user:1", "Ada", Duration::from_secs(300))?;
//! let name: Option<String> = cache.get("user:1")?;
//! # }
//! # Ok::<(), cache_core::Error>(())
//! ```
//!
//! # What to know
//!
//! - **It needs memcached 1.6.10** or newer. Every new connection asks for the version first: an older server, and one
//!   that is not a memcached, is [`ErrorKind::Rejected`](cache_core::ErrorKind::Rejected) before anything else is sent
//!   to it.
//! - **Keys are spread as pymemcache spreads them** (Django's `PyMemcacheCache`), so both find each other's
//!   keys in any number of servers. Bytes, text and integers are stored as Django stores them; a Python
//!   reader sees what another codec wrote as bytes. Values that pymemcache compressed are read.
//! - **memcached rejects keys** of more than 250 bytes in UTF-8 and keys with spaces or control characters. They are
//!   refused before anything is sent.
//! - **A server that is unreachable is an error** for its keys. [`MemcachedCacheBuilder::ejection`] leaves such
//!   servers out instead, by pymemcache's rules.
//! - **An error reply decides what happens next.** After an error about an item the connection goes on. A server with
//!   too many connections is [`ErrorKind::Unavailable`](cache_core::ErrorKind::Unavailable). A server that wants a
//!   log-in or forbids the command is [`ErrorKind::Rejected`](cache_core::ErrorKind::Rejected). Any other error means
//!   that the server is broken or the wrong one.
//! - **Counters are signed and do not wrap**, unlike memcached's own: `incr` is a compare-and-swap loop of two
//!   round trips. Other clients cannot count below zero: pymemcache's `incr` of such a counter fails.
//! - **Lifetimes are whole seconds of the server's clock**, rounded up and one added, so that no value
//!   expires early; it may be read up to two seconds longer. More than 30 days are sent as a date, which is
//!   off by as much as this machine's clock. A lifetime that ends after January 2038 never ends.
//! - **`incr_version` is not atomic**: the new key is written before the old one is removed, so for a moment
//!   a reader finds both. If it fails half-way nothing is lost.
//! - **A value and its key have 1 MiB at most**, unless the server was started with `-I`. A larger one is
//!   [`ErrorKind::ValueTooLarge`](cache_core::ErrorKind::ValueTooLarge), and an older value of its key is
//!   gone.
//! - **memcached may forget anything at any time**: that is what it is for. The protocol spoken here has no
//!   passwords and no TLS, so the servers belong on a network that only their clients reach. `clear` empties
//!   the servers for everybody.
//!
//! # Calls
//!
//! They follow the [rules of `cache-net`](cache_net#rules), sync and async alike. In short:
//!
//! - **A call takes no longer than its [operation timeout](MemcachedCacheBuilder::operation_timeout)**, with everything
//!   that it waits for; 1 second by default.
//! - **Sync callers need no runtime**, but may run inside one. They share a pool of connections.
//! - **Async callers need tokio** with its I/O and time drivers enabled (`enable_all()`: without them tokio panics). Any
//!   number of runtimes may share a cache. The tasks of a runtime share one connection to each server, and use
//!   others while a long value is on its way.
//! - **A broken or wrong server is left**: the connection is closed, the name is resolved again, and a request that
//!   is harmless to repeat is sent once more.
//! - **An `add`, `incr` or `incr_version` that was sent and not answered** is
//!   [`ErrorKind::OutcomeUnknown`](cache_core::ErrorKind::OutcomeUnknown), and is not sent again.
//! - **After `fork` a handle works in both processes**: the child opens its own connections and leaves its parent's
//!   alone. A tokio runtime does not survive a fork: make one in the child. One that was used with the handle before
//!   is [`ErrorKind::InvalidCacheBackend`](cache_core::ErrorKind::InvalidCacheBackend) there.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod all_servers;
mod backend;
mod batch;
mod builder;
mod client;
mod compare_and_swap;
mod error;
mod exptime;
#[cfg(test)]
mod fuzz_helper;
mod key;
mod operations;
mod payload;
mod protocol;
mod replies;
mod request;
mod servers;
#[cfg(feature = "settings")]
mod settings;

pub use backend::MemcachedCache;
pub use builder::MemcachedCacheBuilder;
pub use servers::EjectionPolicy;
