//! [`MemcachedCache`]: the backend itself; its sync and async halves are one.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use cache_core::{
    AsyncCache, AsyncWay, BaseCache, Capabilities, Clock, Expiry, Info, Key, Payload, Presence, Result,
    run_sync,
};

use crate::blocking::Blocking;
use crate::deadline::Limits;
use crate::options::MemcachedOptions;
use crate::ring::Ring;
use crate::servers::Servers;
use crate::suspending::Suspending;

/// The largest item of a server that was told nothing else; with the key and some 60 bytes more.
const MAX_ITEM: usize = 1 << 20;

/// How late a value may be gone: a second for what is rounded up, one for the server's clock.
const LATENESS: Duration = Duration::from_secs(2);

/// A cache on one or several memcached servers.
///
/// Cheap to share behind a [`Cache`](cache_core::Cache); it holds the connections, which are made
/// when they are needed. After `fork` each side of a handle has connections of its own.
pub struct MemcachedCache {
    pub(crate) ring: Ring,
    pub(crate) limits: Limits,
    pub(crate) max_inflated: usize,
    pub(crate) clock: Clock,
}

impl MemcachedCache {
    /// A cache on these servers with the default settings. No I/O.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheBackend`](cache_core::ErrorKind::InvalidCacheBackend) for a server
    /// that cannot be meant: see [`Servers`].
    pub fn new(servers: impl Into<Servers>) -> Result<Self> {
        Self::builder(servers).build()
    }

    /// The settings of a cache on these servers: Django's `LOCATION`, a list or one text.
    pub fn builder(servers: impl Into<Servers>) -> MemcachedOptions {
        MemcachedOptions::new(servers.into())
    }

    pub(crate) const fn from_settings(ring: Ring, limits: Limits, max_inflated: usize, clock: Clock) -> Self {
        Self { ring, limits, max_inflated, clock }
    }
}

impl fmt::Debug for MemcachedCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<&str> = self.ring.nodes.iter().map(|node| node.name.as_str()).collect();
        f.debug_struct("MemcachedCache").field("servers", &servers).finish_non_exhaustive()
    }
}

impl BaseCache for MemcachedCache {
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        run_sync(self.do_get::<Blocking>(key))
    }

    fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        run_sync(self.do_set::<Blocking>(key, value, expiry))
    }

    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        run_sync(self.do_add::<Blocking>(key, value, expiry))
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        run_sync(self.do_touch::<Blocking>(key, expiry))
    }

    fn delete(&self, key: Key<'_>) -> Result<bool> {
        run_sync(self.do_delete::<Blocking>(key))
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        run_sync(self.do_incr::<Blocking>(key, delta))
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        run_sync(self.do_rename::<Blocking>(from, to))
    }

    fn clear(&self) -> Result<()> {
        run_sync(self.do_clear::<Blocking>())
    }

    fn has_key(&self, key: Key<'_>) -> Result<bool> {
        run_sync(self.do_has_key::<Blocking>(key))
    }

    fn get_many(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
        run_sync(self.do_get_many::<Blocking>(keys))
    }

    fn set_many(&self, entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Result<Vec<usize>> {
        run_sync(self.do_set_many::<Blocking>(entries, expiry))
    }

    fn delete_many(&self, keys: &[Key<'_>]) -> Result<()> {
        run_sync(self.do_delete_many::<Blocking>(keys))
    }

    fn close(&self) -> Result<()> {
        self.ring.nodes.iter().for_each(crate::node::Node::close);
        Ok(())
    }

    fn ping(&self) -> Result<Presence> {
        run_sync(self.do_ping::<Blocking>()).map(|()| Presence::Exists)
    }

    /// Sums over all servers, which hold whatever else is on them.
    fn info(&self) -> Result<Info> {
        run_sync(self.do_info::<Blocking>())
    }

    fn capabilities(&self) -> Capabilities {
        // A value that is moved to another server is counted by another clock.
        let moved = if self.ring.nodes.len() > 1 { Duration::from_secs(1) } else { Duration::ZERO };
        Capabilities::DEFAULT
            .with_persistent(true)
            .with_cross_process(true)
            .with_max_value_size(MAX_ITEM)
            .with_ttl_resolution(LATENESS + moved)
            .with_strict_keys(true)
            .with_atomic_rename(false)
    }

    fn as_async(&self) -> AsyncWay<'_> {
        AsyncWay::Native(self)
    }
}

#[async_trait]
impl AsyncCache for MemcachedCache {
    async fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        self.do_get::<Suspending>(key).await
    }

    async fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        self.do_set::<Suspending>(key, value, expiry).await
    }

    async fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        self.do_add::<Suspending>(key, value, expiry).await
    }

    async fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        self.do_touch::<Suspending>(key, expiry).await
    }

    async fn delete(&self, key: Key<'_>) -> Result<bool> {
        self.do_delete::<Suspending>(key).await
    }

    async fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        self.do_incr::<Suspending>(key, delta).await
    }

    async fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        self.do_rename::<Suspending>(from, to).await
    }

    async fn clear(&self) -> Result<()> {
        self.do_clear::<Suspending>().await
    }

    async fn has_key(&self, key: Key<'_>) -> Result<bool> {
        self.do_has_key::<Suspending>(key).await
    }

    async fn get_many(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
        self.do_get_many::<Suspending>(keys).await
    }

    async fn set_many(&self, entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Result<Vec<usize>> {
        self.do_set_many::<Suspending>(entries, expiry).await
    }

    async fn delete_many(&self, keys: &[Key<'_>]) -> Result<()> {
        self.do_delete_many::<Suspending>(keys).await
    }

    async fn close(&self) -> Result<()> {
        BaseCache::close(self)
    }

    async fn ping(&self) -> Result<Presence> {
        self.do_ping::<Suspending>().await.map(|()| Presence::Exists)
    }

    async fn info(&self) -> Result<Info> {
        self.do_info::<Suspending>().await
    }

    async fn purge_expired(&self) -> Result<Option<u64>> {
        BaseCache::purge_expired(self)
    }
}
