//! The limit, what goes first, and what a write costs.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cache_core::{BaseCache, Cache, Clock, Timeout};
use cache_db::DatabaseCache;
use common::{build, count, look, place, rows_and_count};

const SECOND: Duration = Duration::from_secs(1);

fn live(cache: &Cache<DatabaseCache>, keys: std::ops::Range<usize>) -> Vec<usize> {
    keys.filter(|i| cache.has_key(&i.to_string()).unwrap()).collect()
}

#[test]
fn the_oldest_third_goes_when_a_new_key_finds_the_table_full() {
    let (_dir, path) = place();
    let cache = build(DatabaseCache::builder(&path).max_entries(30));
    for i in 0..30 {
        cache.set(&i.to_string(), &i, Timeout::Never).unwrap();
    }
    cache.set("0", &100, Timeout::Never).unwrap();
    assert!(!cache.add("1", &100, Timeout::Never).unwrap());
    assert_eq!(live(&cache, 0..30).len(), 30, "a write to an existing key evicts nothing");
    assert!(cache.add("30", &30, Timeout::Never).unwrap());
    assert_eq!(live(&cache, 0..31), (10..31).collect::<Vec<_>>());
    assert_eq!(rows_and_count(&path, "cache"), (21, 21));
}

#[test]
fn cull_frequencies() {
    for (frequency, limit, left) in [(0, 10, 1), (1, 10, 1), (2, 10, 6), (100, 10, 10), (3, 1, 1), (2, 3, 3)]
    {
        let (_dir, path) = place();
        let cache = build(DatabaseCache::builder(&path).max_entries(limit).cull_frequency(frequency));
        for i in 0..=limit {
            cache.set(&i.to_string(), &i, Timeout::Never).unwrap();
        }
        assert_eq!(rows_and_count(&path, "cache"), (left, left), "{limit} / {frequency}");
        assert!(cache.has_key(&limit.to_string()).unwrap(), "the new key survives");
    }
}

#[test]
fn expired_rows_go_first() {
    let (_dir, path) = place();
    let (clock, hands) = Clock::manual();
    let cache = build(DatabaseCache::builder(&path).max_entries(30).clock(clock));
    for i in 0..30 {
        let timeout = if i % 10 == 9 { Timeout::After(SECOND) } else { Timeout::Never };
        cache.set(&i.to_string(), &i, timeout).unwrap();
    }
    hands.advance(SECOND * 2);
    cache.set("30", &30, Timeout::Never).unwrap();
    assert_eq!(live(&cache, 0..31).len(), 28, "27 live ones and the new one");
    assert_eq!(rows_and_count(&path, "cache"), (28, 28));
}

#[test]
fn a_large_table_loses_a_share_of_a_window() {
    let (_dir, path) = place();
    let (clock, hands) = Clock::manual();
    let cache = build(DatabaseCache::builder(&path).max_entries(5_000).clock(clock));
    let fill = |keys: std::ops::Range<usize>, timeout: Timeout| {
        cache.set_many(keys.map(|i| (i.to_string(), i)), timeout).unwrap();
    };
    fill(0..5_000, Timeout::Never);
    cache.set("5000", &1, Timeout::Never).unwrap();
    assert_eq!(rows_and_count(&path, "cache"), (5_000 - 333 + 1, 4_668));
    assert!(!cache.has_key("332").unwrap() && cache.has_key("333").unwrap());
    // A window full of expired rows is enough: nothing live goes.
    cache.clear().unwrap();
    fill(0..1_000, SECOND.into());
    fill(1_000..5_000, Timeout::Never);
    hands.advance(SECOND * 2);
    let mut new = 5_000;
    while rows_and_count(&path, "cache").0 == 5_000 || new == 5_000 {
        cache.set(&new.to_string(), &new, Timeout::Never).unwrap();
        new += 1;
        assert!(new < 5_010, "no room was made");
    }
    let (rows, entries) = rows_and_count(&path, "cache");
    assert_eq!(rows, entries);
    assert!(rows <= 5_000);
}

#[test]
fn an_unlimited_table_does_not_grow_with_the_dead() {
    let (_dir, path) = place();
    let (clock, hands) = Clock::manual();
    let cache = build(DatabaseCache::builder(&path).unlimited().clock(clock));
    let mut most = 0;
    for round in 0..200 {
        for i in 0..100 {
            cache.set(&format!("{round}-{i}"), &i, SECOND).unwrap();
        }
        hands.advance(SECOND * 2);
        most = most.max(cache.backend().entries().unwrap().unwrap());
    }
    assert!(most < 2_000, "{most} rows of 20,000, all but 100 of them expired");
}

#[test]
fn purging_removes_all_expired_rows_and_only_those() {
    let (_dir, path) = place();
    let (clock, hands) = Clock::manual();
    let cache = build(DatabaseCache::builder(&path).unlimited().clock(clock));
    for (name, timeout) in
        [("short", SECOND.into()), ("long", (SECOND * 60).into()), ("never", Timeout::Never)]
    {
        cache.set_many((0..2_500).map(|i| (format!("{name}{i}"), i)), timeout).unwrap();
    }
    assert_eq!(cache.purge_expired().unwrap(), Some(0));
    hands.advance(SECOND * 2);
    assert_eq!(cache.purge_expired().unwrap(), Some(2_500));
    assert_eq!(rows_and_count(&path, "cache"), (5_000, 5_000));
}

#[test]
fn a_count_that_somebody_spoilt_is_put_right() {
    let (_dir, path) = place();
    let cache = build(DatabaseCache::builder(&path).max_entries(10));
    cache.set("k", &1, Timeout::Never).unwrap();
    look(&path).execute("UPDATE \"cache~state\" SET entries = 1000000", []).unwrap();
    cache.set("new", &1, Timeout::Never).unwrap();
    assert!(cache.has_key("new").unwrap());
    let (rows, entries) = rows_and_count(&path, "cache");
    assert_eq!(rows, entries);
    look(&path).execute("DELETE FROM \"cache~state\"", []).unwrap();
    cache.set("newer", &1, Timeout::Never).unwrap();
    assert!(cache.has_key("newer").unwrap());
    assert_eq!(rows_and_count(&path, "cache").0, rows_and_count(&path, "cache").1);
}

#[test]
fn the_limit_holds_at_every_moment_for_everybody() {
    let (_dir, path) = place();
    let done = AtomicBool::new(false);
    // One row goes at a time, so that two who made room at once would both need it.
    let make = || build(DatabaseCache::builder(&path).max_entries(50).cull_frequency(1_000));
    make().set("first", &1, Timeout::Never).unwrap();
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let conn = look(&path);
            let mut most = 0;
            let mut looks = 0;
            while !done.load(Ordering::SeqCst) {
                let (rows, entries) = conn
                    .query_row(
                        "SELECT (SELECT count(*) FROM cache), entries FROM \"cache~state\"",
                        [],
                        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
                    )
                    .unwrap();
                assert_eq!(rows, entries, "the count is exact at every moment");
                most = most.max(rows);
                looks += 1;
            }
            (most, looks)
        });
        let writers: Vec<_> = (0..4)
            .map(|thread| {
                let cache = make();
                scope.spawn(move || {
                    for i in 0..1_000 {
                        let key = format!("{thread}-{i}");
                        match i % 4 {
                            0 => drop(cache.add(&key, &i, Timeout::Never).unwrap()),
                            1 => drop(cache.set_many([(&key, i), (&format!("{key}b"), i)], SECOND).unwrap()),
                            2 => drop(cache.incr_version(&format!("{thread}-{}", i - 1))),
                            _ => cache.set(&key, &i, Duration::from_millis(5)).unwrap(),
                        }
                    }
                })
            })
            .collect();
        let written: Vec<_> = writers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::SeqCst);
        assert!(written.iter().all(Result::is_ok));
        let (most, looks) = watcher.join().unwrap();
        assert!(most <= 50, "{most}");
        assert!(most > 40 && looks > 100, "the watcher saw too little: {most} rows, {looks} looks");
    });
    assert_eq!(count(&look(&path), "SELECT count(*) <= 50 FROM cache"), 1);
}

fn evictions(cache: &Cache<DatabaseCache>) -> Option<u64> {
    cache.info().unwrap().evictions
}

#[test]
fn the_table_remembers_how_many_rows_had_to_make_room_and_counts_nothing_else() {
    for (limit, frequency) in [(10_u64, 3), (10, 0), (1_500, 3), (1_500, 100)] {
        let what = format!("a table with max_entries {limit} and cull_frequency {frequency}");
        let (_dir, path) = place();
        let (clock, hands) = Clock::manual();
        let options = || DatabaseCache::builder(&path).max_entries(limit).cull_frequency(frequency);
        let cache = build(options().clock(clock));
        assert_eq!(evictions(&cache), None, "no table yet");
        cache.set_many((0..limit).map(|i| (format!("old{i}"), i)), SECOND).unwrap();
        hands.advance(SECOND * 2);
        // Only what has expired makes room here; an overwritten, a removed and a moved row make none.
        cache.set("k", &1, Timeout::Never).unwrap();
        cache.set("k", &2, Timeout::Never).unwrap();
        cache.incr_version("k").unwrap();
        assert!(cache.with_version(2).delete("k").unwrap());
        cache.clear().unwrap();
        assert_eq!(evictions(&cache), Some(0), "evictions of {what} where nothing had to make room");
        cache.set_many((0..2 * limit).map(|i| (i.to_string(), i)), Timeout::Never).unwrap();
        for i in 2 * limit..2 * limit + 20 {
            cache.set(&i.to_string(), &i, Timeout::Never).unwrap();
        }
        let (rows, _) = rows_and_count(&path, "cache");
        let all = Some(2 * limit + 20 - rows.unsigned_abs());
        assert_eq!(evictions(&cache), all, "evictions of {what} that has {rows} rows left");
        cache.clear().unwrap();
        // As a tool sees it that opens the file again and names no limit.
        let tool = build(DatabaseCache::builder(&path).no_default_limit());
        assert_eq!(evictions(&tool), all, "evictions of {what}, as a tool sees them");
        // Another limit is remembered, and the number stays.
        build(options().max_entries(limit + 1)).set("k", &1, Timeout::Never).unwrap();
        assert_eq!(evictions(&tool), all, "evictions of {what} after its limit was changed");
    }
}

#[test]
fn each_row_that_a_lower_limit_costs_is_an_eviction() {
    let (_dir, path) = place();
    let all = build(DatabaseCache::builder(&path).max_entries(3_000));
    all.set_many((0..3_000).map(|i| (i.to_string(), i)), Timeout::Never).unwrap();
    let lower = build(DatabaseCache::builder(&path).max_entries(10));
    for i in 0..20 {
        lower.set(&format!("new{i}"), &i, Timeout::Never).unwrap();
    }
    let (rows, _) = rows_and_count(&path, "cache");
    let gone = 3_020 - rows.unsigned_abs();
    assert_eq!(evictions(&all), Some(gone), "evictions of 3,020 rows where {rows} are left");
}

#[cfg(feature = "django")]
#[test]
fn in_the_layout_of_django_each_handle_counts_the_rows_that_it_evicted() {
    for limit in [10_u64, 600] {
        let (_dir, path) = place();
        let make =
            || build(DatabaseCache::builder(&path).layout(common::layout("db-django")).max_entries(limit));
        let cache = make();
        cache.set("0", &0, Timeout::Never).unwrap();
        assert_eq!(evictions(&cache), None, "a 0 would say that nobody evicts");
        for i in 1..3 * limit {
            cache.set(&i.to_string(), &i, Timeout::Never).unwrap();
        }
        let rows = count(&look(&path), "SELECT count(*) FROM cache").unsigned_abs();
        assert_eq!(
            evictions(&cache),
            Some(3 * limit - rows),
            "evictions of {} keys where {limit} fit",
            3 * limit
        );
        assert_eq!(evictions(&make()), None, "a handle that evicted nothing, of a table for {limit}");
    }
}
