//! How often a key that is asked for is not there, in stores of a share of all the keys. What is
//! missed is set.

#![allow(clippy::unwrap_used, reason = "a measuring program ends where it cannot go on")]

mod requests;

use std::fmt::Write;

use benches::{Bench, Unit};
use cache_core::{Cache, Timeout};
use cache_locmem::{Eviction, LocMemCache};

use self::requests::{Requests, trace, zipf};

/// Capacities, in hundredths of the keys.
const SHARES: [usize; 4] = [1, 5, 10, 25];

fn main() {
    let bench = Bench::from_args("hit_ratio");
    compare(&bench, || zipf(bench.size(4_000_000, 20_000)));
    compare(&bench, || trace("OLTP", 914_145, 186_880));
    compare(&bench, || trace("P3", 3_912_296, 762_543));
    compare(&bench, || trace("P6", 12_672_123, 773_770));
}

fn compare(bench: &Bench, requests: impl FnOnce() -> Requests) {
    let requests = requests();
    let keys = &requests.keys[..bench.size(requests.keys.len(), 20_000)];
    for share in SHARES {
        let case = format!("{}, room for {share} %", requests.name);
        if !bench.wants(&case) {
            continue;
        }
        let room = requests.footprint * share / 100;
        // Nothing is timed here. What differs from run to run is run three times: our hash has another key
        // each time, and moka works on a thread of its own.
        let thrice = bench.size(3, 1);
        let [s3_fifo, lru, quick_cache, moka] = std::thread::scope(|scope| {
            [
                scope.spawn(|| median(thrice, || ours(keys, room, Eviction::S3Fifo))),
                scope.spawn(|| ours(keys, room, Eviction::Lru)),
                scope.spawn(|| quick_cache(keys, room)),
                scope.spawn(|| median(thrice, || moka(keys, room))),
            ]
            .map(|run| run.join().unwrap())
        });
        let row = |peer, misses, goal| {
            bench.compare_numbers(&case, Unit::MissesPerMillion, s3_fifo, (peer, misses), goal);
        };
        row("quick_cache", quick_cache, Some(1.0));
        row("moka", moka, Some(1.0));
        row("ours, LRU", lru, None);
    }
}

fn median(runs: usize, run: impl Fn() -> f64) -> f64 {
    let mut misses: Vec<f64> = (0..runs).map(|_| run()).collect();
    misses.sort_by(f64::total_cmp);
    misses[runs / 2]
}

/// Misses in a million requests, where `is_there` says whether a key was found and else sets it.
fn misses(keys: &[u32], mut is_there: impl FnMut(u32) -> bool) -> f64 {
    let missed = keys.iter().filter(|&&key| !is_there(key)).count();
    missed as f64 * 1e6 / keys.len() as f64
}

fn ours(keys: &[u32], room: usize, eviction: Eviction) -> f64 {
    let backend = LocMemCache::builder().max_entries(room as u64).eviction(eviction).build().unwrap();
    let cache = Cache::new(backend);
    let mut text = String::new();
    misses(keys, |key| {
        text.clear();
        write!(text, "{key}").unwrap();
        let found = cache.get_bytes(&text).unwrap().is_some();
        if !found {
            cache.set_bytes(&text, &b"value"[..], Timeout::Never).unwrap();
        }
        found
    })
}

fn quick_cache(keys: &[u32], room: usize) -> f64 {
    let cache = quick_cache::sync::Cache::new(room);
    misses(keys, |key| {
        let found = cache.get(&key).is_some();
        if !found {
            cache.insert(key, ());
        }
        found
    })
}

fn moka(keys: &[u32], room: usize) -> f64 {
    let cache = moka::sync::Cache::new(room as u64);
    misses(keys, |key| {
        let found = cache.get(&key).is_some();
        if !found {
            cache.insert(key, ());
        }
        found
    })
}
