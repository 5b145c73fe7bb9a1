//! Keys that were chosen to have one hash.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{HashMap, HashSet};

use cache_core::{Cache, Clock, Culling, DEFAULT_TIMEOUT};
use conformance_tests::faults::{effort, record};

use crate::store::{Store, shards_of};
use crate::{Eviction, LocMemCache};

const KEYS: usize = 20_000;

/// Keys with equal hashes under every hash of the form `h * 31 + byte`, such as Java's, whatever its start value:
/// `Aa` and `BB` count the same, so 15 of either make 32,768 strings.
fn chosen() -> Vec<String> {
    let pair = |key: usize, place: usize| if key >> place & 1 == 0 { "Aa" } else { "BB" };
    (0..KEYS).map(|key| (0..15).map(|place| pair(key, place)).collect()).collect()
}

/// The same number of random keys of the same length.
fn random() -> Vec<String> {
    let mixed = |key: usize| (key as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    (0..KEYS).map(|key| format!("{:030x}", mixed(key) >> 8)).collect()
}

fn store(limit: Option<u64>, eviction: Eviction) -> Store {
    let culling =
        limit.map_or(Culling::DEFAULT.unlimited(), |limit| Culling::DEFAULT.max_entries(limit).unwrap());
    Store::new(culling, eviction, Clock::system())
}

fn hashes(store: &Store, keys: &[String]) -> Vec<u64> {
    let cache = Cache::new(LocMemCache::default());
    keys.iter().map(|key| store.hash(cache.make_and_validate_key(key).unwrap().as_key())).collect()
}

/// How many entries share the place of a key, on average, in a table with one place per entry and in `shards`
/// shards.
fn crowd(store: &Store, shards: usize, keys: &[String]) -> f64 {
    let places = (keys.len() / shards).next_power_of_two() as u64;
    let mut crowds: HashMap<(usize, u64), u64> = HashMap::new();
    for hash in hashes(store, keys) {
        *crowds.entry((store.shard_of(hash), hash & (places - 1))).or_default() += 1;
    }
    crowds.values().map(|crowd| (crowd * crowd) as f64).sum::<f64>() / keys.len() as f64
}

#[test]
fn chosen_keys_are_spread_as_random_ones_are() {
    let java =
        |key: &String| key.bytes().fold(7_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    let (chosen, random) = (chosen(), random());
    assert_eq!(chosen.iter().map(java).collect::<HashSet<_>>().len(), 1, "they do collide");
    assert_eq!(chosen.iter().collect::<HashSet<_>>().len(), KEYS);
    let mut worst: f64 = 0.0;
    for limit in [Some(1_000), Some(100_000), None] {
        let store = store(limit, Eviction::Lru);
        assert_eq!(hashes(&store, &chosen).into_iter().collect::<HashSet<_>>().len(), KEYS);
        let crowd = |keys| crowd(&store, shards_of(limit, Eviction::Lru), keys);
        worst = worst.max(crowd(&chosen) / crowd(&random));
    }
    let figure = format!("{KEYS} keys with one unkeyed hash: {worst:.2} times as crowded as random ones");
    record(27, "locmem", KEYS as u64, u64::from(worst > 3.0), &figure);
    assert!(worst <= 3.0, "{figure}");
}

/// Who knows the hashes of one store, or of one run of the program, knows none of another's.
#[test]
fn the_hash_is_keyed_anew_for_each_store() {
    let keys = &chosen()[..100];
    let stores =
        [Eviction::Lru, Eviction::Lru, Eviction::S3Fifo].map(|eviction| store(Some(10_000), eviction));
    let all: HashSet<u64> = stores.iter().flat_map(|store| hashes(store, keys)).collect();
    record(27, "locmem", 300, 300 - all.len() as u64, "one hash of a key per store");
    assert_eq!(all.len(), 300);
}

/// The time itself: the median of some rounds, in turns.
#[test]
fn chosen_keys_take_no_longer() {
    if effort(0, 1) == 0 {
        return;
    }
    for eviction in [Eviction::Lru, Eviction::S3Fifo] {
        let took = |keys: &[String]| {
            let backend = LocMemCache::builder().eviction(eviction).max_entries(KEYS as u64).build().unwrap();
            let cache = Cache::new(backend);
            let began = std::time::Instant::now();
            for key in keys {
                cache.set(key, &1, DEFAULT_TIMEOUT).unwrap();
                assert_eq!(cache.get_or_set(key, DEFAULT_TIMEOUT, || 2).unwrap(), 1);
            }
            for key in keys {
                assert!(cache.delete(key).unwrap());
                assert_eq!(cache.get_or_set(key, DEFAULT_TIMEOUT, || 3).unwrap(), 3);
            }
            began.elapsed().as_secs_f64()
        };
        let (chosen, random) = (chosen(), random());
        let mut ratios: Vec<f64> = (0..9).map(|_| took(&chosen) / took(&random)).collect();
        ratios.sort_by(f64::total_cmp);
        let figure = format!(
            "set, get_or_set and delete by {eviction:?}: {:.2} times as long as random keys",
            ratios[4]
        );
        record(27, "locmem", KEYS as u64, u64::from(ratios[4] > 3.0), &figure);
        assert!(ratios[4] <= 3.0, "{figure}");
    }
}
