//! How often the allocator is asked during a hit, and while a key is made. Not at all, is the aim.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a measuring program ends where it cannot go on")]

use allocation_counter::measure;
use benches::{Bench, Unit};
use cache_core::{Cache, DEFAULT_TIMEOUT};
use cache_locmem::LocMemCache;
use futures_lite::future::block_on;

const CALLS: u32 = 1_000;

fn main() {
    let bench = Bench::from_args("allocations");
    let cache = Cache::builder(LocMemCache::default()).key_prefix("app").build().unwrap();
    cache.set_bytes("key", vec![7; 100], DEFAULT_TIMEOUT).unwrap();
    let erased = cache.clone().erase();
    none(&bench, "a hit, get_bytes", || cache.get_bytes("key").unwrap().expect("it exists"));
    none(&bench, "a hit through dyn", || erased.get_bytes("key").unwrap().expect("it exists"));
    none(&bench, "a hit through aget_bytes", || {
        block_on(cache.aget_bytes("key")).unwrap().expect("it exists")
    });
    for length in [12, 60, 250 - "app:1:".len()] {
        let key = "k".repeat(length);
        none(&bench, &format!("a key of {length} bytes is made"), || {
            cache.make_and_validate_key(&key).unwrap()
        });
    }
}

fn none<T>(bench: &Bench, case: &str, mut call: impl FnMut() -> T) {
    if !bench.wants(case) {
        return;
    }
    // What the thread keeps for itself is made on its first call.
    drop(call());
    let counted = measure(|| (0..CALLS).for_each(|_| drop(call())));
    let each = counted.count_total as f64 / f64::from(CALLS);
    bench.compare_numbers(case, Unit::Count, each, ("limit", 0.0), Some(1.0));
}
