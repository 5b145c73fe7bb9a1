//! What the code that `#[cached]` writes calls. An error of the cache never fails a cached function: the function
//! computes, and the error is counted and logged.

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::{Future, ready};
use std::marker::PhantomData;
use std::pin::pin;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backend::BaseCache;
use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::mode::{Mode, poll_now};
use crate::payload::Payload;
use crate::timeout::Timeout;

/// A type whose values a cache can keep.
#[diagnostic::on_unimplemented(
    message = "a cache cannot keep a value of type `{Self}`",
    label = "this is what the function of `#[cached]` returns",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it; it may not borrow"
)]
pub trait Cacheable: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Cacheable for T {}

/// A value that may be `None`, and then has a timeout of its own.
#[diagnostic::on_unimplemented(
    message = "`none_timeout` is for a function that returns an `Option`, and this one returns `{Self}`",
    label = "never `None`",
    note = "leave out `none_timeout`"
)]
pub trait MayBeNone {
    /// Whether this is `None`.
    fn is_none(&self) -> bool;
}

impl<T> MayBeNone for Option<T> {
    fn is_none(&self) -> bool {
        self.is_none()
    }
}

/// What `timeout = …` may be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a timeout",
    label = "this is what `#[cached]` was given",
    note = "give a number of seconds as a literal (`timeout = 60`), a `Duration`, or a `Timeout`"
)]
pub trait TimeoutSetting {
    /// As a [`Timeout`].
    fn into_timeout(self) -> Timeout;
}

#[diagnostic::do_not_recommend]
impl<T: Into<Timeout>> TimeoutSetting for T {
    fn into_timeout(self) -> Timeout {
        self.into()
    }
}

/// A number of seconds that was written as a literal.
#[must_use]
pub const fn seconds(seconds: u64, nanoseconds: u32) -> Timeout {
    Timeout::After(Duration::new(seconds, nanoseconds))
}

/// An entry of a cache.
#[derive(Debug)]
pub struct Entry<'a, B: ?Sized = dyn BaseCache> {
    /// Or why there is none.
    cache: Result<Cow<'a, Cache<B>>>,
    key: String,
}

impl<'a, B: BaseCache + ?Sized> Entry<'a, B> {
    /// The entry `key` of `cache`.
    #[must_use]
    pub const fn new(cache: &'a Cache<B>, key: String) -> Self {
        Self { cache: Ok(Cow::Borrowed(cache)), key }
    }

    /// The same entry of the cache's version `version`.
    #[must_use]
    pub fn version(self, version: i64) -> Self {
        Self { cache: self.cache.map(|cache| Cow::Owned(cache.with_version(version))), ..self }
    }

    /// The cache. Without one the function computes each time, and the log says why.
    fn cache(&self) -> Option<&Cache<B>> {
        let warn = |error: &&Error| tracing::warn!(%error, "a cached function goes on without its cache");
        self.cache.as_ref().inspect_err(warn).ok().map(AsRef::as_ref)
    }

    /// Removes the entry. Returns whether it existed.
    ///
    /// # Errors
    /// As [`Cache::delete`], and where [`Caches`](crate::Caches) do not have the cache.
    pub fn invalidate(self) -> Result<bool> {
        self.cache?.delete(&self.key)
    }

    /// [`Entry::invalidate`] for async callers.
    ///
    /// # Errors
    /// As [`Entry::invalidate`].
    pub async fn ainvalidate(self) -> Result<bool> {
        self.cache?.adelete(&self.key).await
    }

    /// Finds the value or computes it: [`Cache::try_get_or_set`], which goes on without the cache where that fails.
    async fn find<T, E, F, Fut>(
        self,
        mode: Mode,
        timeout: impl FnOnce(&T) -> Timeout,
        function: F,
    ) -> Result<T, E>
    where
        T: Cacheable,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        // The function's future has one place in this one.
        let mut computing = pin!(async { function().await });
        let Some(cache) = self.cache() else { return computing.await };
        let failed = |error| {
            cache.tolerated(&error);
            Ok(())
        };
        cache.get_or_compute(mode, &self.key, timeout, failed, || computing.as_mut()).await
    }

    /// Stores a value in place of the present one.
    fn replace<T: Cacheable>(self, value: &T, timeout: Timeout) {
        let Some(cache) = self.cache() else { return };
        if let Err(error) = cache.set(&self.key, value, timeout) {
            cache.tolerated(&error);
        }
    }

    /// A value on its mode to [`Entry::areplace`], whose future would else hold a reference to it.
    fn encode<T: Cacheable>(&self, value: &T) -> Option<Payload> {
        let cache = self.cache()?;
        let payload = cache.settings.codecs.encode(value).map_err(|error| error.with_key(&self.key));
        payload.inspect_err(|error| cache.tolerated(error)).ok()
    }

    /// [`Entry::replace`] for async callers.
    async fn areplace(self, payload: Option<Payload>, timeout: Timeout) {
        let (Some(payload), Ok(cache)) = (payload, &self.cache) else { return };
        if let Err(error) = cache.set_suspending(&self.key, timeout, |_| Ok(payload)).await {
            cache.tolerated(&error);
        }
    }
}

#[cfg(feature = "settings")]
impl Entry<'_> {
    /// The entry `key` of a cache that settings may not have.
    pub(crate) fn of_cache(cache: Result<Cache>, key: String) -> Self {
        Self { cache: cache.map(Cow::Owned), key }
    }
}

/// The type that a cached function returns. Its methods for a [`Result`] come before those of [`Plain`], also where the
/// function's signature has another name for it.
#[derive(Debug)]
pub struct Output<R>(PhantomData<fn() -> R>);

impl<R> Output<R> {
    /// This type.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<R> Default for Output<R> {
    fn default() -> Self {
        Self::new()
    }
}

/// Errors are returned and not stored.
#[allow(clippy::missing_errors_doc, clippy::unused_self, reason = "the errors are the function's")]
impl<T, E> Output<Result<T, E>> {
    /// Finds the value, or computes and stores it.
    pub fn get_or_set<B: BaseCache + ?Sized>(
        self,
        entry: Entry<'_, B>,
        timeout: impl FnOnce(&T) -> Timeout,
        function: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E>
    where
        T: Cacheable,
    {
        poll_now(entry.find(Mode::Blocking, timeout, || ready(function())))
    }

    /// [`Output::get_or_set`] for async callers.
    pub async fn aget_or_set<B: BaseCache + ?Sized>(
        self,
        entry: Entry<'_, B>,
        timeout: impl FnOnce(&T) -> Timeout,
        computing: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E>
    where
        T: Cacheable,
    {
        entry.find(Mode::Async, timeout, || computing).await
    }

    /// Computes the value and stores it in place of the present one.
    pub fn refresh<B: BaseCache + ?Sized>(
        self,
        entry: Entry<'_, B>,
        timeout: impl FnOnce(&T) -> Timeout,
        function: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E>
    where
        T: Cacheable,
    {
        let value = function()?;
        let timeout = timeout(&value);
        entry.replace(&value, timeout);
        Ok(value)
    }

    /// [`Output::refresh`] for async callers.
    pub async fn arefresh<B: BaseCache + ?Sized>(
        self,
        entry: Entry<'_, B>,
        timeout: impl FnOnce(&T) -> Timeout,
        computing: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E>
    where
        T: Cacheable,
    {
        let value = computing.await?;
        let (payload, timeout) = (entry.encode(&value), timeout(&value));
        entry.areplace(payload, timeout).await;
        Ok(value)
    }
}

/// [`Output`] of a function that returns a value and cannot fail.
pub trait Plain<T>: Sized {
    /// Finds the value, or computes and stores it.
    fn get_or_set<B: BaseCache + ?Sized>(
        self,
        entry: Entry<'_, B>,
        timeout: impl FnOnce(&T) -> Timeout,
        function: impl FnOnce() -> T,
    ) -> T
    where
        T: Cacheable;

    /// [`Plain::get_or_set`] for async callers.
    fn aget_or_set<B: BaseCache + ?Sized>(
        self,
        entry: Entry<'_, B>,
        timeout: impl FnOnce(&T) -> Timeout,
        computing: impl Future<Output = T>,
    ) -> impl Future<Output = T>
    where
        T: Cacheable;

    /// Computes the value and stores it in place of the present one.
    fn refresh<B: BaseCache + ?Sized>(
        self,
        entry: Entry<'_, B>,
        timeout: impl FnOnce(&T) -> Timeout,
        function: impl FnOnce() -> T,
    ) -> T
    where
        T: Cacheable;

    /// [`Plain::refresh`] for async callers.
    fn arefresh<B: BaseCache + ?Sized>(
        self,
        entry: Entry<'_, B>,
        timeout: impl FnOnce(&T) -> Timeout,
        computing: impl Future<Output = T>,
    ) -> impl Future<Output = T>
    where
        T: Cacheable;
}

impl<T> Plain<T> for Output<T> {
    fn get_or_set<B: BaseCache + ?Sized>(
        self,
        entry: Entry<'_, B>,
        timeout: impl FnOnce(&T) -> Timeout,
        function: impl FnOnce() -> T,
    ) -> T
    where
        T: Cacheable,
    {
        value(Output::new().get_or_set(entry, timeout, || Ok(function())))
    }

    async fn aget_or_set<B: BaseCache + ?Sized>(
        self,
        entry: Entry<'_, B>,
        timeout: impl FnOnce(&T) -> Timeout,
        computing: impl Future<Output = T>,
    ) -> T
    where
        T: Cacheable,
    {
        value(Output::new().aget_or_set(entry, timeout, async { Ok(computing.await) }).await)
    }

    fn refresh<B: BaseCache + ?Sized>(
        self,
        entry: Entry<'_, B>,
        timeout: impl FnOnce(&T) -> Timeout,
        function: impl FnOnce() -> T,
    ) -> T
    where
        T: Cacheable,
    {
        value(Output::new().refresh(entry, timeout, || Ok(function())))
    }

    async fn arefresh<B: BaseCache + ?Sized>(
        self,
        entry: Entry<'_, B>,
        timeout: impl FnOnce(&T) -> Timeout,
        computing: impl Future<Output = T>,
    ) -> T
    where
        T: Cacheable,
    {
        value(Output::new().arefresh(entry, timeout, async { Ok(computing.await) }).await)
    }
}

fn value<T>(result: Result<T, Infallible>) -> T {
    match result {
        Ok(value) => value,
        Err(never) => match never {},
    }
}
