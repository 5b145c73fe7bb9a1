//! [`TestCache`]: a cache whose methods go through the sync or the async API, as the check's mode says.

use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::LazyLock;

use bytes::Bytes;
use cache_core::{AsyncWay, BaseCache, Cache, Error, Result, Timeout};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::erased::{NumberedKey, Takeable, Value, listed, numbered};
use crate::mode::Mode;

/// The runtime of native async calls from checks in sync mode, which have none.
static RUNTIME: LazyLock<Option<Runtime>> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(1).enable_all().build().ok());

/// A call under way. It is boxed: the state machine of a check then holds a few pointers instead of the
/// cache's own machines, which would be most of what the kit has to build.
pub type CallFuture<'a, R, E = Error> = Pin<Box<dyn Future<Output = Result<R, E>> + Send + 'a>>;

/// A [`Cache`] whose calls go through the sync or the async API, as the mode says: one check
/// body serves both.
#[derive(Clone, Debug)]
pub struct TestCache {
    /// The cache itself.
    pub cache: Cache<dyn BaseCache>,
    pub(crate) mode: Mode,
}

/// `name(args) -> output, async name`: the calls without a type of their own.
macro_rules! both {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) -> $output:ty, $aname:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name<'a>(&'a self, $($arg: $type),*) -> CallFuture<'a, $output> {
            match self.mode {
                Mode::Sync => Box::pin(async move { self.cache.$name($($arg),*) }),
                Mode::Async => self.on_tokio(Box::pin(self.cache.$aname($($arg),*))),
            }
        }
    )*};
}

impl TestCache {
    /// Returns the same handle with another version.
    #[must_use]
    pub fn with_version(&self, version: i64) -> Self {
        Self { cache: self.cache.with_version(version), mode: self.mode }
    }

    /// Returns the same cache in the other mode.
    #[must_use]
    pub fn other_mode(&self) -> Self {
        let mode = if self.mode == Mode::Sync { Mode::Async } else { Mode::Sync };
        Self { cache: self.cache.clone(), mode }
    }

    /// Returns the runtime to poll an async call in: a natively async backend may need one, and a check in sync
    /// mode has none.
    fn missing_runtime(&self) -> Option<&'static Runtime> {
        let needs_one =
            matches!(self.cache.backend().as_async(), AsyncWay::Native(_)) && Handle::try_current().is_err();
        needs_one.then(|| RUNTIME.as_ref()).flatten()
    }

    fn on_tokio<'a, R: 'a, E: 'a>(&'a self, mut call: CallFuture<'a, R, E>) -> CallFuture<'a, R, E> {
        let Some(runtime) = self.missing_runtime() else { return call };
        Box::pin(poll_fn(move |context| {
            let _entered = runtime.enter();
            call.as_mut().poll(context)
        }))
    }

    both! {
        /// `get_bytes`.
        get_bytes(key: &'a str) -> Option<Bytes>, aget_bytes;
        /// `delete`.
        delete(key: &'a str) -> bool, adelete;
        /// `has_key`.
        has_key(key: &'a str) -> bool, ahas_key;
        /// `incr`.
        incr(key: &'a str) -> i64, aincr;
        /// `incr_by`.
        incr_by(key: &'a str, delta: i64) -> i64, aincr_by;
        /// `decr`.
        decr(key: &'a str) -> i64, adecr;
        /// `decr_by`.
        decr_by(key: &'a str, delta: i64) -> i64, adecr_by;
        /// `incr_version`.
        incr_version(key: &'a str) -> i64, aincr_version;
        /// `incr_version_by`.
        incr_version_by(key: &'a str, delta: i64) -> i64, aincr_version_by;
        /// `decr_version`.
        decr_version(key: &'a str) -> i64, adecr_version;
        /// `decr_version_by`.
        decr_version_by(key: &'a str, delta: i64) -> i64, adecr_version_by;
        /// `clear`.
        clear() -> (), aclear;
        /// `close`.
        close() -> (), aclose;
    }

    /// `get`.
    pub fn get<'a, T: DeserializeOwned + Send + 'a>(&'a self, key: &'a str) -> CallFuture<'a, Option<T>> {
        match self.mode {
            Mode::Sync => Box::pin(async move { self.cache.get(key) }),
            Mode::Async => self.on_tokio(Box::pin(self.cache.aget(key))),
        }
    }

    /// `get` with a default.
    pub fn get_or<'a, T: DeserializeOwned + Send + 'a>(
        &'a self,
        key: &'a str,
        default: T,
    ) -> CallFuture<'a, T> {
        match self.mode {
            Mode::Sync => Box::pin(async move { self.cache.get_or(key, default) }),
            Mode::Async => self.on_tokio(Box::pin(self.cache.aget_or(key, default))),
        }
    }

    /// `set`.
    pub fn set<'a, V: Serialize + Sync + ?Sized>(
        &'a self,
        key: &'a str,
        value: &'a V,
        timeout: impl Into<Timeout>,
    ) -> CallFuture<'a, ()> {
        self.set_value(key, Box::new(value), timeout.into())
    }

    fn set_value<'a>(&'a self, key: &'a str, value: Box<Value<'a>>, timeout: Timeout) -> CallFuture<'a, ()> {
        match self.mode {
            Mode::Sync => Box::pin(async move { self.cache.set(key, &*value, timeout) }),
            Mode::Async => {
                self.on_tokio(Box::pin(async move { self.cache.aset(key, &*value, timeout).await }))
            }
        }
    }

    /// `set_bytes`.
    pub fn set_bytes<'a>(
        &'a self,
        key: &'a str,
        value: impl Into<Bytes>,
        timeout: impl Into<Timeout>,
    ) -> CallFuture<'a, ()> {
        let (value, timeout) = (value.into(), timeout.into());
        match self.mode {
            Mode::Sync => Box::pin(async move { self.cache.set_bytes(key, value, timeout) }),
            Mode::Async => self.on_tokio(Box::pin(self.cache.aset_bytes(key, value, timeout))),
        }
    }

    /// `add`.
    pub fn add<'a, V: Serialize + Sync + ?Sized>(
        &'a self,
        key: &'a str,
        value: &'a V,
        timeout: impl Into<Timeout>,
    ) -> CallFuture<'a, bool> {
        self.add_value(key, Box::new(value), timeout.into())
    }

    fn add_value<'a>(
        &'a self,
        key: &'a str,
        value: Box<Value<'a>>,
        timeout: Timeout,
    ) -> CallFuture<'a, bool> {
        match self.mode {
            Mode::Sync => Box::pin(async move { self.cache.add(key, &*value, timeout) }),
            Mode::Async => {
                self.on_tokio(Box::pin(async move { self.cache.aadd(key, &*value, timeout).await }))
            }
        }
    }

    /// `touch`.
    pub fn touch<'a>(&'a self, key: &'a str, timeout: impl Into<Timeout>) -> CallFuture<'a, bool> {
        let timeout = timeout.into();
        match self.mode {
            Mode::Sync => Box::pin(async move { self.cache.touch(key, timeout) }),
            Mode::Async => self.on_tokio(Box::pin(self.cache.atouch(key, timeout))),
        }
    }

    /// `get_many`.
    pub fn get_many<'a, T, K>(&'a self, keys: impl IntoIterator<Item = K>) -> CallFuture<'a, Vec<(K, T)>>
    where
        T: DeserializeOwned + Send + 'a,
        K: AsRef<str> + Send + Sync + 'a,
    {
        let keys = listed(keys);
        Box::pin(async move {
            let found = self.get_numbered::<T>(numbered(&keys)).await?;
            let mut keys = Takeable::of(keys);
            let mut pairs = Vec::with_capacity(found.len());
            for (number, value) in found {
                if let Some(key) = keys.take(number) {
                    pairs.push((key, value));
                }
            }
            Ok(pairs)
        })
    }

    fn get_numbered<'a, T: DeserializeOwned + Send + 'a>(
        &'a self,
        keys: Vec<NumberedKey<'a>>,
    ) -> CallFuture<'a, Vec<(usize, T)>> {
        let call: CallFuture<'a, Vec<(NumberedKey<'a>, T)>> = match self.mode {
            Mode::Sync => Box::pin(async move { self.cache.get_many(keys) }),
            Mode::Async => self.on_tokio(Box::pin(self.cache.aget_many(keys))),
        };
        Box::pin(async move {
            let mut found = Vec::new();
            for (place, value) in call.await? {
                found.push((place.number, value));
            }
            Ok(found)
        })
    }

    /// `set_many`.
    pub fn set_many<'a, V, K>(
        &'a self,
        entries: impl IntoIterator<Item = (K, V)>,
        timeout: impl Into<Timeout>,
    ) -> CallFuture<'a, Vec<K>>
    where
        V: Serialize + Send + Sync + 'a,
        K: AsRef<str> + Send + Sync + 'a,
    {
        let (mut keys, mut values): (Vec<K>, Vec<Box<Value<'a>>>) = (Vec::new(), Vec::new());
        for (key, value) in entries {
            keys.push(key);
            values.push(Box::new(value));
        }
        let timeout = timeout.into();
        Box::pin(async move {
            let failed = self.set_numbered(numbered(&keys), &values, timeout).await?;
            let mut keys = Takeable::of(keys);
            Ok(listed(failed.into_iter().filter_map(|number| keys.take(number))))
        })
    }

    fn set_numbered<'a>(
        &'a self,
        keys: Vec<NumberedKey<'a>>,
        values: &'a [Box<Value<'a>>],
        timeout: Timeout,
    ) -> CallFuture<'a, Vec<usize>> {
        let entries: Vec<(NumberedKey<'a>, &Value<'a>)> =
            keys.into_iter().zip(values.iter().map(|value| &**value)).collect();
        let call: CallFuture<'a, Vec<NumberedKey<'a>>> = match self.mode {
            Mode::Sync => Box::pin(async move { self.cache.set_many(entries, timeout) }),
            Mode::Async => self.on_tokio(Box::pin(self.cache.aset_many(entries, timeout))),
        };
        Box::pin(async move { Ok(call.await?.into_iter().map(|place| place.number).collect()) })
    }

    /// `delete_many`.
    pub fn delete_many<'a, K>(&'a self, keys: impl IntoIterator<Item = K>) -> CallFuture<'a, ()>
    where
        K: AsRef<str> + Send + Sync + 'a,
    {
        let keys = listed(keys);
        Box::pin(async move { self.delete_numbered(numbered(&keys)).await })
    }

    fn delete_numbered<'a>(&'a self, keys: Vec<NumberedKey<'a>>) -> CallFuture<'a, ()> {
        match self.mode {
            Mode::Sync => Box::pin(async move { self.cache.delete_many(keys) }),
            Mode::Async => self.on_tokio(Box::pin(self.cache.adelete_many(keys))),
        }
    }

    /// `get_or_set`; in async mode the function runs inside an async one.
    pub fn get_or_set<'a, T: Serialize + DeserializeOwned + Send + Sync + 'a>(
        &'a self,
        key: &'a str,
        timeout: impl Into<Timeout>,
        function: impl FnOnce() -> T + Send + 'a,
    ) -> CallFuture<'a, T> {
        self.try_get_or_set(key, timeout, move || Ok(function()))
    }

    /// `get_or_set` with a function that can fail.
    pub fn try_get_or_set<'a, T, E>(
        &'a self,
        key: &'a str,
        timeout: impl Into<Timeout>,
        function: impl FnOnce() -> Result<T, E> + Send + 'a,
    ) -> CallFuture<'a, T, E>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'a,
        E: From<Error> + Debug + Send + 'a,
    {
        self.compute(key, timeout.into(), Box::new(function))
    }

    fn compute<'a, T, E>(
        &'a self,
        key: &'a str,
        timeout: Timeout,
        function: Box<dyn FnOnce() -> Result<T, E> + Send + 'a>,
    ) -> CallFuture<'a, T, E>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'a,
        E: From<Error> + Debug + Send + 'a,
    {
        match self.mode {
            Mode::Sync => Box::pin(async move { self.cache.try_get_or_set(key, timeout, function) }),
            Mode::Async => {
                let call = self.cache.try_aget_or_set(key, timeout, || async { function() });
                self.on_tokio(Box::pin(call))
            }
        }
    }
}
