//! What an entry takes in memory beyond its key and its value.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a measuring program ends where it cannot go on")]

mod peers;

use std::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use benches::{Bench, Unit};
use bytes::Bytes;
use cache_core::Cache;
use cache_locmem::LocMemCache;
use quick_cache::sync::Cache as Quick;

const TIMEOUT: Duration = Duration::from_secs(300);
const KEY: usize = 16;
const VALUE: usize = 100;

fn main() {
    let bench = Bench::from_args("memory");
    // Tables grow by doubling, so what they leave free depends on the number of entries.
    for entries in bench.size([100_000, 150_000], [1_000, 1_500]) {
        let case = format!("beyond key and value, {entries} entries");
        if bench.wants(&case) {
            beyond(&bench, &case, entries);
        }
    }
}

fn beyond(bench: &Bench, case: &str, entries: u64) {
    let ours = ours(entries);
    for (name, theirs, goal) in [("moka", moka(entries), Some(1.0)), ("quick_cache", quick(entries), None)] {
        let (bytes, count) = (format!("bytes {case}"), format!("allocations {case}"));
        bench.compare_numbers(&bytes, Unit::Bytes, ours.bytes, (name, theirs.bytes), goal);
        bench.compare_numbers(&count, Unit::Count, ours.allocations, (name, theirs.allocations), None);
    }
}

/// What a store holds for each of its entries.
struct Each {
    /// The bytes requested from the allocator, without its overhead, less key and value.
    bytes: f64,
    /// Each of them costs what the allocator adds.
    allocations: f64,
}

impl Each {
    fn new(held: AllocationInfo, entries: u64) -> Self {
        let each = |number: i64| number as f64 / entries as f64;
        Self {
            bytes: each(held.bytes_current) - (KEY + VALUE) as f64,
            allocations: each(held.count_current) - 2.0,
        }
    }
}

/// Fills a store and reads all of it, since `Bytes` allocates once more when it is first cloned.
/// `numbers` makes keys whose final form has 16 bytes.
fn fill(entries: u64, digits: usize, mut set: impl FnMut(String, Bytes), mut get: impl FnMut(&str)) {
    let key = |n: u64| format!("{n:0>digits$}");
    (0..entries).for_each(|n| set(key(n), Bytes::from(vec![7; VALUE])));
    (0..entries).for_each(|n| get(&key(n)));
}

fn ours(entries: u64) -> Each {
    let digits = KEY - "app:1:".len();
    let mut kept = None;
    let held = measure(|| {
        let backend = LocMemCache::builder().max_entries(entries).build().unwrap();
        let cache = Cache::builder(backend).key_prefix("app").build().unwrap();
        fill(
            entries,
            digits,
            |key, value| cache.set_bytes(&key, value, TIMEOUT).unwrap(),
            |key| drop(cache.get_bytes(key).unwrap().expect("it exists")),
        );
        kept = Some(cache);
    });
    let kept = kept.unwrap().info().unwrap().entries.unwrap();
    assert_eq!(kept, entries);
    Each::new(held, kept)
}

fn moka(entries: u64) -> Each {
    let mut kept = None;
    let held = measure(|| {
        let cache = peers::moka(entries);
        fill(entries, KEY, |key, value| cache.insert(key, (value, TIMEOUT)), |key| drop(cache.get(key)));
        cache.run_pending_tasks();
        kept = Some(cache);
    });
    Each::new(held, kept.unwrap().entry_count())
}

fn quick(entries: u64) -> Each {
    let mut kept = None;
    let held = measure(|| {
        let cache: Quick<String, Bytes> = Quick::new(usize::try_from(entries).unwrap());
        fill(entries, KEY, |key, value| cache.insert(key, value), |key| drop(cache.get(key)));
        kept = Some(cache);
    });
    Each::new(held, kept.unwrap().len() as u64)
}
