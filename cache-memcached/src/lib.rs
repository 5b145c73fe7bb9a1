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
//! - **Keys are spread as pymemcache spreads them** (Django's `PyMemcacheCache`), so both find each
//!   other's keys in any number of servers. Bytes, text and integers are stored as Django stores them;
//!   what another codec wrote, a Python reader sees as bytes. Values that pymemcache compressed
//!   are read.
//! - **memcached rejects keys** of more than 250 bytes in UTF-8 and keys with spaces or control characters. They are
//!   refused before anything is sent.
//! - **A server that is unreachable is an error** for its keys. [`MemcachedCacheBuilder::ejection`] leaves such
//!   servers out instead, by pymemcache's rules.
//! - **An error reply says what happens next.** After one about an item the connection goes on. A server with too many
//!   connections is [`ErrorKind::Unavailable`](cache_core::ErrorKind::Unavailable). One that wants a log-in or forbids
//!   the command is [`ErrorKind::Rejected`](cache_core::ErrorKind::Rejected). Any other says that the server is broken
//!   or the wrong one.
//! - **Counters are signed and do not wrap**, unlike memcached's own: `incr` is a compare-and-swap loop of
//!   two round trips. Other clients do not take a number below zero for a counter: pymemcache's `incr` of it fails.
//! - **Lifetimes are whole seconds of the server's clock**, rounded up and one added, so that no
//!   value is gone early; it may be read up to two seconds longer. More than 30 days are told as a
//!   date, which is off by as much as this machine's clock. What ends after January 2038 never ends.
//! - **`incr_version` is not atomic**: the new key is written before the old one is removed, so for a moment
//!   a reader finds both. If it fails half-way nothing is lost.
//! - **A value and its key have 1 MiB at most**, unless the server was started with `-I`. A larger
//!   one is [`ErrorKind::ValueTooLarge`](cache_core::ErrorKind::ValueTooLarge), and what was under its
//!   key is gone.
//! - **memcached may forget anything at any time**: that is what it is for. It has no passwords
//!   in the protocol spoken here, and no TLS: it belongs on a network that only its clients reach.
//!   `clear` empties the servers for everybody.
//!
//! # Calls
//!
//! They follow the [rules of `cache-net`](cache_net#rules), sync and async alike. In short:
//!
//! - **A call takes no longer than its [operation timeout](MemcachedCacheBuilder::operation_timeout)**, with everything
//!   that it waits for; 1 second by default.
//! - **Sync callers need no runtime** and may be inside of one. They share a pool of connections.
//! - **Async callers need tokio** with its I/O and time drivers enabled (`enable_all()`: without them tokio panics). Any
//!   number of runtimes may share a cache. The tasks of a runtime share one connection to each server, and use
//!   others while a long value is on its way.
//! - **A broken or wrong server is left**: the connection is closed, the name is looked up again, and what is harmless
//!   to repeat is sent once more.
//! - **An `add`, `incr` or `incr_version` that was sent and not answered** is
//!   [`ErrorKind::OutcomeUnknown`](cache_core::ErrorKind::OutcomeUnknown), and is not sent again.
//! - **After `fork` a handle goes on in both processes**: the child opens connections of its own and leaves its
//!   parent's alone. A tokio runtime does not survive a fork: make one in the child. One that was used with the handle
//!   before is [`ErrorKind::InvalidCacheBackend`](cache_core::ErrorKind::InvalidCacheBackend) there.

mod backend;
mod batch;
mod builder;
mod client;
mod counter;
mod error;
mod exptime;
#[cfg(test)]
mod fuzz;
mod info;
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
pub use servers::Ejection;
