//! [`RedisCache`]: the two halves of the contract, over one set of [`Operations`].

use std::time::Duration;

use async_trait::async_trait;
use cache_core::{
    AsyncCache, AsyncWay, BaseCache, Capabilities, Expiry, Info, Key, Mode, Payload, Presence, Result,
    poll_now,
};

use crate::commands::Store;
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
        poll_now(self.operations.get(Mode::Blocking, key))
    }

    fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        poll_now(self.operations.store(Mode::Blocking, Store::Always, key, &value, expiry)).map(drop)
    }

    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        poll_now(self.operations.store(Mode::Blocking, Store::Absent, key, &value, expiry))
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        poll_now(self.operations.touch(Mode::Blocking, key, expiry))
    }

    fn delete(&self, key: Key<'_>) -> Result<bool> {
        poll_now(self.operations.delete(Mode::Blocking, key))
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        poll_now(self.operations.incr(Mode::Blocking, key, delta))
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        poll_now(self.operations.rename(Mode::Blocking, from, to))
    }

    fn clear(&self) -> Result<()> {
        poll_now(self.operations.clear(Mode::Blocking))
    }

    fn has_key(&self, key: Key<'_>) -> Result<bool> {
        poll_now(self.operations.has_key(Mode::Blocking, key))
    }

    fn get_many(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
        poll_now(self.operations.get_many(Mode::Blocking, keys))
    }

    fn set_many(&self, entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Result<Vec<usize>> {
        poll_now(self.operations.set_many(Mode::Blocking, entries, expiry))
    }

    fn delete_many(&self, keys: &[Key<'_>]) -> Result<()> {
        poll_now(self.operations.delete_many(Mode::Blocking, keys))
    }

    fn close(&self) -> Result<()> {
        self.operations.close();
        Ok(())
    }

    fn entries(&self) -> Result<Option<u64>> {
        poll_now(self.operations.entries(Mode::Blocking)).map(Some)
    }

    fn ping(&self) -> Result<Presence> {
        poll_now(self.operations.ping(Mode::Blocking)).map(|()| Presence::Exists)
    }

    /// Entries of the selected database; memory, hits and misses of the whole server. Of a cluster
    /// the sums.
    fn info(&self) -> Result<Info> {
        poll_now(self.operations.info(Mode::Blocking))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::DEFAULT
            .with_persistent(true)
            .with_cross_process(true)
            .with_max_value_size(LARGEST_VALUE)
            .with_preserves_type_tags(false)
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
        self.operations.get(Mode::Async, key).await
    }

    async fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        self.operations.store(Mode::Async, Store::Always, key, &value, expiry).await.map(drop)
    }

    async fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        self.operations.store(Mode::Async, Store::Absent, key, &value, expiry).await
    }

    async fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        self.operations.touch(Mode::Async, key, expiry).await
    }

    async fn delete(&self, key: Key<'_>) -> Result<bool> {
        self.operations.delete(Mode::Async, key).await
    }

    async fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        self.operations.incr(Mode::Async, key, delta).await
    }

    async fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        self.operations.rename(Mode::Async, from, to).await
    }

    async fn clear(&self) -> Result<()> {
        self.operations.clear(Mode::Async).await
    }

    async fn has_key(&self, key: Key<'_>) -> Result<bool> {
        self.operations.has_key(Mode::Async, key).await
    }

    async fn get_many(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
        self.operations.get_many(Mode::Async, keys).await
    }

    async fn set_many(&self, entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Result<Vec<usize>> {
        self.operations.set_many(Mode::Async, entries, expiry).await
    }

    async fn delete_many(&self, keys: &[Key<'_>]) -> Result<()> {
        self.operations.delete_many(Mode::Async, keys).await
    }

    async fn close(&self) -> Result<()> {
        self.operations.close();
        Ok(())
    }

    async fn ping(&self) -> Result<Presence> {
        self.operations.ping(Mode::Async).await.map(|()| Presence::Exists)
    }

    async fn info(&self) -> Result<Info> {
        self.operations.info(Mode::Async).await
    }

    async fn purge_expired(&self) -> Result<Option<u64>> {
        BaseCache::purge_expired(self)
    }
}
