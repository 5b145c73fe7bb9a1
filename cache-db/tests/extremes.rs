//! Whatever the builder is given, no call panics, hangs or wraps around.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use cache_core::{Cache, Clock, ErrorKind, ManualClock};
use cache_db::{DatabaseCache, DatabaseCacheBuilder};
use common::LAYOUTS;
use conformance_tests::faults::extremes::{DURATIONS, NUMBERS, call_each};
use conformance_tests::faults::{in_time, record};

/// Moves the hands of a clock.
type Move = fn(&ManualClock);

/// Tries it on a file of its own; `refused` is how a call may fail.
fn tried(
    what: &str,
    refused: Option<ErrorKind>,
    set: impl FnOnce(DatabaseCacheBuilder) -> DatabaseCacheBuilder + Send + 'static,
) {
    let told = what.to_owned();
    in_time(what, move || {
        let (_dir, path) = common::quick_place();
        let options = set(DatabaseCache::builder(path));
        match options.build().and_then(|backend| call_each(&Cache::new(backend))) {
            Ok(()) => {}
            Err(e) if Some(e.kind()) == refused => {}
            Err(e) => panic!("{told}: {e}"),
        }
    });
    record(34, "db", 1, 0, "extremes of its builder: each call ends");
}

#[test]
fn no_limit_breaks_a_call() {
    for &(name, layout) in LAYOUTS {
        for number in NUMBERS {
            let refused = (number == 0).then_some(ErrorKind::InvalidCacheBackend);
            tried(&format!("{name}, max_entries {number}"), refused, move |options| {
                options.layout(layout).max_entries(number)
            });
        }
        for frequency in [0, 1, 2, u32::MAX] {
            tried(&format!("{name}, cull_frequency {frequency}"), None, move |options| {
                options.layout(layout).max_entries(2).cull_frequency(frequency)
            });
        }
        for group in [0, u32::MAX - 1, u32::MAX] {
            tried(&format!("{name}, trusted_group {group}"), None, move |options| {
                options.layout(layout).trusted_group(group)
            });
        }
    }
}

#[test]
fn no_time_breaks_a_call() {
    let moves: [(&str, Move); 3] = [
        ("the first moment", |hands| {
            hands.step_wall_ms(i64::MIN);
            hands.step_wall_ms(i64::MIN);
        }),
        ("the last moment of the wall clock", |hands| hands.step_wall_ms(i64::MAX)),
        ("the last moment", |hands| hands.advance(Duration::MAX)),
    ];
    for &(name, layout) in LAYOUTS {
        for wait in DURATIONS {
            // A connection that is given back a moment later is waited for: not at all is too short for that.
            let refused = (wait < Duration::from_secs(1)).then_some(ErrorKind::Unavailable);
            tried(&format!("{name}, busy_timeout {wait:?}"), refused, move |options| {
                options.layout(layout).busy_timeout(wait)
            });
        }
        for (at, go) in moves {
            // SQLite's dates, which Django's table holds, begin with the year 0.
            let refused = (name == "db-django" && at == "the first moment").then_some(ErrorKind::Storage);
            tried(&format!("{name} at {at}"), refused, move |options| {
                let (clock, hands) = Clock::manual();
                go(&hands);
                options.layout(layout).max_entries(3).clock(clock)
            });
        }
    }
}
