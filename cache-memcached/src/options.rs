//! [`MemcachedOptions`]: the settings of a cache, checked before any I/O.

use std::time::Duration;

use cache_core::{Clock, Error, Result};

use crate::deadline::Limits;
use crate::node::Node;
use crate::ring::{Ejection, Ring};
use crate::servers::Servers;
use crate::store::MemcachedCache;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);

/// Beyond a day a wait is a hang; it also keeps every deadline within what the clock can hold.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(86_400);

const DEFAULT_CONNECTIONS: usize = 64;

/// More connections than a server or a process has.
const MOST_CONNECTIONS: usize = 1 << 16;

const DEFAULT_MAX_INFLATED: usize = 64 << 20;

/// The settings of a [`MemcachedCache`]: see [`MemcachedCache::builder`].
#[derive(Clone, Debug)]
pub struct MemcachedOptions {
    servers: Servers,
    connect_timeout: Duration,
    timeout: Duration,
    pool_wait: Option<Duration>,
    max_connections: usize,
    max_inflated: usize,
    ejection: Option<Ejection>,
    clock: Clock,
}

impl MemcachedOptions {
    pub(crate) fn new(servers: Servers) -> Self {
        Self {
            servers,
            connect_timeout: DEFAULT_TIMEOUT,
            timeout: DEFAULT_TIMEOUT,
            pool_wait: None,
            max_connections: DEFAULT_CONNECTIONS,
            max_inflated: DEFAULT_MAX_INFLATED,
            ejection: None,
            clock: Clock::system(),
        }
    }

    /// How long making a connection may take, the look-up of the name included: 1 s by default.
    /// It is a part of the operation's own time, never in addition to it.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long an operation may take as a whole, with everything it waits for: 1 s by default.
    ///
    /// A many-operation has this time for each thousand of its keys; with large values on a slow
    /// network it needs more.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The most connections to each server that are used by one call at a time, 64 by default, not
    /// zero: so many for sync calls, and so many for async calls with requests of more than 64 KiB.
    /// All other async calls of a runtime share one connection.
    #[must_use]
    pub const fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// How long an operation waits for a connection of its own when all are in use; by default as
    /// long as the operation may take. Zero: not at all.
    #[must_use]
    pub const fn pool_wait(mut self, wait: Duration) -> Self {
        self.pool_wait = Some(wait);
        self
    }

    /// The most bytes that a compressed value, which another program stored, may inflate to: 64
    /// MiB by default. A larger one is a miss.
    #[must_use]
    pub const fn max_inflated(mut self, bytes: usize) -> Self {
        self.max_inflated = bytes;
        self
    }

    /// Leaves out servers that fail, so that their keys go to the others, by pymemcache's rules.
    /// Off by default: then a call for a key of a server that is out of reach is an error.
    ///
    /// Each process decides for itself. While one has a server left out and another has not, they
    /// read and write the same key in different places; and a server that comes back still has
    /// the values from before. That is for caches where such a stale value does no harm.
    #[must_use]
    pub const fn ejection(mut self, rules: Ejection) -> Self {
        self.ejection = Some(rules);
        self
    }

    /// Where the cache takes the time from: the machine's clock by default. The servers count
    /// lifetimes by their own clocks.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Checks the settings. No I/O: the first use connects.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheBackend`](cache_core::ErrorKind::InvalidCacheBackend) for a server
    /// that cannot be meant, a timeout of zero and a number of connections that cannot be.
    pub fn build(self) -> Result<MemcachedCache> {
        let servers = self.servers.parse()?;
        for (name, timeout) in [("timeout", self.timeout), ("connect_timeout", self.connect_timeout)] {
            if timeout.is_zero() {
                return Err(Error::invalid_cache_backend(format!(
                    "the {name} of a memcached cache is zero, and nothing would ever be in time; give more"
                )));
            }
        }
        if self.max_connections == 0 || self.max_connections > MOST_CONNECTIONS {
            return Err(Error::invalid_cache_backend(format!(
                "max_connections is {}; give a number from 1 to {MOST_CONNECTIONS}",
                self.max_connections
            )));
        }
        let operation = self.timeout.min(LONGEST_TIMEOUT);
        let limits = Limits {
            connect: self.connect_timeout.min(operation),
            operation,
            pool_wait: self.pool_wait.unwrap_or(operation).min(operation),
        };
        let nodes = servers.into_iter().map(|server| Node::new(server, self.max_connections)).collect();
        let ring = Ring::new(nodes, self.ejection, &self.clock);
        Ok(MemcachedCache::from_settings(ring, limits, self.max_inflated, self.clock))
    }
}
