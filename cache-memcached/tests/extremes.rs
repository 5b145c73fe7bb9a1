//! Whatever the builder is given, no call panics, hangs or wraps around. Where nothing listens,
//! where nothing answers, and with a server.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::net::TcpListener;
use std::time::Duration;

use cache_core::{Cache, ErrorKind};
use cache_memcached::{EjectionPolicy, MemcachedCache, MemcachedCacheBuilder};
use common::{MINUTE, server};
use conformance_tests::faults::extremes::{self, DURATIONS, NUMBERS, call_each, check_lifetimes};
use conformance_tests::faults::{in_time, record};

/// Sets one thing.
type Set = Box<dyn FnOnce(MemcachedCacheBuilder) -> MemcachedCacheBuilder + Send>;

fn settings() -> Vec<(String, Set)> {
    let mut all: Vec<(String, Set)> = Vec::new();
    for time in DURATIONS {
        all.push((format!("operation_timeout {time:?}"), Box::new(move |o| o.operation_timeout(time))));
        all.push((format!("connect_timeout {time:?}"), Box::new(move |o| o.connect_timeout(time))));
        all.push((format!("pool_wait {time:?}"), Box::new(move |o| o.pool_wait(time))));
        for retry_attempts in [0, 1, u32::MAX] {
            let rules = EjectionPolicy { retry_attempts, retry_timeout: time, dead_timeout: time };
            all.push((format!("{rules:?}"), Box::new(move |o| o.ejection(rules))));
        }
    }
    for number in NUMBERS.map(|number| usize::try_from(number).unwrap_or(usize::MAX)) {
        all.push((format!("max_connections {number}"), Box::new(move |o| o.max_connections(number))));
        all.push((format!("max_inflated {number}"), Box::new(move |o| o.max_inflated(number))));
    }
    for (name, clock) in extremes::clocks() {
        // Ejection reads the clock.
        let set: Set = Box::new(move |o| o.clock(clock).ejection(EjectionPolicy::default()));
        all.push((name.to_owned(), set));
    }
    all
}

/// Nothing listens on the first address, and nothing answers on the second.
#[test]
fn no_extreme_breaks_a_call_that_fails() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    for (what, set) in settings() {
        let servers = vec!["127.0.0.1:1".to_owned(), address.clone()];
        let told = what.clone();
        in_time(&what, move || {
            // So short that the silent one is not waited for long, unless that is what is tried.
            let options = MemcachedCache::builder(servers).operation_timeout(Duration::from_millis(50));
            let is_long =
                told.starts_with("operation_timeout") && !told.contains("0ns") && !told.contains("1ns");
            let options = set(options);
            let Ok(backend) = options.build() else { return };
            if is_long {
                // It would wait for a day.
                return;
            }
            let cache = Cache::new(backend);
            for n in 0..6 {
                let e = cache.set(&format!("key-{n}"), &n, Duration::MAX).unwrap_err();
                assert!(
                    matches!(e.kind(), ErrorKind::Unavailable | ErrorKind::OutcomeUnknown),
                    "{told}: {e}"
                );
            }
            assert!(call_each(&cache).is_err(), "{told}");
        });
        record(34, "memcached", 1, 0, "extremes of its builder: each call ends");
    }
}

/// A wait that is too short may be over before the server has answered.
#[test]
fn no_extreme_breaks_a_call_that_is_answered() {
    let Some(server) = server() else { return };
    for (what, set) in settings() {
        let address = server.address().to_string();
        let told = what.clone();
        in_time(&what, move || {
            let options = MemcachedCache::builder(address).operation_timeout(MINUTE).connect_timeout(MINUTE);
            let Ok(backend) = set(options).build() else { return };
            let cache = Cache::new(backend);
            match call_each(&cache).and_then(|()| check_lifetimes(&cache)) {
                Err(e) if told.ends_with("timeout 1ns") && e.kind() == ErrorKind::Unavailable => {}
                done => done.unwrap_or_else(|e| panic!("{told}: {e}")),
            }
        });
        record(34, "memcached", 1, 0, "extremes of its builder: each call ends");
    }
}

/// All connections are in use, and calls wait for one.
#[test]
fn no_extreme_breaks_a_call_that_waits_for_another() {
    let Some(server) = server() else { return };
    for wait in DURATIONS {
        let options = MemcachedCache::builder(server.address().to_string()).operation_timeout(MINUTE);
        let cache = Cache::new(options.max_connections(1).pool_wait(wait).build().unwrap());
        extremes::call_at_once(&format!("pool_wait {wait:?}"), &cache);
    }
}

#[test]
fn what_cannot_be_is_refused_and_all_else_is_built() {
    for (what, set) in settings() {
        let built = set(MemcachedCache::builder("127.0.0.1:1")).build();
        let numbers = ["max_connections 0", "max_connections 4", "max_connections 9", "max_connections 1844"];
        let cannot_be = ["operation_timeout 0ns", "connect_timeout 0ns"].contains(&&*what)
            || numbers.iter().any(|refused| what.starts_with(refused));
        match built {
            Err(e) => assert!(
                cannot_be && e.kind() == ErrorKind::InvalidCacheBackend,
                "{what}: expected InvalidCacheBackend: {cannot_be}; got {:?}: {e}",
                e.kind()
            ),
            Ok(_) => assert!(!cannot_be, "{what}: expected that the builder refuses it"),
        }
    }
}
