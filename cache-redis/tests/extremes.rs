//! Whatever the builder is given, no call panics, hangs or wraps around.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::net::TcpListener;
use std::time::Duration;

use cache_core::{Cache, ErrorKind};
use cache_redis::{RedisCache, RedisCacheBuilder};
use common::{at, build, redis};
use conformance_tests::faults::extremes::{self, DURATIONS, NUMBERS, call_each, check_lifetimes};
use conformance_tests::faults::{in_time, record};

/// Sets one thing.
type Set = Box<dyn FnOnce(RedisCacheBuilder) -> RedisCacheBuilder + Send>;

fn settings() -> Vec<(String, Set)> {
    let mut all: Vec<(String, Set)> = Vec::new();
    for time in DURATIONS {
        all.push((format!("operation_timeout {time:?}"), Box::new(move |o| o.operation_timeout(time))));
        all.push((format!("connect_timeout {time:?}"), Box::new(move |o| o.connect_timeout(time))));
        all.push((format!("pool_wait {time:?}"), Box::new(move |o| o.pool_wait(time))));
    }
    for number in NUMBERS {
        let connections = usize::try_from(number).unwrap_or(usize::MAX);
        all.push((format!("max_connections {number}"), Box::new(move |o| o.max_connections(connections))));
        if let Ok(database) = u32::try_from(number) {
            all.push((format!("database {number}"), Box::new(move |o| o.database(database))));
        }
    }
    all
}

/// What the builder refuses.
fn cannot_be(what: &str) -> bool {
    let refused = ["operation_timeout 0ns", "connect_timeout 0ns"];
    let connections = what.strip_prefix("max_connections ").map(|n| n.parse::<u64>().unwrap());
    refused.contains(&what)
        || connections.is_some_and(|n| !(1..=65_536).contains(&n))
        || what.strip_prefix("database ").is_some_and(|n| n.parse::<i32>().is_err())
}

/// No server, one that does not answer, and one that does.
#[test]
fn no_extreme_breaks_a_call() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = redis();
    let places = [
        // Nothing listens on port 1.
        ("no server", Some("127.0.0.1:1".to_owned())),
        ("a silent server", Some(silent.local_addr().unwrap().to_string())),
        ("a server", server.as_ref().map(|server| server.address().to_string())),
    ];
    for (place, address) in places {
        let Some(address) = address else { continue };
        for (setting, set) in settings() {
            let what = format!("{setting} at {place}");
            let told = what.clone();
            let url = format!("redis://{address}");
            in_time(&what, move || {
                let patience = Duration::from_millis(if place == "a server" { 10_000 } else { 30 });
                let backend = match set(RedisCache::builder(&*url).operation_timeout(patience)).build() {
                    Err(e) => {
                        assert_eq!(e.kind(), ErrorKind::InvalidCacheBackend, "{told}: {e}");
                        assert!(cannot_be(&setting), "{told} is refused: {e}");
                        return;
                    }
                    Ok(backend) => backend,
                };
                assert!(!cannot_be(&setting), "{told}: expected that the builder refuses it");
                let cache = Cache::new(backend);
                let is_long = setting.starts_with("operation_timeout") && !setting.ends_with("1ns");
                match place {
                    // It would wait for a day.
                    "a silent server" if is_long => {}
                    "a server" => match call_each(&cache).and_then(|()| check_lifetimes(&cache)) {
                        Ok(()) => {}
                        // The server has fewer databases, and cannot answer that fast.
                        Err(e) if setting.starts_with("database") => {
                            assert_eq!(e.kind(), ErrorKind::Rejected, "{told}: {e}");
                        }
                        Err(e) if setting.ends_with(" 1ns") => {
                            assert_eq!(e.kind(), ErrorKind::Unavailable, "{told}: {e}");
                        }
                        Err(e) => panic!("{told}: {e}"),
                    },
                    _ => {
                        let e = call_each(&cache).unwrap_err();
                        assert!(
                            matches!(e.kind(), ErrorKind::Unavailable | ErrorKind::OutcomeUnknown),
                            "{told}: {e}"
                        );
                    }
                }
            });
            record(34, "redis", 1, 0, "extremes of its builder: each call ends");
        }
    }
}

/// All connections are in use, and calls wait for one.
#[test]
fn no_extreme_breaks_a_call_that_waits_for_another() {
    let Some(server) = redis() else { return };
    for wait in DURATIONS {
        let cache = build(at(server.address()).max_connections(1).pool_wait(wait));
        extremes::call_at_once(&format!("pool_wait {wait:?}"), &cache);
    }
}
