//! A cache that fails does not fail the function.

use std::sync::Barrier;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;

use cache_core::{BaseCache, Cache, Error, ErrorKind, KeyPolicy, OnError};
use cache_locmem::LocMemCache;
use cache_macros::cached;
use futures_lite::future::block_on;

use crate::stores::{Calls, Failing};

#[cached(key = "plain:{id}", ignore(calls))]
fn plain<B: BaseCache>(cache: &Cache<B>, calls: &Calls, id: u64) -> usize {
    calls.next()
}

#[cached(key = "tried:{id}", ignore(calls))]
async fn tried<B: BaseCache>(cache: &Cache<B>, calls: &Calls, id: u64) -> Result<usize, String> {
    Ok(calls.next())
}

fn failing(on_error: OnError) -> Cache<Failing> {
    Cache::builder(Failing::default()).on_error(on_error).build().unwrap()
}

#[test]
fn a_store_that_is_down_is_passed_by() {
    // A lookup and an `add` of each call, after which a degraded cache looks for a winner; a `set` of each refresh.
    for (on_error, failures) in [(OnError::Return, 3 * 2 + 2), (OnError::Fallback, 3 * 3 + 2)] {
        let cache = failing(on_error);
        cache.backend().reads.store(true, SeqCst);
        cache.backend().writes.store(true, SeqCst);
        let calls = Calls::default();
        assert_eq!((plain(&cache, &calls, 1), plain(&cache, &calls, 1)), (1, 2));
        assert_eq!(block_on(tried(&cache, &calls, 1)), Ok(3));
        assert_eq!(plain_refresh(&cache, &calls, 1), 4);
        assert_eq!(block_on(tried_refresh(&cache, &calls, 1)), Ok(5));
        assert_eq!(calls.count(), 5, "no body ran twice");
        let stats = cache.stats();
        assert_eq!((stats.errors, stats.degraded), (failures, failures), "{on_error:?}");
    }
}

#[test]
fn a_computed_value_is_returned_though_it_cannot_be_stored() {
    let cache = failing(OnError::Return);
    cache.backend().writes.store(true, SeqCst);
    let calls = Calls::default();
    assert_eq!(plain(&cache, &calls, 1), 1);
    assert_eq!(calls.count(), 1, "the body ran once");
    assert_eq!(cache.degraded(), 1);
}

#[test]
fn an_invalidation_that_fails_says_so() {
    let cache = failing(OnError::Return);
    let calls = Calls::default();
    plain(&cache, &calls, 1);
    cache.backend().writes.store(true, SeqCst);
    assert_eq!(plain_invalidate(&cache, 1).unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(block_on(tried_invalidate(&cache, 1)).unwrap_err().kind(), ErrorKind::Unavailable);
}

#[cached(key = "gated", ignore(calls, gate))]
fn gated(cache: &Cache<Failing>, calls: &Calls, gate: &Barrier) -> usize {
    gate.wait();
    thread::sleep(std::time::Duration::from_millis(50));
    calls.next()
}

#[test]
fn eight_threads_share_one_computation_while_the_store_is_down() {
    let cache = failing(OnError::Return);
    cache.backend().reads.store(true, SeqCst);
    cache.backend().writes.store(true, SeqCst);
    let (calls, gate) = (Calls::default(), Barrier::new(8));
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(gated(&cache, &calls, &gate), 1));
        for _ in 1..8 {
            scope.spawn(|| {
                gate.wait();
                assert_eq!(gated(&cache, &calls, &gate), 1);
            });
        }
    });
    assert_eq!(calls.count(), 1);
}

#[test]
fn a_key_that_the_cache_refuses_is_computed_each_time() {
    #[cached(key = "text:{text}", ignore(calls))]
    fn by_text(cache: &Cache<LocMemCache>, calls: &Calls, text: &str) -> usize {
        calls.next()
    }
    let cache = Cache::builder(LocMemCache::default()).key_policy(KeyPolicy::Refuse).build().unwrap();
    let calls = Calls::default();
    let long = "x".repeat(300);
    assert_eq!((by_text(&cache, &calls, &long), by_text(&cache, &calls, &long)), (1, 2));
    assert_eq!(cache.degraded(), 2);
    assert_eq!(by_text_invalidate(&cache, &long).unwrap_err().kind(), ErrorKind::InvalidCacheKey);
    assert_eq!(
        (by_text(&cache, &calls, "a b"), by_text(&cache, &calls, "a b")),
        (3, 3),
        "blanks are escaped"
    );
}

#[test]
fn a_value_that_no_codec_takes_is_returned() {
    /// Written to a codec, it fails.
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Unwritable;
    impl serde::Serialize for Unwritable {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("never"))
        }
    }
    #[cached(key = "unwritable", ignore(calls))]
    async fn unwritable(cache: &Cache<LocMemCache>, calls: &Calls) -> Unwritable {
        calls.next();
        Unwritable
    }
    let cache = Cache::new(LocMemCache::default());
    let calls = Calls::default();
    block_on(async {
        assert_eq!(unwritable(&cache, &calls).await, Unwritable);
        assert_eq!(unwritable_refresh(&cache, &calls).await, Unwritable);
    });
    assert_eq!((calls.count(), cache.degraded()), (2, 2));
}

#[test]
fn an_error_of_the_function_may_be_one_of_the_cache() {
    #[cached(key = "own", ignore(calls))]
    fn own(cache: &Cache<LocMemCache>, calls: &Calls) -> Result<u8, Error> {
        calls.next();
        Err(Error::unavailable("another store"))
    }
    let cache = Cache::new(LocMemCache::default());
    let calls = Calls::default();
    assert_eq!(own(&cache, &calls).unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!((calls.count(), cache.degraded()), (1, 0), "it is the function's and not counted");
}
