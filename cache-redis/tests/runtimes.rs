//! Sync without a runtime and within one; async on several runtimes, one after another and at once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::{Duration, Instant};

use cache_core::{Cache, ErrorKind, OnError};
use common::{MINUTE, at, cache, redis, run};
use futures_lite::future::block_on;
use tokio::runtime::Builder;

#[test]
fn sync_needs_no_runtime_and_may_be_called_within_one() {
    let Some(server) = redis() else { return };
    let cache = cache(server.address());
    cache.set("n", &0, MINUTE).unwrap();
    run(async {
        assert_eq!(cache.incr("n").unwrap(), 1);
        assert_eq!(cache.aincr("n").await.unwrap(), 2);
        assert_eq!(cache.incr("n").unwrap(), 3);
    });
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        assert_eq!(cache.incr("n").unwrap(), 4);
    });
}

#[test]
fn one_cache_on_many_runtimes() {
    let Some(server) = redis() else { return };
    let cache = cache(server.address());
    cache.set("n", &0, MINUTE).unwrap();
    let begun = Instant::now();
    for round in 0..10 {
        // Ended with its connection before the next one begins.
        run(async { assert_eq!(cache.aincr("n").await.unwrap(), 2 * round + 1) });
        let one = Builder::new_current_thread().enable_all().build().unwrap();
        one.block_on(async { assert_eq!(cache.aincr("n").await.unwrap(), 2 * round + 2) });
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    // At once, one of them left alone in between.
    let (one, two) = (
        Builder::new_current_thread().enable_all().build().unwrap(),
        tokio::runtime::Runtime::new().unwrap(),
    );
    for round in 0..10 {
        assert_eq!(one.block_on(cache.aincr("n")).unwrap(), 20 + 2 * round + 1);
        assert_eq!(two.block_on(cache.aincr("n")).unwrap(), 20 + 2 * round + 2);
    }
    two.shutdown_background();
    assert_eq!(one.block_on(cache.aincr("n")).unwrap(), 41);
}

/// A runtime ends with calls under way, perhaps with one that was connecting.
#[test]
fn a_runtime_that_ends_in_the_middle_blocks_nobody() {
    let Some(server) = redis() else { return };
    let cache = cache(server.address());
    for _ in 0..20 {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        for _ in 0..8 {
            let cache = cache.clone();
            runtime.spawn(async move { while cache.aget::<i64>("k").await.is_ok() {} });
        }
        std::thread::sleep(Duration::from_millis(3));
        runtime.shutdown_background();
        assert_eq!(run(cache.aget::<i64>("k")).unwrap(), None);
    }
}

#[test]
fn async_without_tokio_is_an_error() {
    let Some(server) = redis() else { return };
    let cache = cache(server.address());
    let degrading =
        Cache::builder(at(server.address()).build().unwrap()).on_error(OnError::Fallback).build().unwrap();
    for cache in [&cache, &degrading] {
        let error = block_on(cache.aget::<i64>("k")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidCacheBackend);
        assert!(error.to_string().contains("called outside of a tokio runtime: call it in one"), "{error}");
    }
    assert_eq!(degrading.degraded(), 0);
}

#[test]
fn a_closed_cache_connects_again() {
    let Some(server) = redis() else { return };
    let cache = cache(server.address());
    run(async {
        for round in 1..=3 {
            cache.set("k", &round, MINUTE).unwrap();
            assert_eq!(cache.aget::<i64>("k").await.unwrap(), Some(round));
            cache.close().unwrap();
            cache.aclose().await.unwrap();
            cache.close().unwrap();
        }
    });
}
