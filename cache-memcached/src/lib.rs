//! The memcached backend of the cache framework: one server or many, shared with Django.
//!
//! ```
//! use std::time::Duration;
//! use cache_core::Cache;
//! use cache_memcached::MemcachedCache;
//!
//! // Building does no I/O: the first use connects.
//! let servers = MemcachedCache::builder("10.0.0.1:11211;10.0.0.2:11211");
//! let cache = Cache::new(servers.timeout(Duration::from_millis(500)).build()?);
//! # if false {
//! cache.set("user:1", "Ada", Duration::from_secs(300))?;
//! let name: Option<String> = cache.get("user:1")?;
//! # }
//! # Ok::<(), cache_core::Error>(())
//! ```
//!
//! # What to know
//!
//! - **It needs memcached 1.6.10** or newer. An older server, and one that is no memcached, is named
//!   in an [`ErrorKind::Rejected`](cache_core::ErrorKind::Rejected) before anything is sent to it.
//! - **Keys are spread as pymemcache spreads them** (Django's `PyMemcacheCache`), so both find each
//!   other's keys in any number of servers. Bytes, text and integers are stored as Django stores them;
//!   what another codec wrote, a Python reader sees as bytes. Values that pymemcache compressed
//!   are read.
//! - **Keys that memcached cannot take are refused** before anything is sent: more than 250 bytes
//!   in UTF-8, blanks, control characters.
//! - **A call takes no longer than its [timeout](MemcachedOptions::timeout)**, waiting for a connection,
//!   connecting and the exchange together; 1 second by default. The sync half needs no runtime
//!   and may be called inside of one; the async half needs tokio with its I/O and time
//!   drivers enabled (`enable_all()`: without them tokio panics), and any number of runtimes may
//!   share a cache. The tasks of a runtime share one connection to each server; requests of more than
//!   64 KiB have others, and so has every call while a long value is on its way.
//! - **A server that is broken, or that is not the right one, is left**: after an error reply that says so the connection is closed,
//!   the name is looked up anew, and what may be sent twice is sent once more. A server with too many connections is
//!   [`ErrorKind::Unavailable`](cache_core::ErrorKind::Unavailable); one that wants a log-in is
//!   [`ErrorKind::Rejected`](cache_core::ErrorKind::Rejected).
//! - **A server out of reach is an error** for its keys. [`MemcachedOptions::ejection`] leaves such
//!   servers out instead, by pymemcache's rules.
//! - **Counters are signed and do not wrap**, other than memcached's own: a compare-and-swap loop,
//!   two round trips a call. A number below zero is not a counter to other clients: pymemcache's `incr` of it fails. When an `add`, `incr` or `incr_version` was sent and no answer came it is
//!   [`ErrorKind::OutcomeUnknown`](cache_core::ErrorKind::OutcomeUnknown), and it is not sent again.
//! - **Lifetimes are whole seconds of the server's clock**, rounded up and one added, so that no
//!   value is gone early; it may be read up to two seconds longer. More than 30 days are told as a
//!   date, which is off by as much as this machine's clock. What ends after January 2038 never ends.
//! - **`incr_version` is not atomic**: the new key is written before the old one is removed, so for a moment
//!   a reader finds both. If it fails half-way nothing is lost.
//! - **A value and its key have 1 MiB at most**, unless the server was started with `-I`. A larger
//!   one is [`ErrorKind::ValueTooLarge`](cache_core::ErrorKind::ValueTooLarge), and what was under its
//!   key is gone.
//! - **After `fork` a handle goes on in both processes**: the child opens connections of its own and leaves its
//!   parent's alone. A tokio runtime does not survive a fork: make one in the child. One that was used with the handle before
//!   is [`ErrorKind::InvalidCacheBackend`](cache_core::ErrorKind::InvalidCacheBackend) there.
//! - **memcached may forget anything at any time**: that is what it is for. It has no passwords
//!   in the protocol spoken here, and no TLS: it belongs on a network that only its clients reach.
//!   `clear` empties the servers for everybody.

mod blocking;
mod connection;
mod count;
mod deadline;
mod errors;
mod exptime;
#[cfg(test)]
mod fuzz;
mod hash;
mod info;
mod many;
mod node;
mod ops;
mod options;
mod payload;
mod pipelined;
mod pool;
mod refusal;
mod replies;
mod ring;
mod servers;
#[cfg(feature = "settings")]
mod settings;
mod store;
mod suspending;
mod wire;

pub use options::MemcachedOptions;
pub use ring::Ejection;
pub use servers::Servers;
pub use store::MemcachedCache;
