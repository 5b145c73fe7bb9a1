//! What a call costs, by hand:
//! `cargo test --release -p cache-db --test speed -- --ignored --nocapture`

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

mod common;

use std::time::{Duration, Instant};

use cache_core::{BaseCache, Cache, Timeout};
use cache_db::DatabaseCache;
use common::{build, place};

/// µs a call, the best of five runs of `calls`.
fn time(calls: usize, mut call: impl FnMut(usize)) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        (0..calls).for_each(&mut call);
        best = best.min(start.elapsed().as_secs_f64() * 1e6 / calls as f64);
    }
    best
}

fn key(i: usize) -> String {
    format!("key{i}")
}

/// A filled cache, measured; µs by operation.
fn measure(cache: &Cache<DatabaseCache>, rows: usize) -> Vec<(&'static str, f64)> {
    let text = |i: usize| format!("{i:0100}");
    let hour = Timeout::from_secs(3_600);
    cache.set_many((0..rows).map(|i| (key(i), text(i))), hour).unwrap();
    cache.set_many((0..100).map(|i| (format!("n{i}"), 0)), hour).unwrap();
    let mut random = fastrand::Rng::with_seed(1);
    let mut any = move || key(random.usize(0..rows));
    let mut new = 0;
    let mut fresh = || {
        new += 1;
        format!("new{new}")
    };
    let hundred = |i: usize| (0..100).map(move |j| key((i * 7_919 + j * 31) % rows));
    vec![
        ("get", time(10_000, |_| assert!(cache.get::<String>(&any()).unwrap().is_some()))),
        ("miss", time(10_000, |_| assert!(cache.get::<String>("absent").unwrap().is_none()))),
        ("set present", time(5_000, |i| cache.set(&key(i * 7_919 % rows), &text(i), hour).unwrap())),
        ("set new", time(2_000, |i| cache.set(&fresh(), &text(i), hour).unwrap())),
        ("add present", time(10_000, |i| assert!(!cache.add(&key(i % rows), &1, hour).unwrap()))),
        (
            "touch",
            time(5_000, |i| {
                assert!(cache.touch(&key(i * 7_919 % rows), Timeout::from_secs(3_600 + i as i64)).unwrap())
            }),
        ),
        ("incr", time(5_000, |i| assert!(cache.incr(&format!("n{}", i % 100)).unwrap() > 0))),
        (
            "get_many(100)",
            time(200, |i| assert_eq!(cache.get_many::<String, _>(hundred(i)).unwrap().len(), 100)),
        ),
        (
            "set_many(100)",
            time(100, |i| {
                assert!(cache.set_many(hundred(i).map(|k| (k, text(i))), hour).unwrap().is_empty())
            }),
        ),
        ("entries", time(5_000, |_| assert!(cache.backend().entries().unwrap().is_some()))),
    ]
}

#[test]
#[ignore = "a measurement, for a release build"]
fn microseconds_by_rows() {
    let both = [1_000, 100_000].map(|rows| {
        let (_dir, path) = place();
        let cache = build(DatabaseCache::builder(&path).max_entries(1_000_000));
        let measured = measure(&cache, rows);
        let start = Instant::now();
        cache.clear().unwrap();
        println!("clear of {rows} rows and more: {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
        measured
    });
    println!("{:16} {:>10} {:>10} {:>6}", "µs", "1,000", "100,000", "ratio");
    for ((name, small), (_, large)) in both[0].iter().zip(&both[1]) {
        println!("{name:16} {small:10.2} {large:10.2} {:6.2}", large / small);
    }
}

#[test]
#[ignore = "a measurement, for a release build"]
fn microseconds_of_a_new_key_in_a_full_table() {
    // A key is new and the clock moves a millisecond each time; nothing expires, or as much does
    // as comes in, here and there in the table.
    for (limit, expires) in [(300, false), (1_000, false), (100_000, false), (1_000, true), (100_000, true)] {
        let (_dir, path) = place();
        let (clock, hands) = cache_core::Clock::manual();
        let cache = build(DatabaseCache::builder(&path).max_entries(limit).clock(clock));
        let timeout = || match expires {
            true => Timeout::After(Duration::from_millis(fastrand::u64(1..=2 * limit))),
            false => Timeout::Never,
        };
        let mut worst = Duration::ZERO;
        let mut start = Instant::now();
        for i in 0..2 * limit + 20_000 {
            if i == 2 * limit {
                (start, worst) = (Instant::now(), Duration::ZERO);
            }
            let one = Instant::now();
            cache.set(&key(i as usize), &i, timeout()).unwrap();
            worst = worst.max(one.elapsed());
            hands.advance(Duration::from_millis(1));
        }
        let mean = start.elapsed().as_secs_f64() * 1e6 / 20_000.0;
        println!("full at {limit}, expiring: {expires}: {mean:.1} µs a new key, worst {worst:.1?}");
    }
}
