//! How many entries there are, which ones go, and who is counted.

use std::fs::{self, File};
use std::time::Duration;

use cache_core::{BaseCache as _, Cache, Clock};
use cache_file::{FileCache, Layout};

use crate::{HOUR, cache, common, entry_files};

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
        assert_eq!(entry_files(backend.dir()).len(), stays);
    }
}

#[test]
fn the_bound_holds_at_every_moment() {
    for (limit, frequency) in [(1, 3), (2, 3), (50, 3), (50, 0), (600, 4)] {
        let (_dir, backend, cache) = cache(|o| o.max_entries(limit).cull_frequency(frequency));
        let mut most = 0;
        for n in 0..limit as i32 * 2 + 50 {
            let key = format!("k{n}");
            cache.set(&key, &n, HOUR).unwrap();
            assert_eq!(cache.get::<i32>(&key).unwrap(), Some(n), "the new key survives");
            let entries = backend.entries().unwrap().unwrap();
            assert!(entries <= limit, "{entries} of {limit}");
            most = most.max(entries);
            if n % 13 == 0 {
                // What goes otherwise is not counted against the limit.
                cache.delete(&key).unwrap();
            }
        }
        assert_eq!(most, limit);
    }
}

#[test]
fn what_others_wrote_is_counted() {
    let (_dir, backend, small) = cache(|o| o.max_entries(20));
    let large = FileCache::builder(backend.dir()).layout(Layout::Django).max_entries(10_000).build().unwrap();
    let large = Cache::new(large);
    for n in 0..100 {
        large.set(&format!("k{n}"), &n, HOUR).unwrap();
    }
    assert_eq!(backend.entries().unwrap(), Some(100));
    small.set("new", &1, HOUR).unwrap();
    assert_eq!(entry_files(backend.dir()).len(), 20);
    assert!(small.has_key("new").unwrap());
}

#[test]
fn expired_entries_go_first() {
    for limit in [30_i32, 640] {
        let (clock, hands) = Clock::manual();
        let (_dir, backend, cache) = cache(|o| o.max_entries(limit as u64).clock(clock));
        for n in 0..limit {
            let timeout = if n % 2 == 0 { Duration::from_secs(10) } else { HOUR };
            cache.set(&format!("k{n}"), &n, timeout).unwrap();
        }
        hands.advance(Duration::from_secs(11));
        assert_eq!(backend.entries().unwrap(), Some(limit as u64));
        for n in 0..limit / 2 {
            cache.set(&format!("new{n}"), &n, HOUR).unwrap();
        }
        assert_eq!(live(&cache, 0..limit), limit as usize / 2, "no live entry went");
        assert!(backend.entries().unwrap().unwrap() <= limit as u64);
    }
}

#[test]
fn a_few_expired_entries_of_many_do_not_make_every_write_look_at_all() {
    let (clock, hands) = Clock::manual();
    let (_dir, backend, cache) = cache(|o| o.max_entries(640).clock(clock));
    for n in 0..640 {
        let timeout = if n == 5 { Duration::from_secs(10) } else { HOUR };
        cache.set(&format!("k{n}"), &n, timeout).unwrap();
    }
    hands.advance(Duration::from_secs(11));
    cache.set("new", &1, HOUR).unwrap();
    // A 64th of 640 became free, and one of it was taken.
    assert_eq!(backend.entries().unwrap(), Some(640 - 10 + 1));
    assert!(cache.has_key("new").unwrap());
}

#[test]
fn an_unlimited_cache_with_short_lifetimes_does_not_grow() {
    let (clock, hands) = Clock::manual();
    let (_dir, backend, cache) = cache(|o| o.unlimited().clock(clock));
    let mut most = 0;
    for n in 0..2_000 {
        cache.set(&format!("k{n}"), &n, Duration::from_secs(1)).unwrap();
        hands.advance(Duration::from_millis(10));
        if n % 50 == 0 {
            most = most.max(backend.entries().unwrap().unwrap());
        }
    }
    // About 100 are alive at any time, and 257 may be written between two looks at all of them.
    assert!(most < 100 + 257 + 50, "{most}");
    backend.purge_expired().unwrap();
    let live = backend.entries().unwrap().unwrap();
    assert!((90..=110).contains(&live), "{live}");
}

#[test]
fn what_a_killed_writer_left_is_found_and_what_a_live_one_has_is_not() {
    let (_dir, backend, cache) = cache(|o| o);
    cache.set("k", "v", HOUR).unwrap();
    let dead = backend.dir().join(".tmp-00000000deadbeef");
    let alive = backend.dir().join(".tmp-00000000cafecafe");
    let held = File::create(&alive).unwrap();
    held.lock().unwrap();
    fs::write(&dead, "half").unwrap();
    assert_eq!(backend.purge_expired().unwrap(), Some(0));
    assert_eq!(common::temp_files(backend.dir()), std::slice::from_ref(&alive));
    fs::write(&dead, "half").unwrap();
    cache.clear().unwrap();
    assert_eq!(common::temp_files(backend.dir()), std::slice::from_ref(&alive));
    // And by itself, with a new key.
    fs::write(&dead, "half").unwrap();
    cache.set("new", "v", HOUR).unwrap();
    assert_eq!(common::temp_files(backend.dir()), [alive]);
}

#[test]
fn a_move_takes_no_place_and_evicts_nothing() {
    let (_dir, backend, cache) = cache(|o| o.max_entries(10));
    for n in 0..10 {
        cache.set(&format!("k{n}"), &n, HOUR).unwrap();
    }
    for n in 0..10 {
        assert_eq!(cache.incr_version(&format!("k{n}")).unwrap(), 2);
    }
    assert_eq!((live(&cache, 0..10), live(&cache.with_version(2), 0..10)), (0, 10));
    assert_eq!(backend.entries().unwrap(), Some(10));
}
