//! [`MemcachedCache`]: the two halves of the contract, over one [`Client`].

use std::fmt;
use std::time::Duration;

use cache_core::Capabilities;

use crate::client::Client;

/// The largest item of a server with default settings, including the key and some 60 more bytes.
const MAX_ITEM: usize = 1 << 20;

/// How much longer a value may be read: a second for rounding up, and one for the server's clock.
const LATENESS: Duration = Duration::from_secs(2);

/// A cache on one or several memcached servers.
///
/// Cheap to share behind a [`Cache`](cache_core::Cache). It holds the connections, which are opened when they
/// are needed. After `fork` each side of a handle has its own connections. What `info` says are sums over all
/// servers, which hold whatever else is on them.
pub struct MemcachedCache {
    client: Client,
}

impl MemcachedCache {
    pub(crate) const fn over(client: Client) -> Self {
        Self { client }
    }
}

impl fmt::Debug for MemcachedCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers = &self.client.servers;
        let servers: Vec<&str> = (0..servers.len()).map(|place| servers.name(place).name.as_str()).collect();
        f.debug_struct("MemcachedCache").field("servers", &servers).finish_non_exhaustive()
    }
}

cache_net::both_halves!(MemcachedCache, client, {
    fn capabilities(&self) -> Capabilities {
        // A value that is moved to another server is counted by another clock.
        let moved = if self.client.servers.len() > 1 { Duration::from_secs(1) } else { Duration::ZERO };
        Capabilities::DEFAULT
            .with_persistent(true)
            .with_cross_process(true)
            .with_max_value_size(MAX_ITEM)
            .with_ttl_resolution(LATENESS + moved)
            .with_strict_keys(true)
            .with_atomic_rename(false)
    }
});
