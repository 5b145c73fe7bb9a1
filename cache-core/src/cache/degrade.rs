//! [`OnError`]: whether an unreachable store is an error or a miss.

use std::sync::atomic::Ordering;

use crate::backend::BaseCache;
use crate::cache::Cache;
use crate::error::{Error, ErrorKind};

/// What a cache does when its store is unreachable or fails: [`Unavailable`](ErrorKind::Unavailable) and
/// [`Storage`](ErrorKind::Storage).
///
/// Every other error is returned in any case: bad keys, timeouts and settings, values that are too large or
/// that no codec takes, a server that refuses this client, and an unknown outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnError {
    /// The caller gets the error, as in Django. The default.
    #[default]
    Return,
    /// The cache answers as if it were empty and stored nothing: `get` none, `get_many` nothing,
    /// `has_key`, `add`, `touch` and `delete` false, `set` and `delete_many` nothing, `set_many`
    /// every key as failed; `get_or_set` computes and returns. Each time is logged as a warning
    /// through `tracing` and counted by [`Cache::degraded`].
    ///
    /// `incr`, `decr`, `incr_version`, `decr_version` and `clear` have no such answer and fail.
    Fallback,
}

impl Error {
    /// Whether [`OnError::Fallback`] may hide it.
    pub(super) const fn is_of_the_store(&self) -> bool {
        matches!(self.kind(), ErrorKind::Unavailable | ErrorKind::Storage)
    }
}

impl<B: BaseCache + ?Sized> Cache<B> {
    /// Returns how many calls of the store [`OnError::Fallback`] has answered since this cache was built, for
    /// all handles and versions together.
    /// An error that a function of `#[cached]` went on without counts too.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT, OnError};
    /// # use cache_core::{BaseCache, Error, Expiry, Key, Payload, Result};
    /// # struct Unreachable;
    /// # impl Unreachable { fn fails<T>() -> Result<T> { Err(Error::unavailable("no server")) } }
    /// # impl BaseCache for Unreachable {
    /// #     fn get(&self, _: Key<'_>) -> Result<Option<Payload>> { Self::fails() }
    /// #     fn set(&self, _: Key<'_>, _: Payload, _: Expiry) -> Result<()> { Self::fails() }
    /// #     fn add(&self, _: Key<'_>, _: Payload, _: Expiry) -> Result<bool> { Self::fails() }
    /// #     fn touch(&self, _: Key<'_>, _: Expiry) -> Result<bool> { Self::fails() }
    /// #     fn delete(&self, _: Key<'_>) -> Result<bool> { Self::fails() }
    /// #     fn incr(&self, _: Key<'_>, _: i64) -> Result<i64> { Self::fails() }
    /// #     fn rename(&self, _: Key<'_>, _: Key<'_>) -> Result<bool> { Self::fails() }
    /// #     fn clear(&self) -> Result<()> { Self::fails() }
    /// # }
    /// let cache = Cache::builder(Unreachable).on_error(OnError::Fallback).build()?;
    /// cache.set("user:1", "Ada", DEFAULT_TIMEOUT)?;
    /// assert_eq!(cache.get::<String>("user:1")?, None);
    /// assert_eq!(cache.degraded(), 2);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn degraded(&self) -> u64 {
        self.settings.counters.degraded.load(Ordering::Relaxed)
    }

    pub(super) fn degrades(&self) -> bool {
        self.settings.on_error == OnError::Fallback
    }
}
