//! Whatever the builder is given, no call panics, hangs or wraps around. Where nothing listens,
//! and where nothing answers.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::time::Duration;

use cache_core::{Cache, ErrorKind};
use cache_redis::{RedisCache, RedisOptions};
use conformance_tests::faults::extremes::{DURATIONS, NUMBERS, call_each};
use conformance_tests::faults::{in_time, record};

/// Sets one thing, and says whether a call then waits as long as it is given.
type Set = Box<dyn FnOnce(RedisOptions) -> RedisOptions + Send>;

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

#[test]
fn no_extreme_breaks_a_call() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap().to_string();
    // Nothing listens on port 1, and nothing answers on the other.
    for address in ["127.0.0.1:1", &*silent] {
        for (what, set) in settings() {
            let url = format!("redis://{address}");
            let what =
                format!("{what} at {}", if address == silent { "a silent server" } else { "no server" });
            let told = what.clone();
            let waits = address == silent
                && DURATIONS.iter().any(|time| {
                    *time > Duration::from_secs(1) && what.starts_with(&format!("operation_timeout {time:?}"))
                });
            in_time(&what, move || {
                let short = RedisCache::builder(&*url).operation_timeout(Duration::from_millis(30));
                let cannot_be =
                    ["operation_timeout 0ns", "connect_timeout 0ns", "max_connections 0 ", "database 4294"];
                match set(short).build() {
                    Err(e) => {
                        assert_eq!(e.kind(), ErrorKind::InvalidCacheBackend, "{told}: {e}");
                        assert!(cannot_be.iter().any(|refused| told.starts_with(refused)), "{told}: {e}");
                    }
                    // It would wait for a day.
                    Ok(_) if waits => {}
                    Ok(backend) => {
                        let e = call_each(&Cache::new(backend)).unwrap_err();
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
