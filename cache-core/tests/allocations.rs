//! What a hit costs in allocations.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use allocation_counter::measure;
use cache_core::{Bytes, Cache, DEFAULT_TIMEOUT, KeyPolicy};
use cache_locmem::LocMemCache;

/// Keys of up to 96 bytes and more: prefix, version and key together stay in a buffer of 256.
const LENGTHS: [usize; 5] = [1, 12, 60, 96, 200];

fn filled() -> Cache<LocMemCache> {
    let builder = Cache::builder(LocMemCache::default()).key_prefix("service").key_policy(KeyPolicy::Refuse);
    let cache = builder.build().unwrap();
    for length in LENGTHS {
        cache.set_bytes(&"k".repeat(length), vec![7; 100], DEFAULT_TIMEOUT).unwrap();
        cache.set(&"n".repeat(length), &1, DEFAULT_TIMEOUT).unwrap();
    }
    cache
}

#[track_caller]
fn none(what: &str, mut call: impl FnMut()) {
    // Thread-locals of the runtime and the hasher are made on the first call.
    call();
    let info = measure(|| (0..100).for_each(|_| call()));
    assert_eq!(info.count_total, 0, "{what} allocates");
}

#[test]
fn a_hit_on_bytes_allocates_nothing() {
    let cache = filled();
    let erased = cache.clone().erase();
    for length in LENGTHS {
        let key = "k".repeat(length);
        let expected = Some(Bytes::from(vec![7; 100]));
        none("get_bytes", || assert_eq!(cache.get_bytes(&key).unwrap(), expected));
        none("get_bytes through dyn", || assert_eq!(erased.get_bytes(&key).unwrap(), expected));
        none("aget_bytes", || {
            let value = futures_lite::future::block_on(cache.aget_bytes(&key)).unwrap();
            assert_eq!(value, expected);
        });
    }
}

#[test]
fn a_miss_and_a_count_allocate_nothing() {
    let cache = filled();
    for length in LENGTHS {
        let (absent, number) = ("x".repeat(length), "n".repeat(length));
        none("a miss", || assert!(cache.get_bytes(&absent).unwrap().is_none()));
        none("has_key", || assert!(!cache.has_key(&absent).unwrap()));
        none("incr", || assert!(cache.incr(&number).unwrap() > 1));
        none("get of an integer", || assert!(cache.get::<i64>(&number).unwrap().is_some()));
        none("delete", || assert!(!cache.delete(&absent).unwrap()));
        none("touch", || assert!(!cache.touch(&absent, DEFAULT_TIMEOUT).unwrap()));
    }
}
