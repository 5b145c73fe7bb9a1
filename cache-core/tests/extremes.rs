//! Whatever a builder or a setting is given, no call panics, hangs or wraps around.

#![cfg(all(feature = "settings", feature = "zlib"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use cache_core::{
    Cache, CacheBuilder, Caches, Clock, Culling, ErrorKind, Expiry, Inflate, Json, NamedLimits, Setting,
    Timeout,
};
use cache_locmem::LocMemCache;
use conformance_tests::faults::extremes::{DURATIONS, NUMBERS, SIGNED, call_each};
use conformance_tests::faults::{in_time, record};

const FLOATS: [f64; 9] =
    [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, f64::MIN_POSITIVE, -0.0, 1e-300, 1.5];

/// A way to set one thing.
type Set = Box<dyn FnOnce(CacheBuilder<LocMemCache>) -> CacheBuilder<LocMemCache> + Send>;

fn settings_of_a_builder() -> Vec<(String, Set)> {
    let mut all: Vec<(String, Set)> = Vec::new();
    for time in DURATIONS {
        all.push((format!("flight_wait {time:?}"), Box::new(move |cache| cache.flight_wait(time))));
        all.push((format!("timeout {time:?}"), Box::new(move |cache| cache.timeout(time))));
    }
    for number in SIGNED {
        all.push((format!("timeout {number} s"), Box::new(move |cache| cache.timeout(number))));
        all.push((format!("version {number}"), Box::new(move |cache| cache.version(number))));
    }
    for seconds in FLOATS {
        let timeout = Timeout::try_from(seconds);
        assert_eq!(timeout.is_ok(), seconds.is_finite(), "{seconds}");
        if let Ok(timeout) = timeout {
            all.push((format!("timeout {seconds:?} s"), Box::new(move |cache| cache.timeout(timeout))));
        }
    }
    all
}

#[test]
fn no_extreme_of_a_builder_breaks_a_call() {
    for (what, set) in settings_of_a_builder() {
        in_time(&what.clone(), move || {
            let cache = set(Cache::builder(LocMemCache::default())).build().unwrap();
            call_each(&cache).unwrap_or_else(|e| panic!("{what}: {e}"));
            // A version that would leave the numbers is an error.
            cache.set("versioned", &1, Duration::MAX).unwrap();
            for delta in SIGNED {
                match cache.version(i64::MAX).incr_version("versioned", delta) {
                    Ok(version) => assert_eq!(Some(version), i64::MAX.checked_add(delta), "{what}"),
                    Err(e) => assert!(
                        matches!(e.kind(), ErrorKind::KeyNotFound | ErrorKind::Overflow),
                        "{what}: by {delta}: {e}"
                    ),
                }
            }
        });
    }
}

/// A caller that waits for another one's computation has the end of its wait worked out too.
#[test]
fn a_flight_is_waited_for_however_long_that_may_take() {
    for wait in DURATIONS {
        in_time(&format!("a waiter with flight_wait {wait:?}"), move || {
            let cache = Cache::builder(LocMemCache::default()).flight_wait(wait).build().unwrap();
            let gate = &std::sync::Barrier::new(2);
            std::thread::scope(|scope| {
                let leader = cache.clone();
                scope.spawn(move || {
                    leader.get_or_set("key", Duration::MAX, || {
                        gate.wait();
                        std::thread::sleep(Duration::from_millis(20));
                        1
                    })
                });
                gate.wait();
                let found = cache.get_or_set("key", Duration::MAX, || 1).unwrap();
                assert_eq!(found, 1);
            });
            let later =
                futures_lite::future::block_on(cache.aget_or_set("key2", Duration::MAX, || async { 2 }));
            assert_eq!(later.unwrap(), 2);
        });
    }
}

#[test]
fn deadlines_and_limits_reach_the_ends_of_their_numbers() {
    for now in SIGNED {
        for after in DURATIONS.into_iter().filter(|after| !after.is_zero()) {
            let expiry = Expiry::After(after);
            for deadline in [expiry.deadline_ms(now), expiry.deadline_us(now)] {
                assert!(
                    deadline.is_none_or(|deadline| deadline > now),
                    "{after:?} after {now}: {deadline:?}"
                );
            }
        }
    }
    for number in NUMBERS {
        assert_eq!(Culling::DEFAULT.max_entries(number).is_ok(), number > 0, "{number}");
        assert_eq!(NamedLimits::NONE.max_entries(number).over(Culling::DEFAULT).is_ok(), number > 0);
        assert!(Culling::of_silent_store(number).limit().is_none_or(|limit| limit >= number || number == 0));
        for frequency in [0, 1, 2, u32::MAX] {
            let victims = Culling::DEFAULT.cull_frequency(frequency).victims(number);
            assert!(
                victims <= number && (victims > 0 || number == 0),
                "1/{frequency} of {number}: {victims}"
            );
        }
    }
    let (clock, hands) = Clock::manual();
    for by in [i64::MIN, i64::MIN, i64::MAX, i64::MAX, i64::MAX] {
        hands.step_wall_ms(by);
        assert_eq!(clock.wall_ms(), clock.wall_us().div_euclid(1_000));
    }
    for by in DURATIONS {
        let before = clock.monotonic_ns();
        hands.advance(by);
        assert!(clock.monotonic_ns() >= before && clock.has_passed(before), "{by:?}");
    }
}

/// What may be inflated decides what is allocated only where it is needed.
#[test]
fn no_limit_of_inflated_values_breaks_a_call() {
    for most in NUMBERS.map(|most| usize::try_from(most).unwrap_or(usize::MAX)) {
        in_time(&format!("max_inflated {most}"), move || {
            let codec = Inflate::new(Json).max_inflated(most);
            let cache = Cache::builder(LocMemCache::default()).codec(codec).build().unwrap();
            call_each(&cache).unwrap();
            // zlib.compress(b"[1,2,3]")
            let stored = b"\x78\x9c\x8b\x36\xd4\x31\xd2\x31\x8e\x05\x00\x06\x95\x01\xa7";
            let mut list = Vec::new();
            let read = cache_core::Codec::decode(&codec, stored, &mut |value| {
                list = erased_serde::deserialize::<Vec<u8>>(value)?;
                Ok(())
            });
            assert_eq!(read.is_ok(), most >= 7, "{most}");
        });
    }
}

/// Each setting of a cache, with each extreme in each form that a document has for it: built and used, or refused.
#[test]
fn no_extreme_of_a_setting_breaks_a_call() {
    let texts = ["", "-0", "-", "1e309", "inf", "nan", "18446744073709551616", "0.0000000001"];
    let long = "9".repeat(400);
    let mut values: Vec<Setting> = texts.iter().copied().chain([&*long]).map(Setting::from).collect();
    values.extend(SIGNED.map(Setting::Integer));
    values.extend(FLOATS.map(Setting::Float));
    values.extend(SIGNED.map(|n| Setting::Text(n.to_string())));
    values.extend(NUMBERS.map(|n| Setting::Text(n.to_string())));
    values.extend(DURATIONS.map(|time| Setting::Text(format!("{}s", time.as_secs()))));
    values.push(Setting::Text(format!("{long}w{long}ms")));
    values.extend([Setting::Null, Setting::Bool(true), Setting::List(vec![])]);
    let (mut built, mut refused) = (0_u64, 0_u64);
    for name in ["timeout", "version", "max_entries", "cull_frequency"] {
        for value in &values {
            let own = (name.to_owned(), value.clone());
            let mut table = vec![("backend".to_owned(), Setting::from("locmem"))];
            match name {
                "timeout" | "version" => table.push(own),
                _ => table.push(("options".to_owned(), Setting::Table(vec![own]))),
            }
            table.push(("location".to_owned(), Setting::Text(format!("{name} {}", built + refused))));
            let document = Setting::Table(vec![("default".to_owned(), Setting::Table(table))]);
            let what = format!("{name} = {}", shown(value));
            let done = in_time(&what, move || {
                let caches = Caches::builder().backend::<LocMemCache>().settings(document).build()?;
                call_each(&caches.default()?)
            });
            match done {
                Ok(()) => built += 1,
                Err(e) => {
                    assert_eq!(e.kind(), ErrorKind::InvalidCacheBackend, "{what}: {e}");
                    refused += 1;
                }
            }
        }
    }
    let figure = format!("settings with extremes: {built} built and used, {refused} refused");
    record(34, "core", built + refused, 0, &figure);
    assert!(built > 20 && refused > 20, "{figure}");
}

fn shown(value: &Setting) -> String {
    match value {
        Setting::Integer(n) => n.to_string(),
        Setting::Float(n) => format!("{n:?}"),
        Setting::Text(text) => format!("{:?}", text.chars().take(30).collect::<String>()),
        other => format!("{other:?}"),
    }
}
