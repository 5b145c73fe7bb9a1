//! [`C`]: a cache handle with one set of methods for both modes.

use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::LazyLock;

use bytes::Bytes;
use cache_core::{AsyncWay, BaseCache, Cache, Error, Result, Timeout};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::context::Mode;

/// The runtime of native async calls from checks in sync mode, which have none.
static RUNTIME: LazyLock<Option<Runtime>> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(1).enable_all().build().ok());

/// Runs an async call of `cache` where it finds a tokio runtime if it needs one: a backend that is
/// natively async may.
async fn on_tokio<F: Future>(cache: &Cache<dyn BaseCache>, call: F) -> F::Output {
    let needs_one =
        matches!(cache.backend().as_async(), AsyncWay::Native(_)) && Handle::try_current().is_err();
    let Some(runtime) = needs_one.then(|| RUNTIME.as_ref()).flatten() else { return call.await };
    let mut call = pin!(call);
    poll_fn(|context| {
        let _entered = runtime.enter();
        call.as_mut().poll(context)
    })
    .await
}

/// A [`Cache`] whose calls go through the sync or the async API, as the mode says: one check
/// body serves both.
#[derive(Clone, Debug)]
pub struct C {
    /// The cache itself.
    pub cache: Cache<dyn BaseCache>,
    pub(crate) mode: Mode,
}

/// `name(args) -> output => sync call, async call`.
macro_rules! both {
    ($($(#[$doc:meta])* $name:ident [$($generics:tt)*] ($($arg:ident: $type:ty),*) -> $output:ty, $aname:ident;)*) => {$(
        $(#[$doc])*
        #[allow(clippy::missing_errors_doc, reason = "the cache's own")]
        pub async fn $name<$($generics)*>(&self, $($arg: $type),*) -> Result<$output> {
            match self.mode {
                Mode::Sync => self.cache.$name($($arg),*),
                Mode::Async => on_tokio(&self.cache, self.cache.$aname($($arg),*)).await,
            }
        }
    )*};
}

impl C {
    /// The same handle with another version.
    #[must_use]
    pub fn version(&self, version: i64) -> Self {
        Self { cache: self.cache.version(version), mode: self.mode }
    }

    /// The same cache in the other mode.
    #[must_use]
    pub fn other_mode(&self) -> Self {
        let mode = if self.mode == Mode::Sync { Mode::Async } else { Mode::Sync };
        Self { cache: self.cache.clone(), mode }
    }

    both! {
        /// `get`.
        get[T: DeserializeOwned](key: &str) -> Option<T>, aget;
        /// `get` with a default.
        get_or[T: DeserializeOwned](key: &str, default: T) -> T, aget_or;
        /// `get_bytes`.
        get_bytes[](key: &str) -> Option<Bytes>, aget_bytes;
        /// `set`.
        set[V: Serialize + Sync + ?Sized](key: &str, value: &V, timeout: impl Into<Timeout> + Send) -> (), aset;
        /// `set_bytes`.
        set_bytes[](key: &str, value: impl Into<Bytes>, timeout: impl Into<Timeout>) -> (), aset_bytes;
        /// `add`.
        add[V: Serialize + Sync + ?Sized](key: &str, value: &V, timeout: impl Into<Timeout> + Send) -> bool, aadd;
        /// `touch`.
        touch[](key: &str, timeout: impl Into<Timeout>) -> bool, atouch;
        /// `delete`.
        delete[](key: &str) -> bool, adelete;
        /// `has_key`.
        has_key[](key: &str) -> bool, ahas_key;
        /// `incr`.
        incr[](key: &str, delta: i64) -> i64, aincr;
        /// `decr`.
        decr[](key: &str, delta: i64) -> i64, adecr;
        /// `incr_version`.
        incr_version[](key: &str, delta: i64) -> i64, aincr_version;
        /// `decr_version`.
        decr_version[](key: &str, delta: i64) -> i64, adecr_version;
        /// `get_many`.
        get_many[T: DeserializeOwned, K: AsRef<str>](keys: impl IntoIterator<Item = K>) -> Vec<(K, T)>, aget_many;
        /// `set_many`.
        set_many[V: Serialize, K: AsRef<str>](entries: impl IntoIterator<Item = (K, V)>, timeout: impl Into<Timeout>)
            -> Vec<K>, aset_many;
        /// `delete_many`.
        delete_many[K: AsRef<str>](keys: impl IntoIterator<Item = K>) -> (), adelete_many;
        /// `clear`.
        clear[]() -> (), aclear;
        /// `close`.
        close[]() -> (), aclose;
    }

    /// `get_or_set`; in async mode the function runs inside an async one.
    ///
    /// # Errors
    /// The cache's own.
    pub async fn get_or_set<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        timeout: impl Into<Timeout>,
        function: impl FnOnce() -> T,
    ) -> Result<T> {
        match self.mode {
            Mode::Sync => self.cache.get_or_set(key, timeout, function),
            Mode::Async => {
                on_tokio(&self.cache, self.cache.aget_or_set(key, timeout, || async { function() })).await
            }
        }
    }

    /// `get_or_set` with a function that can fail.
    ///
    /// # Errors
    /// The function's and the cache's own.
    pub async fn try_get_or_set<T: Serialize + DeserializeOwned, E: From<Error> + Debug>(
        &self,
        key: &str,
        timeout: impl Into<Timeout>,
        function: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        match self.mode {
            Mode::Sync => self.cache.try_get_or_set(key, timeout, function),
            Mode::Async => {
                on_tokio(&self.cache, self.cache.try_aget_or_set(key, timeout, || async { function() })).await
            }
        }
    }
}
