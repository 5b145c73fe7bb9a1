//! The bound: how many entries there are, which ones go, and that listing is rare.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test a failure is a panic")]

mod common;

use std::fs;
use std::time::Duration;

use cache_core::{BaseCache as _, Cache, Clock, Timeout};
use cache_file::FileCache;
use common::{cache, entry_files, state_file, temp_files};

const HOUR: Duration = Duration::from_secs(3_600);

fn live(cache: &Cache<FileCache>, keys: std::ops::Range<i32>) -> usize {
    keys.filter(|n| cache.has_key(&format!("k{n}")).unwrap()).count()
}

#[test]
fn one_in_cull_frequency_goes_and_the_new_key_survives() {
    for (frequency, stays) in [(3, 21), (2, 16), (1, 1), (0, 1), (100, 30)] {
        let (_dir, backend, cache) = cache(|o| o.max_entries(30).cull_frequency(frequency));
        for n in 0..30 {
            cache.set(&format!("k{n}"), &n, HOUR).unwrap();
        }
        assert_eq!(live(&cache, 0..30), 30);
        // Overwriting, and an add that fails, evict nothing.
        cache.set("k7", &7, HOUR).unwrap();
        assert!(!cache.add("k8", &8, HOUR).unwrap());
        assert_eq!(live(&cache, 0..30), 30);
        cache.set("k30", &30, HOUR).unwrap();
        assert_eq!(live(&cache, 0..31), stays, "1/{frequency}");
        assert!(cache.has_key("k30").unwrap());
        assert_eq!(backend.entries().unwrap(), Some(stays as u64));
        assert_eq!(entry_files(backend.dir()).len(), stays);
    }
}

#[test]
fn the_bound_holds_at_every_moment_also_with_many_shards() {
    for (limit, frequency) in [(1, 3), (2, 3), (50, 3), (600, 3), (1_100, 4), (1_100, 0)] {
        let (_dir, backend, cache) = cache(|o| o.max_entries(limit).cull_frequency(frequency));
        let mut most = 0;
        for n in 0..limit as i32 * 2 + 50 {
            let key = format!("k{n}");
            cache.set(&key, &n, HOUR).unwrap();
            assert_eq!(cache.get::<i32>(&key).unwrap(), Some(n), "the new key survives");
            let entries = backend.entries().unwrap().unwrap();
            assert!(entries <= limit, "{entries} of {limit}");
            most = most.max(entries);
            if n % 97 == 0 {
                assert_eq!(entry_files(backend.dir()).len() as u64, entries);
            }
        }
        assert_eq!(most, limit);
        assert_eq!(entry_files(backend.dir()).len() as u64, backend.entries().unwrap().unwrap());
    }
}

#[test]
fn expired_entries_go_first() {
    for limit in [30_i32, 600] {
        let (clock, hands) = Clock::manual();
        let (_dir, backend, cache) = cache(|o| o.max_entries(limit as u64).clock(clock));
        for n in 0..limit {
            let timeout = if n % 2 == 0 { Duration::from_secs(10) } else { HOUR };
            cache.set(&format!("k{n}"), &n, timeout).unwrap();
        }
        hands.advance(Duration::from_secs(11));
        // Expired entries keep their places until one is needed.
        assert_eq!(backend.entries().unwrap(), Some(limit as u64));
        for n in 0..limit / 2 {
            cache.set(&format!("new{n}"), &n, HOUR).unwrap();
        }
        assert_eq!(live(&cache, 0..limit), limit as usize / 2, "no live entry went");
        cache.set("one more", &1, HOUR).unwrap();
        assert!(live(&cache, 0..limit) + (limit as usize / 2) < limit as usize + 1);
        assert!(backend.entries().unwrap().unwrap() <= limit as u64);
    }
}

#[test]
fn a_lifetime_made_shorter_is_known_to_the_next_cull() {
    let (clock, hands) = Clock::manual();
    let (_dir, _backend, cache) = cache(|o| o.max_entries(600).clock(clock));
    for n in 0..600 {
        cache.set(&format!("k{n}"), &n, Timeout::Never).unwrap();
    }
    let soon = Duration::from_secs(5);
    cache.touch("k3", soon).unwrap();
    cache.set("k4", &4, soon).unwrap();
    cache.set("k5", &4, soon).unwrap();
    cache.incr_version("k5").unwrap();
    cache.with_version(2).touch("k5", soon).unwrap();
    hands.advance(Duration::from_secs(6));
    for n in 0..3 {
        cache.set(&format!("new{n}"), &n, HOUR).unwrap();
    }
    assert_eq!(live(&cache, 0..600), 597);
}

#[test]
fn an_unlimited_cache_with_short_lifetimes_does_not_grow() {
    let (clock, hands) = Clock::manual();
    let (_dir, backend, cache) = cache(|o| o.unlimited().clock(clock));
    for n in 0..6_000 {
        cache.set(&format!("k{n}"), &n, Duration::from_secs(1)).unwrap();
        hands.advance(Duration::from_millis(10));
    }
    // About 100 are alive at any time, in 256 shards of which each is swept every 16 inserts: more
    // were set than could be there.
    let entries = backend.entries().unwrap().unwrap();
    assert!(entries < 256 * 18, "{entries}");
    let purged = backend.purge_expired().unwrap().unwrap();
    let live = backend.entries().unwrap().unwrap();
    assert!((90..=110).contains(&live), "{live}");
    assert_eq!(live, entries - purged);
}

#[test]
fn what_a_killed_writer_left_is_found_and_what_a_live_one_has_is_not() {
    let (_dir, backend, cache) = cache(|o| o);
    cache.set("k", "v", HOUR).unwrap();
    let shard = common::only_file(backend.dir()).parent().unwrap().to_path_buf();
    let dead = shard.join(".tmp-00000000deadbeef");
    let alive = shard.join(".tmp-00000000cafecafe");
    fs::write(&dead, "half").unwrap();
    let held = fs::File::create(&alive).unwrap();
    held.lock().unwrap();
    assert_eq!(backend.purge_expired().unwrap(), Some(0));
    assert_eq!(temp_files(backend.dir()), std::slice::from_ref(&alive));
    fs::write(&dead, "half").unwrap();
    cache.clear().unwrap();
    assert_eq!(temp_files(backend.dir()), [alive]);
    drop(held);
    // A sweep comes by itself with new keys.
    for n in 0..40 {
        cache.set(&format!("k{n}"), &n, HOUR).unwrap();
    }
    assert!(temp_files(backend.dir()).is_empty());
}

#[test]
fn a_count_too_high_is_put_right_when_it_matters() {
    let (_dir, backend, cache) = cache(|o| o.max_entries(30));
    for n in 0..30 {
        cache.set(&format!("k{n}"), &n, HOUR).unwrap();
    }
    // As after a process that was killed between taking a place and filling it.
    for file in entry_files(backend.dir()).iter().take(10) {
        fs::remove_file(file).unwrap();
    }
    assert_eq!(backend.entries().unwrap(), Some(30));
    cache.set("new", &1, HOUR).unwrap();
    assert_eq!(backend.entries().unwrap(), Some(21), "nothing had to go");
    assert_eq!(entry_files(backend.dir()).len(), 21);
}

#[test]
fn a_move_takes_no_place_and_evicts_nothing() {
    for limit in [10_i32, 600] {
        let (_dir, backend, cache) = cache(|o| o.max_entries(limit as u64));
        for n in 0..limit {
            cache.set(&format!("k{n}"), &n, HOUR).unwrap();
        }
        for n in 0..limit {
            assert_eq!(cache.incr_version(&format!("k{n}")).unwrap(), 2);
        }
        let moved = cache.with_version(2);
        assert_eq!((live(&cache, 0..limit), live(&moved, 0..limit)), (0, limit as usize));
        assert_eq!(backend.entries().unwrap(), Some(limit as u64));
        // Over a full target. A place is free, so nothing is culled.
        moved.delete("k1").unwrap();
        cache.set("k0", "other", HOUR).unwrap();
        moved.decr_version("k0").unwrap();
        assert_eq!(cache.get::<i32>("k0").unwrap(), Some(0));
        assert_eq!(entry_files(backend.dir()).len() as u64, backend.entries().unwrap().unwrap());
    }
}

#[test]
fn the_division_is_the_makers_and_others_find_it() {
    let (_dir, backend, small) = cache(|o| o.max_entries(10));
    small.set("a", &1, HOUR).unwrap();
    let large = Cache::new(FileCache::builder(backend.dir()).max_entries(1_000_000).build().unwrap());
    assert_eq!(large.get::<i32>("a").unwrap(), Some(1));
    large.set("b", &2, HOUR).unwrap();
    assert_eq!(small.get::<i32>("b").unwrap(), Some(2));
    fs::remove_file(state_file(backend.dir())).unwrap();
    let again = Cache::new(FileCache::builder(backend.dir()).max_entries(1_000_000).build().unwrap());
    assert_eq!(again.get::<i32>("a").unwrap(), Some(1));
    again.set("c", &3, HOUR).unwrap();
    assert_eq!(small.get::<i32>("c").unwrap(), Some(3));
    assert_eq!(backend.entries().unwrap(), Some(3));
}

fn evictions(cache: &Cache<FileCache>) -> Option<u64> {
    cache.info().unwrap().evictions
}

#[test]
fn the_store_remembers_how_many_entries_had_to_make_room_and_counts_nothing_else() {
    for (limit, frequency) in [(10_i32, 3), (10, 0), (600, 3), (600, 0)] {
        let what = format!("a store with max_entries {limit} and cull_frequency {frequency}");
        let (clock, hands) = Clock::manual();
        let options = |o: cache_file::FileCacheBuilder| o.max_entries(limit as u64).cull_frequency(frequency);
        let (_dir, backend, cache) = cache(|o| options(o).clock(clock));
        assert_eq!(evictions(&cache), None, "no store yet");
        for n in 0..limit {
            cache.set(&format!("old{n}"), &n, Duration::from_secs(1)).unwrap();
        }
        hands.advance(Duration::from_secs(2));
        // Only what has expired makes room here; an overwritten, a removed and a moved entry make none.
        cache.set("k", &1, HOUR).unwrap();
        cache.set("k", &2, HOUR).unwrap();
        cache.incr_version("k").unwrap();
        assert!(cache.with_version(2).delete("k").unwrap());
        cache.clear().unwrap();
        assert_eq!(evictions(&cache), Some(0), "evictions of {what} where nothing had to make room");
        for n in 0..3 * limit {
            cache.set(&format!("k{n}"), &n, HOUR).unwrap();
        }
        let entries = backend.entries().unwrap().unwrap();
        let all = Some(3 * limit as u64 - entries);
        assert_eq!(evictions(&cache), all, "evictions of {what} that has {entries} entries left");
        backend.purge_expired().unwrap();
        cache.clear().unwrap();
        // As a tool sees it that opens the store again and names no limit.
        let tool = FileCache::builder(backend.dir()).no_default_limit().build().unwrap();
        assert_eq!(evictions(&Cache::new(tool)), all, "evictions of {what}, as a tool sees them");
    }
}

#[test]
fn a_damaged_record_costs_the_number_of_evictions_and_no_more() {
    let (_dir, backend, cache) = cache(|o| o.max_entries(10));
    for n in 0..20 {
        cache.set(&format!("k{n}"), &n, HOUR).unwrap();
    }
    let before = evictions(&cache);
    assert!(before.is_some_and(|n| n >= 10), "{before:?} evictions after 20 keys in a store for 10");
    let file = state_file(backend.dir());
    let mut bytes = fs::read(&file).unwrap();
    // In the only shard's record, after the header.
    bytes[32 + 20] ^= 1;
    fs::write(&file, bytes).unwrap();
    assert_eq!(evictions(&cache), Some(0));
    for n in 20..40 {
        cache.set(&format!("k{n}"), &n, HOUR).unwrap();
    }
    let after = evictions(&cache);
    assert!(after.is_some_and(|n| n >= 10), "{after:?} evictions after 20 more keys");
}

#[cfg(feature = "django")]
#[test]
fn in_the_layout_of_django_each_handle_counts_the_entries_that_it_evicted() {
    for limit in [10_u64, 600] {
        let options =
            |o: cache_file::FileCacheBuilder| o.layout(cache_file::Layout::Django).max_entries(limit);
        let (_dir, backend, cache) = cache(options);
        cache.set("k", &1, HOUR).unwrap();
        assert_eq!(evictions(&cache), None, "a 0 would say that nobody evicts");
        for n in 1..3 * limit {
            cache.set(&format!("k{n}"), &n, HOUR).unwrap();
        }
        let gone = 3 * limit - backend.entries().unwrap().unwrap();
        assert_eq!(evictions(&cache), Some(gone), "evictions of {} keys where {limit} fit", 3 * limit);
        let other = Cache::new(options(FileCache::builder(backend.dir())).build().unwrap());
        assert_eq!(evictions(&other), None, "a handle that evicted nothing, in a store for {limit}");
    }
}
