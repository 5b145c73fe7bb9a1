//! Whatever a builder or a setting is given, no call panics, hangs or wraps around.

#![cfg(all(feature = "settings", feature = "zlib"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use cache_core::{
    Cache, CacheBuilder, Caches, Clock, Culling, ErrorKind, Expiry, Json, NamedLimits, Setting, Timeout, Zlib,
};
use cache_locmem::LocMemCache;
use conformance_tests::faults::extremes::{
    DURATIONS, NUMBERS, SIGNED, call_each, check_lifetimes, check_limit,
};
use conformance_tests::faults::{in_time, record};

const FLOATS: [f64; 9] =
    [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, f64::MIN_POSITIVE, -0.0, 1e-300, 1.5];

/// A way to set one thing, and what is seen of it then.
struct Given {
    what: String,
    set: Box<dyn FnOnce(CacheBuilder<LocMemCache>) -> CacheBuilder<LocMemCache> + Send>,
    /// Whether an entry without a lifetime of its own exists afterwards. `None` if that depends on the time.
    lives: Option<bool>,
    version: i64,
}

fn settings_of_a_builder() -> Vec<Given> {
    let given = |what, lives, version, set| Given { what, set, lives, version };
    let of_lifetime = |lifetime: Duration| match lifetime {
        Duration::ZERO => Some(false),
        _ => (lifetime > Duration::from_secs(1)).then_some(true),
    };
    let mut all = Vec::new();
    for time in DURATIONS {
        let wait = Box::new(move |cache: CacheBuilder<_>| cache.single_flight_timeout(time));
        all.push(given(format!("single_flight_timeout {time:?}"), Some(true), 1, wait));
        let timeout = Box::new(move |cache: CacheBuilder<_>| cache.timeout(time));
        all.push(given(format!("timeout {time:?}"), of_lifetime(time), 1, timeout));
    }
    for number in SIGNED {
        let timeout = Box::new(move |cache: CacheBuilder<_>| cache.timeout(Timeout::from_secs(number)));
        all.push(given(format!("timeout {number} s"), Some(number > 0), 1, timeout));
        let version = Box::new(move |cache: CacheBuilder<_>| cache.version(number));
        all.push(given(format!("version {number}"), Some(true), number, version));
    }
    for seconds in FLOATS {
        let timeout = Timeout::try_from_secs_f64(seconds);
        assert_eq!(timeout.is_ok(), seconds.is_finite(), "whether a timeout of {seconds} s is taken");
        if let Ok(timeout) = timeout {
            let lives = if seconds > 0.0 { (seconds > 1.0).then_some(true) } else { Some(false) };
            let set = Box::new(move |cache: CacheBuilder<_>| cache.timeout(timeout));
            all.push(given(format!("timeout {seconds:?} s"), lives, 1, set));
        }
    }
    all
}

#[test]
fn no_extreme_of_a_builder_breaks_a_call() {
    for Given { what, set, lives, version } in settings_of_a_builder() {
        in_time(&what.clone(), move || {
            let cache = set(Cache::builder(LocMemCache::default())).build().unwrap();
            call_each(&cache).unwrap_or_else(|e| panic!("{what}: {e}"));
            check_lifetimes(&cache).unwrap_or_else(|e| panic!("{what}: {e}"));
            cache.set("by default", &1, Timeout::Default).unwrap();
            let there = cache.has_key("by default").unwrap();
            assert!(lives.is_none_or(|lives| lives == there), "is an entry by default there? {there}");
            cache.set("versioned", &1, Duration::MAX).unwrap();
            assert!(cache.with_version(version).has_key("versioned").unwrap(), "not in version {version}");
        });
    }
}

/// A version that would leave the numbers is an error, and not another version.
#[test]
fn no_version_wraps_around() {
    for version in SIGNED {
        let cache = Cache::builder(LocMemCache::default()).version(version).build().unwrap();
        for delta in SIGNED {
            for (half, up) in [("sync", true), ("sync", false), ("async", true), ("async", false)] {
                cache.clear().unwrap();
                cache.set("versioned", &1, Duration::MAX).unwrap();
                let moved = match (half, up) {
                    ("sync", true) => cache.incr_version_by("versioned", delta),
                    ("sync", false) => cache.decr_version_by("versioned", delta),
                    (_, true) => futures_lite::future::block_on(cache.aincr_version_by("versioned", delta)),
                    (_, false) => futures_lite::future::block_on(cache.adecr_version_by("versioned", delta)),
                };
                let to = if up { version.checked_add(delta) } else { version.checked_sub(delta) };
                let what = format!("{half}, from {version} by {delta}, up: {up}");
                match (moved, to) {
                    (Ok(moved), Some(to)) => assert_eq!(moved, to, "{what}"),
                    (Err(e), None) => assert_eq!(e.kind(), ErrorKind::Overflow, "{what}: {e}"),
                    other => panic!("{what} is {to:?}, and {:?} came", other.0),
                }
                assert!(
                    cache.with_version(to.unwrap_or(version)).has_key("versioned").unwrap(),
                    "{what}: it is not in version {to:?}"
                );
            }
        }
    }
}

/// A caller that waits for another one's computation has the end of its wait worked out too.
#[test]
fn a_flight_is_waited_for_however_long_that_may_take() {
    for wait in DURATIONS {
        in_time(&format!("a waiter with single_flight_timeout {wait:?}"), move || {
            let cache = Cache::builder(LocMemCache::default()).single_flight_timeout(wait).build().unwrap();
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
        let named = NamedLimits::NONE.max_entries(number).over(Culling::DEFAULT);
        for limits in [Culling::DEFAULT.max_entries(number), named] {
            let limit = limits.ok().map(Culling::limit);
            assert_eq!(limit, (number > 0).then_some(Some(number)), "the limit where {number} was given");
        }
        let silent = Culling::of_silent_store(number).limit();
        assert!(
            silent.is_none_or(|limit| limit >= number),
            "a store of {number} entries that says no limit has the limit {silent:?}"
        );
        for frequency in [0, 1, 2, u32::MAX] {
            let victims = Culling::DEFAULT.cull_frequency(frequency).victims(number);
            assert!(
                victims <= number && (victims > 0 || number == 0),
                "one in {frequency} of {number} entries are {victims} victims"
            );
        }
    }
    let (clock, hands) = Clock::manual();
    for by in [i64::MIN, i64::MIN, i64::MAX, i64::MAX, i64::MAX] {
        let before = clock.wall_us();
        hands.step_wall_ms(by);
        let after = before.saturating_add(by.saturating_mul(1_000));
        assert_eq!(clock.wall_us(), after, "the wall clock at {before} us, set by {by} ms");
        assert_eq!(clock.wall_ms(), clock.wall_us().div_euclid(1_000));
    }
    for by in DURATIONS {
        let (clock, hands) = Clock::manual();
        let before = (clock.monotonic_ns(), clock.wall_us());
        hands.advance(by);
        let ns = (u128::from(before.0) + by.as_nanos()).min(u64::MAX.into());
        assert_eq!(u128::from(clock.monotonic_ns()), ns, "the monotonic clock {by:?} after {} ns", before.0);
        assert!(clock.has_passed(before.0), "the time before is over after {by:?}");
        let us = (i128::from(before.1) + by.as_micros().cast_signed()).min(i64::MAX.into());
        assert_eq!(i128::from(clock.wall_us()), us, "the wall clock {by:?} after {} us", before.1);
    }
}

/// What may be inflated decides what is allocated only where it is needed.
#[test]
fn no_limit_of_inflated_values_breaks_a_call() {
    for most in NUMBERS.map(|most| usize::try_from(most).unwrap_or(usize::MAX)) {
        in_time(&format!("max_inflated {most}"), move || {
            let codec = Zlib::new(Json).max_inflated(most);
            let cache = Cache::builder(LocMemCache::default()).codec(codec).build().unwrap();
            call_each(&cache).unwrap();
            // zlib.compress(b"[1,2,3]")
            let stored = b"\x78\x9c\x8b\x36\xd4\x31\xd2\x31\x8e\x05\x00\x06\x95\x01\xa7";
            let mut list = Vec::new();
            let read = cache_core::Codec::decode(&codec, stored, &mut |value| {
                list = erased_serde::deserialize::<Vec<u8>>(value)?;
                Ok(())
            });
            assert_eq!(read.is_ok(), most >= 7, "whether 7 bytes are read where the most are {most}");
        });
    }
}

/// Each setting of a cache, with each extreme in each form that a document has for it: built and used, or refused.
#[test]
fn no_extreme_of_a_setting_breaks_a_call() {
    let strings = ["", "-0", "-", "1e309", "inf", "nan", "18446744073709551616", "0.0000000001"];
    let long = "9".repeat(400);
    let mut values: Vec<Setting> = strings.iter().copied().chain([&*long]).map(Setting::from).collect();
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
            let (told, number) = (name, whole(value));
            let done = in_time(&what, move || {
                let caches = Caches::builder().backend::<LocMemCache>().settings(document).build()?;
                let cache = caches.default_cache()?;
                call_each(&cache)?;
                check_lifetimes(&cache)?;
                match (told, number) {
                    ("max_entries", Some(number)) => check_limit(&cache, u64::try_from(number).ok())?,
                    ("timeout", Some(number)) => {
                        cache.set("by default", &1, Timeout::Default)?;
                        assert_eq!(cache.has_key("by default")?, number > 0, "is an entry by default there?");
                    }
                    ("version", Some(number)) => {
                        cache.set("versioned", &1, Duration::MAX)?;
                        let version = cache.with_version(i64::try_from(number).unwrap_or_default());
                        assert!(version.has_key("versioned")?, "not in version {number}");
                    }
                    _ => {}
                }
                Ok::<(), cache_core::Error>(())
            });
            if let Some(number) = number {
                let is_good = match name {
                    "timeout" => true,
                    "version" => i64::try_from(number).is_ok(),
                    "max_entries" => number > 0 && u64::try_from(number).is_ok(),
                    _ => u32::try_from(number).is_ok(),
                };
                assert_eq!(done.is_ok(), is_good, "whether {what} is taken: {done:?}");
            }
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

/// The whole number that a setting is, in digits or as a number.
fn whole(value: &Setting) -> Option<i128> {
    match value {
        Setting::Integer(n) => Some(i128::from(*n)),
        Setting::Text(text) if text.bytes().next_back().is_some_and(|b| b.is_ascii_digit()) => {
            text.parse().ok().filter(|_| text != "-0")
        }
        _ => None,
    }
}

fn shown(value: &Setting) -> String {
    match value {
        Setting::Integer(n) => n.to_string(),
        Setting::Float(n) => format!("{n:?}"),
        Setting::Text(text) => format!("{:?}", text.chars().take(30).collect::<String>()),
        other => format!("{other:?}"),
    }
}
