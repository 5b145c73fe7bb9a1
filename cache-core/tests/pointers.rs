//! An `Arc` and a `Box` of a backend forward every method, and the async half.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cache_core::{
    AsyncCache, AsyncWay, BaseCache, Cache, Capabilities, Codec, DEFAULT_TIMEOUT, Expiry, Info, Key,
    KeyPolicy, MessagePack, Payload, Presence, Result,
};

/// Notes which methods were called, and gives answers that no default gives.
#[derive(Default)]
struct Notes(Mutex<Vec<&'static str>>);

impl Notes {
    fn note<T>(&self, method: &'static str, answer: T) -> T {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(method);
        answer
    }

    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[deny(clippy::missing_trait_methods)]
impl BaseCache for Notes {
    fn get(&self, _: Key<'_>) -> Result<Option<Payload>> {
        self.note("get", Ok(Some(Payload::Int(7))))
    }
    fn set(&self, _: Key<'_>, _: Payload, _: Expiry) -> Result<()> {
        self.note("set", Ok(()))
    }
    fn add(&self, _: Key<'_>, _: Payload, _: Expiry) -> Result<bool> {
        self.note("add", Ok(true))
    }
    fn touch(&self, _: Key<'_>, _: Expiry) -> Result<bool> {
        self.note("touch", Ok(true))
    }
    fn delete(&self, _: Key<'_>) -> Result<bool> {
        self.note("delete", Ok(true))
    }
    fn incr(&self, _: Key<'_>, delta: i64) -> Result<i64> {
        self.note("incr", Ok(delta))
    }
    fn rename(&self, _: Key<'_>, _: Key<'_>) -> Result<bool> {
        self.note("rename", Ok(true))
    }
    fn clear(&self) -> Result<()> {
        self.note("clear", Ok(()))
    }
    fn has_key(&self, _: Key<'_>) -> Result<bool> {
        self.note("has_key", Ok(true))
    }
    fn get_many(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
        self.note("get_many", Ok(vec![None; keys.len()]))
    }
    fn set_many(&self, _: &[(Key<'_>, Payload)], _: Expiry) -> Result<Vec<usize>> {
        self.note("set_many", Ok(Vec::new()))
    }
    fn delete_many(&self, _: &[Key<'_>]) -> Result<()> {
        self.note("delete_many", Ok(()))
    }
    fn close(&self) -> Result<()> {
        self.note("close", Ok(()))
    }
    fn entries(&self) -> Result<Option<u64>> {
        self.note("entries", Ok(Some(3)))
    }
    fn ping(&self) -> Result<Presence> {
        self.note("ping", Ok(Presence::NotYet))
    }
    fn info(&self) -> Result<Info> {
        self.note("info", Ok(Info::default().with_detail("where", "here")))
    }
    fn purge_expired(&self) -> Result<Option<u64>> {
        self.note("purge_expired", Ok(Some(2)))
    }
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::DEFAULT;
        capabilities.strict_keys = true;
        self.note("capabilities", capabilities)
    }
    fn codec(&self) -> Option<Arc<dyn Codec>> {
        self.note("codec", Some(Arc::new(MessagePack)))
    }
    fn as_async(&self) -> AsyncWay<'_> {
        self.note("as_async", AsyncWay::Native(self))
    }
}

/// Every method is an async one that is never called through the sync half.
macro_rules! async_half {
    ($($name:ident($($arg:ident: $type:ty),*) -> $output:ty = $answer:expr;)*) => {
        #[async_trait]
        impl AsyncCache for Notes {
            $(async fn $name(&self $(, $arg: $type)*) -> Result<$output> {
                $(let _ = $arg;)*
                self.note(concat!("async ", stringify!($name)), Ok($answer))
            })*
        }
    };
}

async_half! {
    get(key: Key<'_>) -> Option<Payload> = None;
    set(key: Key<'_>, value: Payload, expiry: Expiry) -> () = ();
    add(key: Key<'_>, value: Payload, expiry: Expiry) -> bool = true;
    touch(key: Key<'_>, expiry: Expiry) -> bool = true;
    delete(key: Key<'_>) -> bool = true;
    incr(key: Key<'_>, delta: i64) -> i64 = delta;
    rename(from: Key<'_>, to: Key<'_>) -> bool = true;
    clear() -> () = ();
    has_key(key: Key<'_>) -> bool = true;
    get_many(keys: &[Key<'_>]) -> Vec<Option<Payload>> = vec![None; keys.len()];
    set_many(entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Vec<usize> = Vec::new();
    delete_many(keys: &[Key<'_>]) -> () = ();
    close() -> () = ();
    ping() -> Presence = Presence::Exists;
    info() -> Info = Info::default();
    purge_expired() -> Option<u64> = None;
}

/// Calls each method of `backend` once, in the order of the trait, and says what `notes` noted.
fn called(backend: &impl BaseCache, notes: &Notes) -> Vec<&'static str> {
    let key = Key::new(":1:k", KeyPolicy::Refuse).unwrap();
    let other = Key::new(":2:k", KeyPolicy::Refuse).unwrap();
    let value = || Payload::Int(1);
    notes.take();
    assert_eq!(backend.get(key).unwrap(), Some(Payload::Int(7)));
    backend.set(key, value(), Expiry::Never).unwrap();
    assert!(backend.add(key, value(), Expiry::Never).unwrap());
    assert!(backend.touch(key, Expiry::Never).unwrap());
    assert!(backend.delete(key).unwrap());
    assert_eq!(backend.incr(key, 5).unwrap(), 5);
    assert!(backend.rename(key, other).unwrap());
    backend.clear().unwrap();
    assert!(backend.has_key(key).unwrap());
    assert_eq!(backend.get_many(&[key, other]).unwrap(), [None, None]);
    assert_eq!(backend.set_many(&[(key, value())], Expiry::Never).unwrap(), [0; 0]);
    backend.delete_many(&[key]).unwrap();
    backend.close().unwrap();
    assert_eq!(backend.entries().unwrap(), Some(3));
    assert_eq!(backend.ping().unwrap(), Presence::NotYet);
    assert_eq!(backend.info().unwrap().details.len(), 1);
    assert_eq!(backend.purge_expired().unwrap(), Some(2));
    assert!(backend.capabilities().strict_keys);
    assert!(backend.codec().is_some());
    assert!(matches!(backend.as_async(), AsyncWay::Native(_)));
    notes.take()
}

const METHODS: [&str; 20] = [
    "get",
    "set",
    "add",
    "touch",
    "delete",
    "incr",
    "rename",
    "clear",
    "has_key",
    "get_many",
    "set_many",
    "delete_many",
    "close",
    "entries",
    "ping",
    "info",
    "purge_expired",
    "capabilities",
    "codec",
    "as_async",
];

#[test]
fn a_pointer_forwards_each_method_once_and_calls_no_other() {
    let notes = Arc::new(Notes::default());
    assert_eq!(called(&*notes, &notes), METHODS, "the backend itself");
    assert_eq!(called(&notes, &notes), METHODS, "an Arc");
    assert_eq!(called(&Box::new(Arc::clone(&notes)), &notes), METHODS, "a Box of an Arc");
    let erased: Arc<dyn BaseCache> = Arc::<Notes>::clone(&notes);
    assert_eq!(called(&erased, &notes), METHODS, "an Arc of any backend");
    let erased: Box<dyn BaseCache> = Box::new(erased);
    assert_eq!(called(&erased, &notes), METHODS, "a Box of any backend");
}

#[test]
fn async_callers_reach_the_async_half_through_a_pointer() {
    let notes = Arc::new(Notes::default());
    let boxed: Box<dyn BaseCache> = Box::new(Arc::clone(&notes));
    let cache = Cache::new(boxed);
    notes.take();
    futures_lite::future::block_on(async {
        cache.aset("k", &1, DEFAULT_TIMEOUT).await.unwrap();
        cache.aget::<i64>("k").await.unwrap();
        cache.apurge_expired().await.unwrap();
    });
    let mut called = notes.take();
    called.retain(|method| *method != "as_async");
    assert_eq!(called, ["async set", "async get", "async purge_expired"]);
}
