//! `#[cached]` in a program that depends on this crate alone.

#![cfg(all(feature = "macros", feature = "locmem"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_lite::future::block_on;
use polycache::{Caches, LocMemCache, cached};

mod renamed {
    //! A program that has the crate under another name.
    pub(crate) mod outside {
        pub(crate) use polycache as cache;
    }

    #[polycache::cached(key = "square:{side}", crate = outside::cache)]
    pub(crate) fn square(cache: &polycache::Cache<polycache::LocMemCache>, side: u64) -> u64 {
        side * side
    }
}

#[cached(alias = "default", key = "user:{id}", timeout = 60)]
async fn user(
    caches: &Caches,
    #[cached(ignore)] calls: &AtomicUsize,
    id: u64,
) -> Result<String, std::io::Error> {
    calls.fetch_add(1, Ordering::Relaxed);
    Ok(format!("user {id}"))
}

#[test]
fn a_program_needs_this_crate_alone() {
    let caches = polycache::caches().url("default", "locmem://polycache-cached").build().unwrap();
    let calls = AtomicUsize::new(0);
    block_on(async {
        for _ in 0..2 {
            assert_eq!(user(&caches, &calls, 7).await.unwrap(), "user 7");
        }
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        assert!(user_invalidate(&caches, 7).await.unwrap());
        user_refresh(&caches, &calls, 7).await.unwrap();
        user_uncached(&caches, &calls, 7).await.unwrap();
    });
    assert_eq!(calls.load(Ordering::Relaxed), 3);
    assert_eq!(user_key(7), "user:7");
}

#[test]
fn the_crate_may_have_another_path() {
    let cache = polycache::Cache::new(LocMemCache::default());
    assert_eq!((renamed::square(&cache, 3), renamed::square(&cache, 3)), (9, 9));
    assert_eq!(cache.stats().computed, 1);
}
