//! Whatever the builder is given, no call panics, hangs, wraps around or takes memory for
//! entries that are not there.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use allocation_counter::measure;
use cache_core::{Cache, Clock, ErrorKind, ManualClock};
use cache_locmem::{Eviction, LocMemCache};
use conformance_tests::faults::extremes::{DURATIONS, NUMBERS, call_each, check_lifetimes, check_limit};
use conformance_tests::faults::{in_time, record};

/// Moves the hands of a clock.
type Move = fn(&ManualClock);

/// Two and a half times the 4,096 shards that a store has at the most.
const MOST_MEMORY: u64 = 4 << 20;

#[test]
fn no_limit_breaks_a_call_or_takes_memory_beforehand() {
    let (mut tried, mut most_of_all) = (0, 0);
    for eviction in [Eviction::Lru, Eviction::S3Fifo] {
        for max_entries in NUMBERS.map(Some).into_iter().chain([None]) {
            for frequency in [0, 1, 2, u32::MAX] {
                let what = format!("{eviction:?}, max_entries {max_entries:?}, cull_frequency {frequency}");
                let options = LocMemCache::builder().eviction(eviction).cull_frequency(frequency);
                let options = match max_entries {
                    Some(max_entries) => options.max_entries(max_entries),
                    None => options.unlimited(),
                };
                if max_entries == Some(0) {
                    assert_eq!(options.build().unwrap_err().kind(), ErrorKind::InvalidCacheBackend, "{what}");
                    continue;
                }
                let told = what.clone();
                let most = in_time(&what, move || {
                    measure(|| {
                        let cache = Cache::new(options.build().unwrap());
                        call_each(&cache).unwrap_or_else(|e| panic!("{told}: {e}"));
                        // More than fit, where few do: some have to go.
                        for n in 0..2_000 {
                            cache.set(&format!("key-{n}"), &n, Duration::MAX).unwrap();
                        }
                        let entries = cache.info().unwrap().entries.unwrap();
                        let most = max_entries.unwrap_or(u64::MAX);
                        let least = if most < 2_000 { 1 } else { 2_000 };
                        assert!(
                            (least..=most).contains(&entries),
                            "{told}: {entries} entries after 2,000 keys were set"
                        );
                        check_limit(&cache, max_entries).unwrap_or_else(|e| panic!("{told}: {e}"));
                        check_lifetimes(&cache).unwrap_or_else(|e| panic!("{told}: {e}"));
                    })
                    .bytes_max
                });
                assert!(most < MOST_MEMORY, "{what}: {most} bytes, more than {MOST_MEMORY}");
                most_of_all = most_of_all.max(most);
                tried += 1;
            }
        }
    }
    record(34, "locmem", tried, 0, &format!("limits of all sizes: at most {most_of_all} bytes"));
}

/// The ends of both clocks, and what lies behind them.
#[test]
fn no_time_breaks_a_call() {
    let moves: [(&str, Move); 4] = [
        ("the first moment", |hands| {
            hands.step_wall_ms(i64::MIN);
            hands.step_wall_ms(i64::MIN);
        }),
        ("the last moment of the wall clock", |hands| hands.step_wall_ms(i64::MAX)),
        ("the last moment but one", |hands| {
            hands.advance(Duration::from_nanos(u64::MAX - 1_000_000_001));
        }),
        ("the last moment", |hands| hands.advance(Duration::MAX)),
    ];
    for eviction in [Eviction::Lru, Eviction::S3Fifo] {
        for (name, go) in moves {
            let what = format!("{eviction:?} at {name}");
            let told = what.clone();
            in_time(&what, move || {
                let (clock, hands) = Clock::manual();
                let options = LocMemCache::builder().eviction(eviction).max_entries(8).clock(clock);
                let cache = Cache::new(options.build().unwrap());
                for (n, lifetime) in DURATIONS.into_iter().enumerate() {
                    cache.set(&n.to_string(), &n, lifetime).unwrap();
                }
                go(&hands);
                call_each(&cache).unwrap_or_else(|e| panic!("{told}: {e}"));
                check_lifetimes(&cache).unwrap_or_else(|e| panic!("{told}: {e}"));
                for n in 0..100 {
                    cache.set(&n.to_string(), &n, DURATIONS[n % DURATIONS.len()]).unwrap();
                }
                assert!(cache.info().unwrap().entries.unwrap() <= 8, "{told}");
            });
        }
    }
}
