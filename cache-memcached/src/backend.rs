//! [`MemcachedCache`]: the two halves of the contract, over one [`Client`].

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use cache_core::{
    AsyncCache, AsyncWay, BaseCache, Capabilities, Expiry, Info, Key, Payload, Presence, Result, Way,
    run_sync,
};

use crate::client::Client;

/// The largest item of a server that was told nothing else; with the key and some 60 bytes more.
const MAX_ITEM: usize = 1 << 20;

/// How late a value may be gone: a second for what is rounded up, one for the server's clock.
const LATENESS: Duration = Duration::from_secs(2);

/// A cache on one or several memcached servers.
///
/// Cheap to share behind a [`Cache`](cache_core::Cache); it holds the connections, which are made
/// when they are needed. After `fork` each side of a handle has connections of its own.
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

impl BaseCache for MemcachedCache {
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        run_sync(self.client.get(Way::Sync, key))
    }

    fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        run_sync(self.client.set(Way::Sync, key, value, expiry))
    }

    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        run_sync(self.client.add(Way::Sync, key, value, expiry))
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        run_sync(self.client.touch(Way::Sync, key, expiry))
    }

    fn delete(&self, key: Key<'_>) -> Result<bool> {
        run_sync(self.client.delete(Way::Sync, key))
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        run_sync(self.client.incr(Way::Sync, key, delta))
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        run_sync(self.client.rename(Way::Sync, from, to))
    }

    fn clear(&self) -> Result<()> {
        run_sync(self.client.clear(Way::Sync))
    }

    fn has_key(&self, key: Key<'_>) -> Result<bool> {
        run_sync(self.client.has_key(Way::Sync, key))
    }

    fn get_many(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
        run_sync(self.client.get_many(Way::Sync, keys))
    }

    fn set_many(&self, entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Result<Vec<usize>> {
        run_sync(self.client.set_many(Way::Sync, entries, expiry))
    }

    fn delete_many(&self, keys: &[Key<'_>]) -> Result<()> {
        run_sync(self.client.delete_many(Way::Sync, keys))
    }

    fn close(&self) -> Result<()> {
        self.client.servers.close();
        Ok(())
    }

    fn ping(&self) -> Result<Presence> {
        run_sync(self.client.ping(Way::Sync)).map(|()| Presence::Exists)
    }

    /// Sums over all servers, which hold whatever else is on them.
    fn info(&self) -> Result<Info> {
        run_sync(self.client.info(Way::Sync))
    }

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

    fn as_async(&self) -> AsyncWay<'_> {
        AsyncWay::Native(self)
    }
}

#[async_trait]
impl AsyncCache for MemcachedCache {
    async fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        self.client.get(Way::Async, key).await
    }

    async fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        self.client.set(Way::Async, key, value, expiry).await
    }

    async fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        self.client.add(Way::Async, key, value, expiry).await
    }

    async fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        self.client.touch(Way::Async, key, expiry).await
    }

    async fn delete(&self, key: Key<'_>) -> Result<bool> {
        self.client.delete(Way::Async, key).await
    }

    async fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        self.client.incr(Way::Async, key, delta).await
    }

    async fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        self.client.rename(Way::Async, from, to).await
    }

    async fn clear(&self) -> Result<()> {
        self.client.clear(Way::Async).await
    }

    async fn has_key(&self, key: Key<'_>) -> Result<bool> {
        self.client.has_key(Way::Async, key).await
    }

    async fn get_many(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
        self.client.get_many(Way::Async, keys).await
    }

    async fn set_many(&self, entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Result<Vec<usize>> {
        self.client.set_many(Way::Async, entries, expiry).await
    }

    async fn delete_many(&self, keys: &[Key<'_>]) -> Result<()> {
        self.client.delete_many(Way::Async, keys).await
    }

    async fn close(&self) -> Result<()> {
        BaseCache::close(self)
    }

    async fn ping(&self) -> Result<Presence> {
        self.client.ping(Way::Async).await.map(|()| Presence::Exists)
    }

    async fn info(&self) -> Result<Info> {
        self.client.info(Way::Async).await
    }

    async fn purge_expired(&self) -> Result<Option<u64>> {
        BaseCache::purge_expired(self)
    }
}
