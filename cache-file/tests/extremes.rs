//! Whatever the builder is given, no call panics, hangs or wraps around.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use cache_core::{Cache, Clock, ErrorKind, ManualClock};
use cache_file::{FileCache, FileOptions, Layout};
use conformance_tests::faults::extremes::{DURATIONS, NUMBERS, call_each};
use conformance_tests::faults::{in_time, record};

/// Moves the hands of a clock.
type Move = fn(&ManualClock);

const LAYOUTS: &[Layout] = &[
    Layout::Own,
    #[cfg(feature = "django")]
    Layout::Django,
];

/// Tries it on a store of its own; `refused` is how a call may fail.
fn tried(
    what: &str,
    refused: Option<ErrorKind>,
    set: impl FnOnce(FileOptions) -> FileOptions + Send + 'static,
) {
    let told = what.to_owned();
    in_time(what, move || {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let options = set(FileCache::builder(dir.path().join("store")));
        match options.build().and_then(|backend| call_each(&Cache::new(backend))) {
            Ok(()) => {}
            Err(e) if Some(e.kind()) == refused => {}
            Err(e) => panic!("{told}: {e}"),
        }
    });
    record(34, "file", 1, 0, "extremes of its builder: each call ends");
}

#[test]
fn no_limit_breaks_a_call() {
    for &layout in LAYOUTS {
        for number in NUMBERS {
            let refused = (number == 0).then_some(ErrorKind::InvalidCacheBackend);
            tried(&format!("{layout:?}, max_entries {number}"), refused, move |options| {
                options.layout(layout).max_entries(number)
            });
        }
        for frequency in [0, 1, 2, u32::MAX] {
            tried(&format!("{layout:?}, cull_frequency {frequency}"), None, move |options| {
                options.layout(layout).max_entries(2).cull_frequency(frequency)
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
    for &layout in LAYOUTS {
        for wait in DURATIONS {
            // Nobody else writes, so no wait is too short.
            tried(&format!("{layout:?}, lock_timeout {wait:?}"), None, move |options| {
                options.layout(layout).lock_timeout(wait)
            });
        }
        for (name, go) in moves {
            tried(&format!("{layout:?} at {name}"), None, move |options| {
                let (clock, hands) = Clock::manual();
                go(&hands);
                options.layout(layout).max_entries(3).clock(clock)
            });
        }
    }
}

#[cfg(feature = "django")]
#[test]
fn no_limit_of_inflated_values_breaks_a_call() {
    for most in NUMBERS.map(|most| usize::try_from(most).unwrap_or(usize::MAX)) {
        let refused = (most < 16).then_some(ErrorKind::ValueTooLarge);
        tried(&format!("max_inflated {most}"), refused, move |options| {
            options.layout(Layout::Django).max_inflated(most)
        });
    }
}
