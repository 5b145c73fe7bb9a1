//! [`RedisCache`]: the two halves of the contract, over one set of [`Operations`].

use std::time::Duration;

use async_trait::async_trait;
use cache_core::{
    AsyncCache, AsyncWay, BaseCache, Capabilities, Expiry, Info, Key, Payload, Presence, Result, Way,
    run_sync,
};

use crate::commands::Put;
use crate::config::Config;
use crate::operations::{LARGEST_VALUE, Operations};

/// A cache in a Redis or Valkey database. See the [crate's page](crate).
///
/// A call is one round trip to the server; `set_many`, `get_many` and `delete_many` are one per
/// batch of 1,000 keys. Dropping the cache closes its connections. Its `Debug` shows no password.
#[derive(Debug)]
pub struct RedisCache {
    operations: Operations,
}

impl RedisCache {
    pub(crate) fn from_config(config: Config) -> Self {
        Self { operations: Operations::new(config) }
    }
}

impl BaseCache for RedisCache {
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        run_sync(self.operations.get(Way::Sync, key))
    }

    fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        run_sync(self.operations.put(Way::Sync, Put::Set, key, &value, expiry)).map(drop)
    }

    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        run_sync(self.operations.put(Way::Sync, Put::Add, key, &value, expiry))
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        run_sync(self.operations.touch(Way::Sync, key, expiry))
    }

    fn delete(&self, key: Key<'_>) -> Result<bool> {
        run_sync(self.operations.delete(Way::Sync, key))
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        run_sync(self.operations.incr(Way::Sync, key, delta))
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        run_sync(self.operations.rename(Way::Sync, from, to))
    }

    fn clear(&self) -> Result<()> {
        run_sync(self.operations.clear(Way::Sync))
    }

    fn has_key(&self, key: Key<'_>) -> Result<bool> {
        run_sync(self.operations.has_key(Way::Sync, key))
    }

    fn get_many(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
        run_sync(self.operations.get_many(Way::Sync, keys))
    }

    fn set_many(&self, entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Result<Vec<usize>> {
        run_sync(self.operations.set_many(Way::Sync, entries, expiry))
    }

    fn delete_many(&self, keys: &[Key<'_>]) -> Result<()> {
        run_sync(self.operations.delete_many(Way::Sync, keys))
    }

    fn close(&self) -> Result<()> {
        self.operations.close();
        Ok(())
    }

    fn entries(&self) -> Result<Option<u64>> {
        run_sync(self.operations.entries(Way::Sync)).map(Some)
    }

    fn ping(&self) -> Result<Presence> {
        run_sync(self.operations.ping(Way::Sync)).map(|()| Presence::Exists)
    }

    /// Entries of the selected database; memory, hits and misses of the whole server. Of a cluster
    /// the sums.
    fn info(&self) -> Result<Info> {
        run_sync(self.operations.info(Way::Sync))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::DEFAULT
            .with_persistent(true)
            .with_cross_process(true)
            .with_max_value_size(LARGEST_VALUE)
            .with_keeps_kinds(false)
            .with_atomic_rename(self.operations.is_one_place())
            // It counts whole milliseconds, in which neither the beginning nor the end may be early.
            .with_ttl_resolution(Duration::from_millis(2))
    }

    fn as_async(&self) -> AsyncWay<'_> {
        AsyncWay::Native(self)
    }
}

#[async_trait]
impl AsyncCache for RedisCache {
    async fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        self.operations.get(Way::Async, key).await
    }

    async fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        self.operations.put(Way::Async, Put::Set, key, &value, expiry).await.map(drop)
    }

    async fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        self.operations.put(Way::Async, Put::Add, key, &value, expiry).await
    }

    async fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        self.operations.touch(Way::Async, key, expiry).await
    }

    async fn delete(&self, key: Key<'_>) -> Result<bool> {
        self.operations.delete(Way::Async, key).await
    }

    async fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        self.operations.incr(Way::Async, key, delta).await
    }

    async fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        self.operations.rename(Way::Async, from, to).await
    }

    async fn clear(&self) -> Result<()> {
        self.operations.clear(Way::Async).await
    }

    async fn has_key(&self, key: Key<'_>) -> Result<bool> {
        self.operations.has_key(Way::Async, key).await
    }

    async fn get_many(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
        self.operations.get_many(Way::Async, keys).await
    }

    async fn set_many(&self, entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Result<Vec<usize>> {
        self.operations.set_many(Way::Async, entries, expiry).await
    }

    async fn delete_many(&self, keys: &[Key<'_>]) -> Result<()> {
        self.operations.delete_many(Way::Async, keys).await
    }

    async fn close(&self) -> Result<()> {
        self.operations.close();
        Ok(())
    }

    async fn ping(&self) -> Result<Presence> {
        self.operations.ping(Way::Async).await.map(|()| Presence::Exists)
    }

    async fn info(&self) -> Result<Info> {
        self.operations.info(Way::Async).await
    }

    async fn purge_expired(&self) -> Result<Option<u64>> {
        BaseCache::purge_expired(self)
    }
}
