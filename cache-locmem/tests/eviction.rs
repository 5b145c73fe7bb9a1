//! What both evictions promise, and what S3-FIFO promises beyond an LRU.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use cache_core::{BaseCache, Cache, Clock, ErrorKind, Timeout};
use cache_locmem::{Eviction, LocMemCache};

fn cache(eviction: Eviction, max_entries: u64) -> Cache<LocMemCache> {
    Cache::new(LocMemCache::builder().eviction(eviction).max_entries(max_entries).build().unwrap())
}

fn entries(cache: &Cache<LocMemCache>) -> u64 {
    cache.backend().entries().unwrap().unwrap()
}

fn set(cache: &Cache<LocMemCache>, key: u64) {
    cache.set(&key.to_string(), &key, Timeout::Never).unwrap();
}

fn get(cache: &Cache<LocMemCache>, key: u64) -> Option<u64> {
    cache.get(&key.to_string()).unwrap()
}

/// Numbers in no order, the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Entries that expire, are removed or are overwritten do not count as evictions.
#[test]
fn evictions_are_counted() {
    let counts = |cache: &Cache<LocMemCache>| {
        let info = cache.info().unwrap();
        (info.evictions, info.entries)
    };
    for eviction in [Eviction::Lru, Eviction::S3Fifo] {
        for max_entries in [10, 5_000] {
            let cache = cache(eviction, max_entries);
            (0..max_entries / 2).for_each(|key| set(&cache, key));
            (0..max_entries / 2).for_each(|key| set(&cache, key));
            cache.delete("0").unwrap();
            cache.clear().unwrap();
            assert_eq!(
                counts(&cache),
                (Some(0), Some(0)),
                "{eviction:?}, max_entries {max_entries}: evictions and entries where nothing had to make room"
            );
            (0..3 * max_entries).for_each(|key| set(&cache, key));
            let (evictions, entries) = counts(&cache);
            assert_eq!(
                evictions.unwrap() + entries.unwrap(),
                3 * max_entries,
                "{eviction:?}, max_entries {max_entries}: {evictions:?} evictions and {entries:?} entries"
            );
        }
    }
    let all = LocMemCache::builder().max_entries(10).cull_frequency(0).build().unwrap();
    let all = Cache::new(all);
    (0..11).for_each(|key| set(&all, key));
    assert_eq!(counts(&all), (Some(10), Some(1)), "evictions and entries after all of 10 made room for one");
}

#[test]
fn the_bound_holds_while_several_set() {
    for max_entries in [1, 50, 3_000] {
        let cache = cache(Eviction::S3Fifo, max_entries);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let cache = &cache;
                scope.spawn(move || {
                    let mut random = Random(thread);
                    for _ in 0..10_000 {
                        let key = random.below(8_000);
                        if get(cache, key).is_none() {
                            set(cache, key);
                        }
                        assert!(entries(cache) <= max_entries);
                    }
                });
            }
        });
        assert_eq!(entries(&cache), max_entries, "full, and none too few");
        let found = (0..8_000).filter(|&key| get(&cache, key) == Some(key)).count() as u64;
        assert_eq!(found, max_entries, "all that is counted can be read");
    }
}

#[test]
fn a_value_just_set_can_be_read() {
    for eviction in [Eviction::Lru, Eviction::S3Fifo] {
        for max_entries in [1, 2, 7, 1_024, 1_025, 5_000] {
            let (cache, mut random) = (cache(eviction, max_entries), Random(1));
            for _ in 0..4 * max_entries + 10 {
                let key = random.below(3 * max_entries);
                set(&cache, key);
                assert_eq!(get(&cache, key), Some(key), "{eviction:?}, at most {max_entries}");
            }
        }
    }
}

#[test]
fn what_is_read_once_does_not_drive_out_what_is_read_often() {
    for max_entries in [100, 10_000] {
        let cache = cache(Eviction::S3Fifo, max_entries);
        let often = max_entries / 2;
        for _ in 0..3 {
            for key in 0..often {
                if get(&cache, key).is_none() {
                    set(&cache, key);
                }
            }
        }
        for once in 0..10 * max_entries {
            set(&cache, often + once);
        }
        let left = (0..often).filter(|&key| get(&cache, key).is_some()).count() as u64;
        assert!(left >= often * 9 / 10, "{left} of {often} are left, at most {max_entries}");
    }
}

#[test]
fn what_was_read_often_once_gives_way_to_what_is_read_now() {
    for max_entries in [100, 5_000] {
        let cache = cache(Eviction::S3Fifo, max_entries);
        for _ in 0..10 {
            for key in 0..max_entries {
                if get(&cache, key).is_none() {
                    set(&cache, key);
                }
            }
        }
        let mut random = Random(2);
        let mut hits = 0;
        let rounds = 60 * max_entries;
        for round in 0..rounds {
            let key = max_entries + random.below(max_entries / 2);
            if get(&cache, key).is_some() {
                hits += u64::from(round > rounds * 9 / 10);
            } else {
                set(&cache, key);
            }
        }
        let asked = rounds / 10;
        assert!(hits >= asked * 8 / 10, "{hits} hits of {asked}, at most {max_entries}");
    }
}

#[test]
fn every_way_out_leaves_the_queues_in_order() {
    for max_entries in [60, 2_000] {
        let (clock, time) = Clock::manual();
        let options = LocMemCache::builder().eviction(Eviction::S3Fifo).max_entries(max_entries);
        let cache = Cache::new(options.clock(clock).build().unwrap());
        let mut random = Random(3);
        for step in 0..60 * max_entries {
            let key = random.below(2 * max_entries).to_string();
            match random.below(12) {
                0 => drop(cache.delete(&key).unwrap()),
                1 => drop(cache.incr_version(&key)),
                2 => cache.set(&key, &step, Duration::from_millis(200)).unwrap(),
                3 => drop(cache.touch(&key, Duration::from_secs(2)).unwrap()),
                4 => time.advance(Duration::from_millis(1)),
                5 if random.below(20 * max_entries) == 0 => cache.clear().unwrap(),
                6..9 => drop(cache.get::<u64>(&key).unwrap()),
                _ => cache.set(&key, &step, Timeout::Never).unwrap(),
            }
            assert!(entries(&cache) <= max_entries);
        }
        // What the queues had lost would never go, and take room from these.
        let new = max_entries * 3 / 4;
        for _ in 0..60 * new {
            let key = 1_000_000 + random.below(new);
            if get(&cache, key).is_none() {
                set(&cache, key);
            }
            assert!(entries(&cache) <= max_entries);
        }
        let found = (0..new).filter(|key| get(&cache, 1_000_000 + key).is_some()).count() as u64;
        assert!(found >= new * 9 / 10, "{found} of {new} new ones, at most {max_entries}");
        assert_eq!(entries(&cache), max_entries);
        cache.clear().unwrap();
        assert_eq!(entries(&cache), 0);
    }
}

#[test]
fn one_goes_at_a_time_unless_a_share_is_asked_for() {
    let one = cache(Eviction::S3Fifo, 300);
    (0..301).for_each(|key| set(&one, key));
    assert_eq!(entries(&one), 300);
    let options = LocMemCache::builder().eviction(Eviction::S3Fifo).max_entries(300).cull_frequency(3);
    let third = Cache::new(options.build().unwrap());
    (0..301).for_each(|key| set(&third, key));
    assert_eq!(entries(&third), 201);
}

#[test]
fn what_has_expired_goes_first() {
    for max_entries in [300, 6_000] {
        let (clock, time) = Clock::manual();
        let options = LocMemCache::builder().eviction(Eviction::S3Fifo).max_entries(max_entries);
        let cache = Cache::new(options.clock(clock).build().unwrap());
        for key in 0..max_entries {
            let timeout = if key % 2 == 0 { Timeout::Never } else { Duration::from_secs(1).into() };
            cache.set(&key.to_string(), &key, timeout).unwrap();
        }
        time.advance(Duration::from_secs(2));
        for key in 0..max_entries / 2 {
            set(&cache, max_entries + key);
        }
        let kept = (0..max_entries).filter(|&key| get(&cache, key).is_some()).count() as u64;
        assert_eq!(kept, max_entries / 2, "nothing that lives went, at most {max_entries}");
    }
}

/// Else a set could stop for all entries of a store that were touched before they would have expired.
#[test]
fn a_set_looks_at_few_deadlines_that_entries_have_outlived() {
    const FULL: u64 = 20_000;
    let mut first = 0;
    for _ in 0..6 {
        let (clock, time) = Clock::manual();
        let options = LocMemCache::builder().eviction(Eviction::S3Fifo).max_entries(FULL);
        let cache = Cache::new(options.clock(clock).build().unwrap());
        (1..FULL).for_each(|key| cache.set(&key.to_string(), &key, Duration::from_secs(10)).unwrap());
        (1..FULL).for_each(|key| assert!(cache.touch(&key.to_string(), Timeout::Never).unwrap()));
        cache.set("expired", &0, Duration::from_secs(11)).unwrap();
        time.advance(Duration::from_secs(12));
        let kept = || (1..FULL).filter(|&key| cache.has_key(&key.to_string()).unwrap()).count() as u64;
        set(&cache, FULL + 1);
        first += u64::from(kept() == FULL - 1);
        (2..=12).for_each(|key| set(&cache, FULL + key));
        assert_eq!(kept(), FULL - 1 - 11, "one of twelve sets came upon what has expired");
    }
    assert!(first < 6, "one set looks at all deadlines");
}

#[test]
fn handles_of_a_name_evict_alike() {
    let open = |eviction| LocMemCache::builder().name("evicts").max_entries(10).eviction(eviction).build();
    let first = open(Eviction::S3Fifo).unwrap();
    assert_eq!(open(Eviction::Lru).unwrap_err().kind(), ErrorKind::InvalidCacheBackend);
    assert!(open(Eviction::S3Fifo).is_ok());
    assert!(!first.capabilities().lru);
    drop(first);
    assert!(open(Eviction::Lru).unwrap().capabilities().lru);
}

#[test]
fn a_handle_that_names_a_part_of_the_limits_adopts_the_others() {
    let name = "a part of the limits";
    let first = LocMemCache::builder().name(name).max_entries(1_000).cull_frequency(4).build().unwrap();
    for same in [
        LocMemCache::builder().name(name),
        LocMemCache::builder().name(name).cull_frequency(4),
        LocMemCache::builder().name(name).max_entries(1_000),
    ] {
        assert_eq!(same.build().unwrap().info().unwrap().max_entries, Some(1_000));
    }
    // Another one is refused, and changes nothing.
    for other in [
        LocMemCache::builder().name(name).max_entries(300),
        LocMemCache::builder().name(name).cull_frequency(3),
        LocMemCache::builder().name(name).unlimited(),
    ] {
        let refused = other.build().unwrap_err();
        assert_eq!(refused.kind(), cache_core::ErrorKind::InvalidCacheBackend);
        assert!(
            refused.to_string().contains("is open with max_entries 1000 and cull_frequency 4"),
            "{refused}"
        );
    }
    assert_eq!(first.info().unwrap().max_entries, Some(1_000));
}
