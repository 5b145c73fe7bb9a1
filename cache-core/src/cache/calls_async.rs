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
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.aset("user:1", "Ada", DEFAULT_TIMEOUT).await?;
    /// assert_eq!(cache.aget::<String>("user:1").await?.as_deref(), Some("Ada"));
    /// assert_eq!(cache.aget::<String>("user:2").await?, None); // a miss is not an error
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::get`].
    pub async fn aget<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        if self.is_in_place() { self.get_in_place(key) } else { self.get_suspending(key).await }
    }

    /// [`Cache::get_bytes`] for async callers.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.aset_bytes("thumbnail:7", "a PNG file", DEFAULT_TIMEOUT).await?;
    /// assert_eq!(cache.aget_bytes("thumbnail:7").await?.unwrap(), "a PNG file");
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::get_bytes`].
    pub async fn aget_bytes(&self, key: &str) -> Result<Option<Bytes>> {
        if self.is_in_place() { self.get_bytes_in_place(key) } else { self.get_bytes_suspending(key).await }
    }

    /// [`Cache::set`] for async callers.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_core::Cache;
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.aset("cart:ada", &vec!["apples", "pears"], Duration::from_secs(3_600)).await?;
    /// assert_eq!(cache.aget::<Vec<String>>("cart:ada").await?.unwrap().len(), 2);
    ///
    /// cache.aset("cart:ada", "", Duration::ZERO).await?; // not stored, and the older value is removed
    /// assert!(!cache.ahas_key("cart:ada").await?);
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
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
    /// ```
    /// # use std::time::Duration;
    /// # use cache_core::Cache;
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.aset_bytes("page:/", b"<h1>Welcome</h1>".to_vec(), Duration::from_secs(60)).await?;
    /// assert!(cache.ahas_key("page:/").await?);
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
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
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// // Of all the tasks that see order 42, the first one sends the mail.
    /// assert!(cache.aadd("mailed:42", &true, DEFAULT_TIMEOUT).await?);
    /// assert!(!cache.aadd("mailed:42", &true, DEFAULT_TIMEOUT).await?);
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
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
    /// ```
    /// # use std::time::Duration;
    /// # use cache_core::Cache;
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// let half_hour = Duration::from_secs(1_800);
    /// cache.aset("session:ada", &1, half_hour).await?;
    /// assert!(cache.atouch("session:ada", half_hour).await?); // with each request
    /// assert!(!cache.atouch("session:bob", half_hour).await?); // Bob has to log in again
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::touch`].
    pub async fn atouch(&self, key: &str, timeout: impl Into<Timeout>) -> Result<bool> {
        self.touch_on(Mode::Async, key, timeout.into()).await
    }

    /// [`Cache::delete`] for async callers.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.aset("user:1", "Ada", DEFAULT_TIMEOUT).await?;
    /// assert!(cache.adelete("user:1").await?); // after a change in the database
    /// assert!(!cache.adelete("user:1").await?);
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::delete`].
    pub async fn adelete(&self, key: &str) -> Result<bool> {
        self.delete_on(Mode::Async, key).await
    }

    /// [`Cache::has_key`] for async callers.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// assert!(!cache.ahas_key("banned:10.0.0.7").await?);
    /// cache.aset("banned:10.0.0.7", &true, DEFAULT_TIMEOUT).await?;
    /// assert!(cache.ahas_key("banned:10.0.0.7").await?);
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::has_key`].
    pub async fn ahas_key(&self, key: &str) -> Result<bool> {
        self.has_key_on(Mode::Async, key).await
    }

    /// [`Cache::incr_by`] for async callers.
    ///
    /// ```
    /// # use cache_core::{Cache, Timeout};
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.aset("bytes:ada", &0, Timeout::Never).await?;
    /// assert_eq!(cache.aincr_by("bytes:ada", 1_024).await?, 1_024);
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::incr_by`].
    pub async fn aincr_by(&self, key: &str, delta: i64) -> Result<i64> {
        self.incr_on(Mode::Async, key, delta).await
    }

    /// [`Cache::incr`] for async callers.
    ///
    /// ```
    /// # use cache_core::{Cache, Timeout};
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.aadd("views:/", &0, Timeout::Never).await?; // a missing key would be an error
    /// assert_eq!(cache.aincr("views:/").await?, 1);
    /// assert_eq!(cache.aincr("views:/").await?, 2);
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::incr`].
    pub async fn aincr(&self, key: &str) -> Result<i64> {
        self.aincr_by(key, 1).await
    }

    /// [`Cache::decr_by`] for async callers.
    ///
    /// ```
    /// # use cache_core::{Cache, Timeout};
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.aset("tickets", &10, Timeout::Never).await?;
    /// assert_eq!(cache.adecr_by("tickets", 4).await?, 6);
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::decr_by`].
    pub async fn adecr_by(&self, key: &str, delta: i64) -> Result<i64> {
        self.decr_on(Mode::Async, key, delta).await
    }

    /// [`Cache::decr`] for async callers.
    ///
    /// ```
    /// # use cache_core::{Cache, Timeout};
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.aset("jobs:waiting", &3, Timeout::Never).await?;
    /// assert_eq!(cache.adecr("jobs:waiting").await?, 2);
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::decr`].
    pub async fn adecr(&self, key: &str) -> Result<i64> {
        self.adecr_by(key, 1).await
    }

    /// [`Cache::incr_version_by`] for async callers.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.aset("prices", "those of May", DEFAULT_TIMEOUT).await?;
    /// assert_eq!(cache.aincr_version_by("prices", 10).await?, 11);
    /// assert!(cache.with_version(11).ahas_key("prices").await?);
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::incr_version_by`].
    pub async fn aincr_version_by(&self, key: &str, delta: i64) -> Result<i64> {
        self.move_on(Mode::Async, key, self.prefix.version.checked_add(delta)).await
    }

    /// [`Cache::incr_version`] for async callers.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.aset("feed", "old", DEFAULT_TIMEOUT).await?;
    /// assert_eq!(cache.aincr_version("feed").await?, 2);
    /// assert!(!cache.ahas_key("feed").await?); // this handle looks for version 1
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::incr_version`].
    pub async fn aincr_version(&self, key: &str) -> Result<i64> {
        self.aincr_version_by(key, 1).await
    }

    /// [`Cache::decr_version_by`] for async callers.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// let newest = cache.with_version(3);
    /// newest.aset("prices", "those of May", DEFAULT_TIMEOUT).await?;
    /// assert_eq!(newest.adecr_version_by("prices", 2).await?, 1);
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::decr_version_by`].
    pub async fn adecr_version_by(&self, key: &str, delta: i64) -> Result<i64> {
        self.move_on(Mode::Async, key, self.prefix.version.checked_sub(delta)).await
    }

    /// [`Cache::decr_version`] for async callers.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// let next = cache.with_version(2);
    /// next.aset("feed", "new", DEFAULT_TIMEOUT).await?;
    /// assert_eq!(next.adecr_version("feed").await?, 1);
    /// assert!(cache.ahas_key("feed").await?);
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::decr_version`].
    pub async fn adecr_version(&self, key: &str) -> Result<i64> {
        self.adecr_version_by(key, 1).await
    }

    /// [`Cache::get_many`] for async callers.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.aset("user:1", "Ada", DEFAULT_TIMEOUT).await?;
    /// let users: Vec<(&str, String)> = cache.aget_many(["user:1", "user:2"]).await?;
    /// assert_eq!(users, [("user:1", "Ada".into())]); // no `user:2`
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
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
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// let too_large = cache.aset_many([("user:1", "Ada"), ("user:2", "Grace")], DEFAULT_TIMEOUT).await?;
    /// assert!(too_large.is_empty());
    /// assert_eq!(cache.aget::<String>("user:2").await?.as_deref(), Some("Grace"));
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
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
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.aset("user:1", "Ada", DEFAULT_TIMEOUT).await?;
    /// cache.adelete_many(["user:1", "user:2"]).await?;
    /// assert!(!cache.ahas_key("user:1").await?);
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::delete_many`].
    pub async fn adelete_many<K: AsRef<str>>(&self, keys: impl IntoIterator<Item = K>) -> Result<()> {
        self.delete_many_on(Mode::Async, keys).await
    }

    /// [`Cache::clear`] for async callers.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.aset("user:1", "Ada", DEFAULT_TIMEOUT).await?;
    /// cache.aclear().await?;
    /// assert!(!cache.ahas_key("user:1").await?);
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::clear`].
    pub async fn aclear(&self) -> Result<()> {
        self.clear_on(Mode::Async).await
    }

    /// [`Cache::close`] for async callers.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.aset("user:1", "Ada", DEFAULT_TIMEOUT).await?;
    /// cache.aclose().await?; // when a service shuts down
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::close`].
    pub async fn aclose(&self) -> Result<()> {
        self.close_on(Mode::Async).await
    }

    /// [`Cache::ping`] for async callers.
    ///
    /// ```
    /// # use cache_core::Cache;
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// // The health check of a service.
    /// let is_healthy = cache.aping().await.is_ok();
    /// assert!(is_healthy);
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::ping`].
    pub async fn aping(&self) -> Result<Presence> {
        self.ping_on(Mode::Async).await
    }

    /// [`Cache::info`] for async callers.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.aset("user:1", "Ada", DEFAULT_TIMEOUT).await?;
    /// assert_eq!(cache.ainfo().await?.entries, Some(1));
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::info`].
    pub async fn ainfo(&self) -> Result<Info> {
        self.info_on(Mode::Async).await
    }

    /// [`Cache::purge_expired`] for async callers.
    ///
    /// ```
    /// # use cache_core::Cache;
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// // For a job at night. Files and SQLite answer `Some(number)`.
    /// assert_eq!(cache.apurge_expired().await?, None);
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::purge_expired`].
    pub async fn apurge_expired(&self) -> Result<Option<u64>> {
        self.purge_expired_on(Mode::Async).await
    }

    /// [`Cache::get_or`] for async callers.
    ///
    /// ```
    /// # use cache_core::Cache;
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// assert_eq!(cache.aget_or("theme:ada", "light".to_owned()).await?, "light");
    /// assert!(!cache.ahas_key("theme:ada").await?); // the default is not stored
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Cache::get`].
    pub async fn aget_or<T: DeserializeOwned>(&self, key: &str, default: T) -> Result<T> {
        Ok(self.aget(key).await?.unwrap_or(default))
    }

    /// [`Cache::get_or_set`] for async callers, with an async function. If a task is dropped while it
    /// computes, the next waiter computes.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_core::Cache;
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// async fn load_feed(user: &str) -> Vec<String> {
    ///     vec![format!("first post of {user}")] // from the database
    /// }
    /// let minute = Duration::from_secs(60);
    /// let feed = cache.aget_or_set("feed:ada", minute, || load_feed("ada")).await?;
    /// assert_eq!(feed, ["first post of ada"]);
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
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
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// assert_eq!(cache.aget_or_set_value("theme", DEFAULT_TIMEOUT, "dark".to_owned()).await?, "dark");
    /// assert_eq!(cache.aget_or_set_value("theme", DEFAULT_TIMEOUT, "light".to_owned()).await?, "dark");
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
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
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT, Result};
    /// # use cache_locmem::LocMemCache;
    /// # futures_lite::future::block_on(async {
    /// let cache = Cache::new(LocMemCache::default());
    /// async fn load_user(id: u64) -> Result<String, Box<dyn std::error::Error>> {
    ///     if id == 1 { Ok("Ada".into()) } else { Err("no such user".into()) }
    /// }
    /// let user = cache.try_aget_or_set("user:2", DEFAULT_TIMEOUT, || load_user(2)).await;
    /// assert_eq!(user.unwrap_err().to_string(), "no such user"); // and nothing is stored
    /// assert!(!cache.ahas_key("user:2").await?);
    /// # Ok::<(), cache_core::Error>(()) })?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
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
