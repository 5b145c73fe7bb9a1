//! The async half of the API, under Django's names with their `a`. It works in any runtime.
//!
//! A backend in memory is called in place, one on disk on the thread pool of the `blocking` crate, and one on
//! the network through its own async client. Dropping a future leaves the store with the old or the new
//! state.

use std::future::{Future, ready};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backend::BaseCache;
use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::info::{Info, Presence};
use crate::key::Key;
use crate::mode::Mode;
use crate::timeout::Timeout;

/// Async operations. Each means the same as its namesake without the `a`.
impl<B: BaseCache + ?Sized> Cache<B> {
    /// [`Cache::get`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::get`].
    pub async fn aget<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        if self.is_in_place() { self.get_in_place(key) } else { self.get_suspending(key).await }
    }

    /// [`Cache::get_bytes`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::get_bytes`].
    pub async fn aget_bytes(&self, key: &str) -> Result<Option<Bytes>> {
        if self.is_in_place() { self.get_bytes_in_place(key) } else { self.get_bytes_suspending(key).await }
    }

    /// [`Cache::set`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::set`].
    pub async fn aset<T: Serialize + Sync + ?Sized>(
        &self,
        key: &str,
        value: &T,
        timeout: impl Into<Timeout> + Send,
    ) -> Result<()> {
        let payload = |made: Key<'_>| self.encode(made, value);
        if self.is_in_place() {
            self.set_in_place(key, timeout.into(), payload)
        } else {
            self.set_suspending(key, timeout.into(), payload).await
        }
    }

    /// [`Cache::set_bytes`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::set_bytes`].
    pub async fn aset_bytes(
        &self,
        key: &str,
        value: impl Into<Bytes>,
        timeout: impl Into<Timeout>,
    ) -> Result<()> {
        let value = value.into();
        let payload = |_: Key<'_>| self.settings.codecs.encode_bytes(value);
        if self.is_in_place() {
            self.set_in_place(key, timeout.into(), payload)
        } else {
            self.set_suspending(key, timeout.into(), payload).await
        }
    }

    /// [`Cache::add`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::add`].
    pub async fn aadd<T: Serialize + Sync + ?Sized>(
        &self,
        key: &str,
        value: &T,
        timeout: impl Into<Timeout> + Send,
    ) -> Result<bool> {
        self.add_on(Mode::Async, key, value, timeout.into()).await
    }

    /// [`Cache::touch`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::touch`].
    pub async fn atouch(&self, key: &str, timeout: impl Into<Timeout>) -> Result<bool> {
        self.touch_on(Mode::Async, key, timeout.into()).await
    }

    /// [`Cache::delete`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::delete`].
    pub async fn adelete(&self, key: &str) -> Result<bool> {
        self.delete_on(Mode::Async, key).await
    }

    /// [`Cache::has_key`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::has_key`].
    pub async fn ahas_key(&self, key: &str) -> Result<bool> {
        self.has_key_on(Mode::Async, key).await
    }

    /// [`Cache::incr_by`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::incr_by`].
    pub async fn aincr_by(&self, key: &str, delta: i64) -> Result<i64> {
        self.incr_on(Mode::Async, key, delta).await
    }

    /// [`Cache::incr`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::incr`].
    pub async fn aincr(&self, key: &str) -> Result<i64> {
        self.aincr_by(key, 1).await
    }

    /// [`Cache::decr_by`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::decr_by`].
    pub async fn adecr_by(&self, key: &str, delta: i64) -> Result<i64> {
        self.decr_on(Mode::Async, key, delta).await
    }

    /// [`Cache::decr`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::decr`].
    pub async fn adecr(&self, key: &str) -> Result<i64> {
        self.adecr_by(key, 1).await
    }

    /// [`Cache::incr_version_by`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::incr_version_by`].
    pub async fn aincr_version_by(&self, key: &str, delta: i64) -> Result<i64> {
        self.move_on(Mode::Async, key, self.prefix.version.checked_add(delta)).await
    }

    /// [`Cache::incr_version`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::incr_version`].
    pub async fn aincr_version(&self, key: &str) -> Result<i64> {
        self.aincr_version_by(key, 1).await
    }

    /// [`Cache::decr_version_by`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::decr_version_by`].
    pub async fn adecr_version_by(&self, key: &str, delta: i64) -> Result<i64> {
        self.move_on(Mode::Async, key, self.prefix.version.checked_sub(delta)).await
    }

    /// [`Cache::decr_version`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::decr_version`].
    pub async fn adecr_version(&self, key: &str) -> Result<i64> {
        self.adecr_version_by(key, 1).await
    }

    /// [`Cache::get_many`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::get_many`].
    pub async fn aget_many<T: DeserializeOwned, K: AsRef<str>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<(K, T)>> {
        self.get_many_on(Mode::Async, keys).await
    }

    /// [`Cache::set_many`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::set_many`].
    pub async fn aset_many<T: Serialize, K: AsRef<str>>(
        &self,
        entries: impl IntoIterator<Item = (K, T)>,
        timeout: impl Into<Timeout>,
    ) -> Result<Vec<K>> {
        self.set_many_on(Mode::Async, entries, timeout.into()).await
    }

    /// [`Cache::delete_many`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::delete_many`].
    pub async fn adelete_many<K: AsRef<str>>(&self, keys: impl IntoIterator<Item = K>) -> Result<()> {
        self.delete_many_on(Mode::Async, keys).await
    }

    /// [`Cache::clear`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::clear`].
    pub async fn aclear(&self) -> Result<()> {
        self.clear_on(Mode::Async).await
    }

    /// [`Cache::close`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::close`].
    pub async fn aclose(&self) -> Result<()> {
        self.close_on(Mode::Async).await
    }

    /// [`Cache::ping`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::ping`].
    pub async fn aping(&self) -> Result<Presence> {
        self.ping_on(Mode::Async).await
    }

    /// [`Cache::info`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::info`].
    pub async fn ainfo(&self) -> Result<Info> {
        self.info_on(Mode::Async).await
    }

    /// [`Cache::purge_expired`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::purge_expired`].
    pub async fn apurge_expired(&self) -> Result<Option<u64>> {
        self.purge_expired_on(Mode::Async).await
    }

    /// [`Cache::get_or`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::get`].
    pub async fn aget_or<T: DeserializeOwned>(&self, key: &str, default: T) -> Result<T> {
        Ok(self.aget(key).await?.unwrap_or(default))
    }

    /// [`Cache::get_or_set`] for async callers, with an async function. If a task is dropped while it
    /// computes, the next waiter computes.
    ///
    /// # Errors
    /// As [`Cache::get_or_set`].
    pub async fn aget_or_set<T, F, Fut>(
        &self,
        key: &str,
        timeout: impl Into<Timeout>,
        function: F,
    ) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        self.try_aget_or_set(key, timeout, || async { Ok(function().await) }).await
    }

    /// [`Cache::get_or_set_value`] for async callers.
    ///
    /// # Errors
    /// As [`Cache::get_or_set`].
    pub async fn aget_or_set_value<T>(&self, key: &str, timeout: impl Into<Timeout>, value: T) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
    {
        self.aget_or_set(key, timeout, || ready(value)).await
    }

    /// [`Cache::try_get_or_set`] for async callers, with an async function.
    ///
    /// # Errors
    /// As [`Cache::try_get_or_set`].
    pub async fn try_aget_or_set<T, E, F, Fut>(
        &self,
        key: &str,
        timeout: impl Into<Timeout>,
        function: F,
    ) -> Result<T, E>
    where
        T: Serialize + DeserializeOwned,
        E: From<Error>,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        self.get_or_set_on(Mode::Async, key, timeout.into(), function).await
    }
}
