//! [`MemcachedCache`]: the two halves of the contract, over one [`Client`].

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use cache_core::{
    AsyncCache, AsyncWay, BaseCache, Capabilities, Expiry, Info, Key, Mode, Payload, Presence, Result,
    poll_now,
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
        poll_now(self.client.get(Mode::Blocking, key))
    }

    fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        poll_now(self.client.set(Mode::Blocking, key, value, expiry))
    }

    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        poll_now(self.client.add(Mode::Blocking, key, value, expiry))
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        poll_now(self.client.touch(Mode::Blocking, key, expiry))
    }

    fn delete(&self, key: Key<'_>) -> Result<bool> {
        poll_now(self.client.delete(Mode::Blocking, key))
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        poll_now(self.client.incr(Mode::Blocking, key, delta))
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        poll_now(self.client.rename(Mode::Blocking, from, to))
    }

    fn clear(&self) -> Result<()> {
        poll_now(self.client.clear(Mode::Blocking))
    }

    fn has_key(&self, key: Key<'_>) -> Result<bool> {
        poll_now(self.client.has_key(Mode::Blocking, key))
    }

    fn get_many(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
        poll_now(self.client.get_many(Mode::Blocking, keys))
    }

    fn set_many(&self, entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Result<Vec<usize>> {
        poll_now(self.client.set_many(Mode::Blocking, entries, expiry))
    }

    fn delete_many(&self, keys: &[Key<'_>]) -> Result<()> {
        poll_now(self.client.delete_many(Mode::Blocking, keys))
    }

    fn close(&self) -> Result<()> {
        self.client.servers.close();
        Ok(())
    }

    fn ping(&self) -> Result<Presence> {
        poll_now(self.client.ping(Mode::Blocking)).map(|()| Presence::Exists)
    }

    /// Sums over all servers, which hold whatever else is on them.
    fn info(&self) -> Result<Info> {
        poll_now(self.client.info(Mode::Blocking))
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
        self.client.get(Mode::Async, key).await
    }

    async fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        self.client.set(Mode::Async, key, value, expiry).await
    }

    async fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        self.client.add(Mode::Async, key, value, expiry).await
    }

    async fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        self.client.touch(Mode::Async, key, expiry).await
    }

    async fn delete(&self, key: Key<'_>) -> Result<bool> {
        self.client.delete(Mode::Async, key).await
    }

    async fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        self.client.incr(Mode::Async, key, delta).await
    }

    async fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        self.client.rename(Mode::Async, from, to).await
    }

    async fn clear(&self) -> Result<()> {
        self.client.clear(Mode::Async).await
    }

    async fn has_key(&self, key: Key<'_>) -> Result<bool> {
        self.client.has_key(Mode::Async, key).await
    }

    async fn get_many(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
        self.client.get_many(Mode::Async, keys).await
    }

    async fn set_many(&self, entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Result<Vec<usize>> {
        self.client.set_many(Mode::Async, entries, expiry).await
    }

    async fn delete_many(&self, keys: &[Key<'_>]) -> Result<()> {
        self.client.delete_many(Mode::Async, keys).await
    }

    async fn close(&self) -> Result<()> {
        BaseCache::close(self)
    }

    async fn ping(&self) -> Result<Presence> {
        self.client.ping(Mode::Async).await.map(|()| Presence::Exists)
    }

    async fn info(&self) -> Result<Info> {
        self.client.info(Mode::Async).await
    }

    async fn purge_expired(&self) -> Result<Option<u64>> {
        BaseCache::purge_expired(self)
    }
}
