//! How a call reaches the backend: in place, on the thread pool, or through its async methods.

use std::ops::Range;
use std::sync::Arc;

use crate::backend::{AsyncCache, AsyncWay, BaseCache};
use crate::cache::singleflight::Place;
use crate::cache::thread_pool::Pool;
use crate::error::Result;
use crate::info::{Info, Presence};
use crate::key::{Key, KeyBuf, KeyList};
use crate::mode::Mode;
use crate::payload::Payload;
use crate::timeout::Expiry;

/// A backend as one call sees it.
pub(crate) struct Dispatch<'a, B: ?Sized> {
    pub(crate) backend: &'a Arc<B>,
    pub(crate) mode: Mode,
}

enum Route<'a> {
    InPlace,
    #[cfg_attr(not(feature = "thread-pool"), expect(dead_code, reason = "there is no pool"))]
    ThreadPool(Pool),
    Native(&'a dyn AsyncCache),
}

macro_rules! one_key {
    ($($name:ident($($arg:ident: $type:ty),*) -> $output:ty;)*) => {$(
        pub(crate) async fn $name(&self, key: &KeyBuf $(, $arg: $type)*) -> Result<$output> {
            let answer = match self.route() {
                Route::InPlace => self.backend.$name(key.as_key() $(, $arg)*),
                Route::Native(native) => native.$name(key.as_key() $(, $arg)*).await,
                Route::ThreadPool(pool) => {
                    let key = key.clone();
                    self.on_pool(pool, move |backend| backend.$name(key.as_key() $(, $arg)*)).await
                }
            };
            answer.map_err(|e| e.for_key(key.as_key().as_str()))
        }
    )*};
}

macro_rules! no_key {
    ($($name:ident() -> $output:ty;)*) => {$(
        pub(crate) async fn $name(&self) -> Result<$output> {
            match self.route() {
                Route::InPlace => self.backend.$name(),
                Route::Native(native) => native.$name().await,
                Route::ThreadPool(pool) => self.on_pool(pool, |backend| backend.$name()).await,
            }
        }
    )*};
}

impl<B: BaseCache + ?Sized> Dispatch<'_, B> {
    one_key! {
        get() -> Option<Payload>;
        set(value: Payload, expiry: Expiry) -> ();
        add(value: Payload, expiry: Expiry) -> bool;
        touch(expiry: Expiry) -> bool;
        delete() -> bool;
        incr(delta: i64) -> i64;
        has_key() -> bool;
    }

    /// `add` of a computed value. The flight's place is kept until the store has answered. On the thread pool, the
    /// call goes on after its caller is dropped, and keeps the place until it ends there.
    pub(crate) async fn add_in_flight(
        &self,
        key: &KeyBuf,
        value: Payload,
        expiry: Expiry,
        place: Place,
    ) -> Result<bool> {
        let answer = match self.route() {
            Route::InPlace => add_in_flight(&**self.backend, key.as_key(), value, expiry, place),
            Route::Native(native) => {
                let answer = native.add(key.as_key(), value, expiry).await;
                if must_go(&answer, &place) {
                    // The removal's own call has had its answer; this one's is nobody's.
                    let _ = native.delete(key.as_key()).await;
                }
                drop(place);
                answer
            }
            Route::ThreadPool(pool) => {
                let key = key.clone();
                self.on_pool(pool, move |backend| add_in_flight(backend, key.as_key(), value, expiry, place))
                    .await
            }
        };
        answer.map_err(|e| e.for_key(key.as_key().as_str()))
    }

    pub(crate) async fn rename(&self, from: &KeyBuf, to: &KeyBuf) -> Result<bool> {
        let answer = match self.route() {
            Route::InPlace => self.backend.rename(from.as_key(), to.as_key()),
            Route::Native(native) => native.rename(from.as_key(), to.as_key()).await,
            Route::ThreadPool(pool) => {
                let (from, to) = (from.clone(), to.clone());
                self.on_pool(pool, move |backend| backend.rename(from.as_key(), to.as_key())).await
            }
        };
        answer.map_err(|e| e.for_key(from.as_key().as_str()))
    }

    pub(crate) async fn get_many(
        &self,
        keys: &Arc<KeyList>,
        range: Range<usize>,
    ) -> Result<Vec<Option<Payload>>> {
        match self.route() {
            Route::InPlace => self.backend.get_many(&keys.range(range)),
            Route::Native(native) => native.get_many(&keys.range(range)).await,
            Route::ThreadPool(pool) => {
                let keys = Arc::clone(keys);
                self.on_pool(pool, move |backend| backend.get_many(&keys.range(range))).await
            }
        }
    }

    pub(crate) async fn set_many(
        &self,
        keys: &Arc<KeyList>,
        range: Range<usize>,
        values: Vec<Payload>,
        expiry: Expiry,
    ) -> Result<Vec<usize>> {
        match self.route() {
            Route::InPlace => self.backend.set_many(&entries(keys, range, values), expiry),
            Route::Native(native) => native.set_many(&entries(keys, range, values), expiry).await,
            Route::ThreadPool(pool) => {
                let keys = Arc::clone(keys);
                self.on_pool(pool, move |backend| backend.set_many(&entries(&keys, range, values), expiry))
                    .await
            }
        }
    }

    pub(crate) async fn delete_many(&self, keys: &Arc<KeyList>, range: Range<usize>) -> Result<()> {
        match self.route() {
            Route::InPlace => self.backend.delete_many(&keys.range(range)),
            Route::Native(native) => native.delete_many(&keys.range(range)).await,
            Route::ThreadPool(pool) => {
                let keys = Arc::clone(keys);
                self.on_pool(pool, move |backend| backend.delete_many(&keys.range(range))).await
            }
        }
    }

    no_key! {
        clear() -> ();
        close() -> ();
        ping() -> Presence;
        info() -> Info;
        purge_expired() -> Option<u64>;
    }

    fn route(&self) -> Route<'_> {
        match self.mode {
            Mode::Blocking => Route::InPlace,
            Mode::Async => match self.backend.as_async() {
                AsyncWay::Inline => Route::InPlace,
                #[cfg(feature = "thread-pool")]
                AsyncWay::ThreadPool => Pool::here().map_or(Route::InPlace, Route::ThreadPool),
                AsyncWay::Native(native) => Route::Native(native),
            },
        }
    }

    async fn on_pool<T: Send + 'static>(&self, pool: Pool, call: impl FnOnce(&B) -> T + Send + 'static) -> T {
        let backend = Arc::clone(self.backend);
        pool.run(move || call(&backend)).await
    }
}

fn add_in_flight<B: BaseCache + ?Sized>(
    backend: &B,
    key: Key<'_>,
    value: Payload,
    expiry: Expiry,
    place: Place,
) -> Result<bool> {
    let answer = backend.add(key, value, expiry);
    if must_go(&answer, &place) {
        let _ = backend.delete(key);
    }
    drop(place);
    answer
}

/// Whether a value may have been stored after a removal had given up waiting, so that it must be removed again.
fn must_go(answer: &Result<bool>, place: &Place) -> bool {
    place.is_overtaken() && !matches!(answer, Ok(false))
}

fn entries(keys: &KeyList, range: Range<usize>, values: Vec<Payload>) -> Vec<(Key<'_>, Payload)> {
    keys.range(range).into_iter().zip(values).collect()
}
