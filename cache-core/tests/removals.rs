//! Removals during a computation, where a backend has to take part: a store that goes on without its caller, that
//! calls the cache, that panics, that refuses a value.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use cache_core::{AsyncWay, BaseCache, Cache, ErrorKind, Expiry, Key, Payload, Result};
use cache_locmem::LocMemCache;
use common::inner_calls;
use futures_lite::future::block_on;

const MINUTE: Duration = Duration::from_secs(60);

/// A memory store on the thread pool. Its hook runs in each `add`, before the value is stored.
struct Hooked(LocMemCache, Box<dyn Fn() + Send + Sync>);

impl Hooked {
    fn cache(hook: impl Fn() + Send + Sync + 'static) -> Cache<Self> {
        Cache::builder(Self(LocMemCache::default(), Box::new(hook)))
            .single_flight_timeout(MINUTE)
            .build()
            .unwrap()
    }
}

impl BaseCache for Hooked {
    inner_calls!(get set touch delete incr rename clear);
    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        (self.1)();
        self.0.add(key, value, expiry)
    }
}

fn until(mut ready: impl FnMut() -> bool) {
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < MINUTE, "it does not happen");
        thread::sleep(Duration::from_millis(1));
    }
}

/// The task is dropped, and its call of the store is under way on the pool: a removal waits for that.
#[test]
fn a_store_that_goes_on_without_its_task_is_waited_for() {
    let (storing, go_on) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let hook = {
        let (storing, go_on) = (Arc::clone(&storing), Arc::clone(&go_on));
        move || {
            storing.store(true, SeqCst);
            until(|| go_on.load(SeqCst));
        }
    };
    let cache = Hooked::cache(hook);
    {
        let mut leader = pin!(cache.aget_or_set("k", MINUTE, || async { 1 }));
        until(|| {
            assert!(leader.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            storing.load(SeqCst)
        });
    }
    // The next caller does not wait for one that is gone.
    let computes = Arc::new(AtomicBool::new(false));
    let next = thread::spawn({
        let (cache, computes) = (cache.clone(), Arc::clone(&computes));
        move || {
            let function = || {
                computes.store(true, SeqCst);
                2
            };
            cache.get_or_set("k", MINUTE, function).unwrap()
        }
    });
    until(|| computes.load(SeqCst));
    let removed = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            cache.delete("k").unwrap();
            removed.store(true, SeqCst);
            assert_ne!(cache.get::<i64>("k").unwrap(), Some(1), "what is stored after the removal");
        });
        // Were it not to wait, it would be over by then.
        thread::sleep(Duration::from_millis(50));
        assert!(!removed.load(SeqCst), "the removal did not wait");
        go_on.store(true, SeqCst);
    });
    // The value of the one that is gone may have been first: this call began before the removal did.
    let got = next.join().unwrap();
    assert!([1, 2].contains(&got), "what the next caller got: {got}");
    assert_ne!(cache.get::<i64>("k").unwrap(), Some(1), "what is stored in the end");
}

/// A task that nobody polls any more, but which is not dropped, holds a removal for a bounded time. When it goes on,
/// its value is taken away again.
#[test]
fn a_task_that_is_not_polled_takes_its_value_away_again() {
    let cache = Cache::builder(Pauses::default()).build().unwrap();
    let mut leader = pin!(cache.aget_or_set("k", MINUTE, || async { 1 }));
    until(|| {
        assert!(leader.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        cache.backend().1.load(SeqCst)
    });
    let begun = Instant::now();
    cache.delete("k").unwrap();
    assert!(begun.elapsed() < MINUTE, "the removal waited for {:?}", begun.elapsed());
    assert_eq!(block_on(leader).unwrap(), 1);
    assert_eq!(cache.get::<i64>("k").unwrap(), None, "what is stored in the end");
}

/// A memory store whose `add` suspends once, from the async half, before it stores.
#[derive(Default)]
struct Pauses(LocMemCache, AtomicBool);

impl BaseCache for Pauses {
    inner_calls!();
    fn as_async(&self) -> AsyncWay<'_> {
        AsyncWay::Native(self)
    }
}

#[async_trait::async_trait]
impl cache_core::AsyncCache for Pauses {
    async fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        self.0.get(key)
    }
    async fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        self.0.set(key, value, expiry)
    }
    async fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        self.1.store(true, SeqCst);
        futures_lite::future::yield_now().await;
        self.0.add(key, value, expiry)
    }
    async fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        self.0.touch(key, expiry)
    }
    async fn delete(&self, key: Key<'_>) -> Result<bool> {
        self.0.delete(key)
    }
    async fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        self.0.incr(key, delta)
    }
    async fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        self.0.rename(from, to)
    }
    async fn clear(&self) -> Result<()> {
        self.0.clear()
    }
    async fn has_key(&self, key: Key<'_>) -> Result<bool> {
        self.0.has_key(key)
    }
    async fn get_many(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
        self.0.get_many(keys)
    }
    async fn set_many(&self, entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Result<Vec<usize>> {
        self.0.set_many(entries, expiry)
    }
    async fn delete_many(&self, keys: &[Key<'_>]) -> Result<()> {
        self.0.delete_many(keys)
    }
    async fn close(&self) -> Result<()> {
        Ok(())
    }
    async fn ping(&self) -> Result<cache_core::Presence> {
        BaseCache::ping(self)
    }
    async fn info(&self) -> Result<cache_core::Info> {
        BaseCache::info(self)
    }
    async fn purge_expired(&self) -> Result<Option<u64>> {
        BaseCache::purge_expired(self)
    }
}

/// A store that calls the cache (a value's destructor may) does not wait for itself, and the removal counts.
#[test]
fn a_store_that_removes_the_key_does_not_wait_for_itself() {
    static CACHE: OnceLock<Cache<Hooked>> = OnceLock::new();
    let cache = CACHE.get_or_init(|| Hooked::cache(|| assert!(!CACHE.get().unwrap().delete("k").unwrap())));
    let begun = Instant::now();
    assert_eq!(cache.get_or_set("k", MINUTE, || 1).unwrap(), 1);
    assert!(begun.elapsed() < Duration::from_secs(5), "it waited for {:?}", begun.elapsed());
    assert_eq!(cache.get::<i64>("k").unwrap(), None, "what is stored");
}

#[test]
fn a_store_that_panics_holds_no_removal() {
    let cache = Hooked::cache(|| resume_unwind(Box::new("planned")));
    catch_unwind(AssertUnwindSafe(|| cache.get_or_set("k", MINUTE, || 1))).unwrap_err();
    catch_unwind(AssertUnwindSafe(|| block_on(cache.aget_or_set("k", MINUTE, || async { 1 })))).unwrap_err();
    let begun = Instant::now();
    cache.delete("k").unwrap();
    block_on(cache.aclear()).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "they waited for {:?}", begun.elapsed());
    assert_eq!(cache.stats().invalidated, 0);
}

/// A memory store for values of up to 100 bytes, as some servers are one for larger ones.
struct Small(LocMemCache);

impl BaseCache for Small {
    inner_calls!(get add touch delete incr rename clear);
    fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        if let Payload::Bytes(bytes) = &value
            && bytes.len() > 100
        {
            self.0.delete(key)?;
            return Err(cache_core::Error::value_too_large(key.as_str(), bytes.len(), 100));
        }
        self.0.set(key, value, expiry)
    }
    fn as_async(&self) -> AsyncWay<'_> {
        AsyncWay::ThreadPool
    }
}

/// A call by name, which is given a key.
type Write<'a> = (&'a str, &'a dyn Fn(&str));

/// A value that is refused as too large removes the older one: it removes what is being computed, too.
#[test]
fn a_value_that_is_too_large_removes_what_is_computed() {
    let cache = Cache::new(Small(LocMemCache::default()));
    let large = vec![7_u8; 200];
    let refused = |answer: Result<()>| assert_eq!(answer.unwrap_err().kind(), ErrorKind::ValueTooLarge);
    let writes: [Write<'_>; 4] = [
        ("set", &|key| refused(cache.set_bytes(key, large.clone(), MINUTE))),
        ("aset", &|key| refused(block_on(cache.aset_bytes(key, large.clone(), MINUTE)))),
        ("set_many", &|key| {
            let entries = [("other", Bytes(&[1])), (key, Bytes(&large))];
            assert_eq!(cache.set_many(entries, MINUTE).unwrap(), [key]);
        }),
        ("aset_many", &|key| {
            let entries = [("other", Bytes(&[1])), (key, Bytes(&large))];
            assert_eq!(block_on(cache.aset_many(entries, MINUTE)).unwrap(), [key]);
        }),
    ];
    for (name, write) in writes {
        let computes = || {
            write(name);
            1
        };
        assert_eq!(cache.get_or_set(name, MINUTE, computes).unwrap(), 1);
        assert_eq!(cache.get::<i64>(name).unwrap(), None, "what is stored after a refused {name}");
    }
    assert_eq!(cache.stats().invalidated, 4);
}

/// Bytes for serde, which takes a slice for a list.
struct Bytes<'a>(&'a [u8]);

impl serde::Serialize for Bytes<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

#[test]
fn computations_waits_and_invalidations_are_counted() {
    let cache = Hooked::cache(|| ());
    let leading = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let computes = || {
                leading.store(true, SeqCst);
                // The waiter has looked.
                until(|| cache.stats().misses >= 2);
                thread::sleep(Duration::from_millis(50));
                1
            };
            cache.get_or_set("k", MINUTE, computes).unwrap();
        });
        until(|| leading.load(SeqCst));
        assert_eq!(cache.get_or_set("k", MINUTE, || 2).unwrap(), 1);
    });
    let removes = || assert!(!cache.delete("other").unwrap());
    cache.get_or_set("other", MINUTE, removes).unwrap();
    cache
        .try_get_or_set::<i64, _, _>("failing", MINUTE, || Err(cache_core::Error::storage("planned")))
        .unwrap_err();
    let stats = cache.stats();
    assert_eq!((stats.computed, stats.coalesced, stats.invalidated), (3, 1, 1));
}
