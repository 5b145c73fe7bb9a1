//! [`MemcachedCacheBuilder`]: the settings of a cache, checked before any I/O.

use cache_core::{Clock, Location, Result};
use cache_net::Limits;

use crate::backend::MemcachedCache;
use crate::client::Client;
use crate::servers::{EjectionPolicy, ServerSet, Servers};

const DEFAULT_CONNECTIONS: usize = 64;

const DEFAULT_MAX_INFLATED: usize = 64 << 20;

/// The settings of a [`MemcachedCache`]: see [`MemcachedCache::builder`].
#[derive(Clone, Debug)]
pub struct MemcachedCacheBuilder {
    servers: Servers,
    pub(crate) limits: Limits,
    max_inflated: usize,
    ejection: Option<EjectionPolicy>,
    clock: Clock,
}

impl MemcachedCache {
    /// Makes a cache on these servers with the default settings, as [`builder`](Self::builder) takes them. No I/O.
    ///
    /// ```
    /// # use cache_core::Cache;
    /// # use cache_memcached::MemcachedCache;
    /// let cache = Cache::new(MemcachedCache::new("10.0.0.1:11211")?); // connects on first use
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheBackend`](cache_core::ErrorKind::InvalidCacheBackend) for a malformed server.
    pub fn new(servers: impl Into<Location>) -> Result<Self> {
        Self::builder(servers).build()
    }

    /// Starts a builder for a cache on these servers: Django's `LOCATION`, one string, which is split on `;` and `,`,
    /// or a list of strings, which are not split.
    ///
    /// | string | server |
    /// |---|---|
    /// | `cache.example.com:11212`, `10.0.0.1:11212` | a host and a port |
    /// | `cache.example.com`, `[::1]` | port 11211 |
    /// | `[2001:db8::1]:11212` | IPv6, in brackets (without them the last part is the port, as in Django) |
    /// | `unix:/run/memcached.sock`, `/run/memcached.sock` | a Unix socket |
    ///
    /// The same string names the same node as in pymemcache, so both find each other's keys. Strings that pymemcache
    /// accepts but that cannot mean anything (an empty string, a space before a host, `::1`) are refused when the
    /// cache is built.
    ///
    /// ```
    /// # use cache_memcached::MemcachedCache;
    /// let backend = MemcachedCache::builder("10.0.0.1:11211;10.0.0.2:11211").build()?; // or a list
    /// let local = MemcachedCache::builder("unix:/run/memcached.sock").build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    pub fn builder(servers: impl Into<Location>) -> MemcachedCacheBuilder {
        MemcachedCacheBuilder::new(Servers::new(servers))
    }
}

impl MemcachedCacheBuilder {
    pub(crate) fn new(servers: Servers) -> Self {
        let mut limits = Limits::default();
        limits.max_connections = DEFAULT_CONNECTIONS;
        Self { servers, limits, max_inflated: DEFAULT_MAX_INFLATED, ejection: None, clock: Clock::system() }
    }

    cache_net::limit_setters!(64, "cache_memcached::MemcachedCache::builder(\"10.0.0.1:11211\")");

    /// Limits the bytes that a compressed value, which another program stored, may inflate to: 64 MiB by
    /// default. A larger one is a miss.
    ///
    /// ```
    /// # use cache_memcached::MemcachedCache;
    /// // Compressed values of a Python program that are larger than 1 MiB are misses.
    /// let backend = MemcachedCache::builder("10.0.0.1:11211").max_inflated(1 << 20).build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn max_inflated(mut self, bytes: usize) -> Self {
        self.max_inflated = bytes;
        self
    }

    /// Leaves out servers that fail, so that their keys go to the others, by pymemcache's rules.
    /// Off by default: then a call for a key of an unreachable server is an error.
    ///
    /// Each process decides for itself. While one has a server left out and another has not, they read and
    /// write the same key in different places, and a server that comes back still has its old values. Use it
    /// for caches where such a stale value does no harm.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_memcached::{EjectionPolicy, MemcachedCache};
    /// let backend = MemcachedCache::builder(["10.0.0.1:11211", "10.0.0.2:11211"])
    ///     .ejection(EjectionPolicy { dead_timeout: Duration::from_secs(30), ..EjectionPolicy::default() })
    ///     .build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn ejection(mut self, rules: EjectionPolicy) -> Self {
        self.ejection = Some(rules);
        self
    }

    /// Sets where the cache takes the time from: the machine's clock by default. The servers count lifetimes
    /// by their own clocks.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_core::Clock;
    /// # use cache_memcached::{EjectionPolicy, MemcachedCache};
    /// let (clock, hands) = Clock::manual();
    /// let backend = MemcachedCache::builder("10.0.0.1:11211").ejection(EjectionPolicy::default()).clock(clock).build()?;
    /// hands.advance(Duration::from_secs(60)); // a server that was left out is tried again
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Checks the settings. No I/O: the first use connects.
    ///
    /// ```
    /// # use cache_core::ErrorKind;
    /// # use cache_memcached::MemcachedCache;
    /// let backend = MemcachedCache::builder("10.0.0.1:11211").build()?; // no connection yet
    /// let error = MemcachedCache::builder("10.0.0.1:port").build().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidCacheBackend);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheBackend`](cache_core::ErrorKind::InvalidCacheBackend) for a malformed server address, a
    /// timeout of zero, or if `max_connections` is out of range.
    pub fn build(self) -> Result<MemcachedCache> {
        let (servers, limits) = (self.servers.parse()?, self.limits.check()?);
        Ok(MemcachedCache::over(Client {
            servers: ServerSet::new(servers, limits, self.ejection, &self.clock),
            operation_timeout: limits.operation_timeout,
            max_inflated: self.max_inflated,
            clock: self.clock,
        }))
    }
}
