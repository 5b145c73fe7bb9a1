//! Hostile keys, values that are too large, clocks that are wrong, what `clear` leaves alone, and what
//! nobody may read in a log. The rows are those of the project's table of faults.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use cache_core::{AsyncCache, BaseCache, Cache, Clock, Error, ErrorKind, KeyPolicy, Timeout};
use common::{MINUTE, behind_proxy, cache, call_async, options, raw, runtime, server};
use conformance_tests::faults::{Log, record, until_ok};
use conformance_tests::proxy::Fault;

#[test]
fn hostile_keys_send_nothing() {
    let Some((_server, proxy, cache)) = behind_proxy() else { return };
    // Keys that a cache over another backend has let through are refused here too.
    let lax = Cache::builder(cache_locmem::LocMemCache::builder().build().unwrap());
    let lax = lax.key_policy(KeyPolicy::Allow).key_function(|key, _, _| Ok(key.to_owned())).build().unwrap();
    let mut keys: Vec<String> = (0..=0x20_u8).chain([0x7f]).map(|b| format!("a{}b", char::from(b))).collect();
    keys.extend(["k".repeat(251), "a\r\nflush_all\r\n".into(), "a b".into(), "\n".into(), String::new()]);
    let (connections, before) = (proxy.accepted(), proxy.sent());
    let runtime = runtime();
    for (backend, is_async) in [("memcached", false), ("memcached async", true)] {
        let mut taken = Vec::new();
        for key in &keys {
            let made = lax.make_and_validate_key(key).unwrap();
            let direct = if is_async {
                runtime.block_on(AsyncCache::get(&**cache.backend(), made.as_key()))
            } else {
                BaseCache::get(&**cache.backend(), made.as_key())
            };
            let e = direct.unwrap_err();
            assert_eq!((e.kind(), e.key()), (ErrorKind::InvalidCacheKey, Some(key.as_str())));
            if key.is_empty() {
                continue;
            }
            let calls: [Result<(), Error>; 11] = if is_async {
                runtime.block_on(async {
                    [
                        cache.aget::<i64>(key).await.map(drop),
                        cache.aset(key, &1, MINUTE).await,
                        cache.aadd(key, &1, MINUTE).await.map(drop),
                        cache.atouch(key, MINUTE).await.map(drop),
                        cache.adelete(key).await.map(drop),
                        cache.ahas_key(key).await.map(drop),
                        cache.aincr(key).await.map(drop),
                        cache.aincr_version(key).await.map(drop),
                        cache.aget_many::<i64, _>(["good", key]).await.map(drop),
                        cache.aset_many([("good", 1), (key, 1)], MINUTE).await.map(drop),
                        cache.adelete_many(["good", key]).await,
                    ]
                })
            } else {
                [
                    cache.get::<i64>(key).map(drop),
                    cache.set(key, &1, MINUTE),
                    cache.add(key, &1, MINUTE).map(drop),
                    cache.touch(key, MINUTE).map(drop),
                    cache.delete(key).map(drop),
                    cache.has_key(key).map(drop),
                    cache.incr(key).map(drop),
                    cache.incr_version(key).map(drop),
                    cache.get_many::<i64, _>(["good", key]).map(drop),
                    cache.set_many([("good", 1), (key, 1)], MINUTE).map(drop),
                    cache.delete_many(["good", key]),
                ]
            };
            let refused = |call: &Result<(), Error>| {
                call.as_ref().is_err_and(|e| e.kind() == ErrorKind::InvalidCacheKey)
            };
            taken.extend(calls.iter().filter(|call| !refused(call)).map(|_| key));
        }
        let sent = proxy.sent() - before;
        let failures = taken.len() as u64 + u64::from(sent > 0);
        record(18, backend, keys.len() as u64 * 11, failures, &format!("{sent} bytes sent"));
        assert!(taken.is_empty(), "{backend} took {taken:?}");
        assert_eq!((proxy.accepted(), sent), (connections, 0), "{backend}: something was sent");
    }
    assert_eq!(cache.get::<i64>("warm").unwrap(), Some(1));
}

/// How many connections a server has had.
fn connections(server: SocketAddr) -> u32 {
    let stats = raw(server, b"stats\r\n", "END\r\n");
    stats.split("STAT total_connections ").nth(1).unwrap().lines().next().unwrap().parse().unwrap()
}

#[test]
fn a_value_beyond_an_item_is_refused_and_nothing_is_left_under_its_key() {
    let Some(server) = server() else { return };
    let cache = cache(server.address());
    let runtime = runtime();
    let large = vec![0_u8; (1 << 20) + 1];
    let text = "x".repeat(large.len());
    for (backend, is_async) in [("memcached", false), ("memcached async", true)] {
        let set = || {
            if is_async {
                runtime.block_on(cache.aset_bytes("k", large.clone(), MINUTE))
            } else {
                cache.set_bytes("k", large.clone(), MINUTE)
            }
        };
        let add = || {
            if is_async {
                runtime.block_on(cache.aadd("k", &text, MINUTE)).map(drop)
            } else {
                cache.add("k", &text, MINUTE).map(drop)
            }
        };
        // Opens the connections that the calls need.
        let (_, _) = (set(), add());
        runtime.block_on(cache.ahas_key("k")).unwrap();
        let before = connections(server.address());
        let mut wrong = 0;
        for old in [true, false] {
            if old {
                cache.set("k", "old", MINUTE).unwrap();
            }
            let e = if old { set() } else { add() }.unwrap_err();
            wrong += u64::from((e.kind(), e.key()) != (ErrorKind::ValueTooLarge, Some(":1:k")));
            wrong += u64::from(cache.has_key("k").unwrap() || runtime.block_on(cache.ahas_key("k")).unwrap());
        }
        let opened = connections(server.address()) - before;
        // This second look at the statistics is one of them.
        wrong += u64::from(opened != 1);
        record(19, backend, 2, wrong, "ValueTooLarge, key absent, no connection closed");
        assert_eq!((wrong, opened), (0, 1), "{backend}");
    }
}

/// The seconds that the server says an entry has left; -1 if it never expires.
fn seconds(server: SocketAddr, key: &str) -> i64 {
    let answer = raw(server, format!("mg {key} t\r\n").as_bytes(), "\r\n");
    answer.trim_end().strip_prefix("HD t").unwrap().parse().unwrap()
}

/// A clock that jumps: this machine's clock is another than the server's.
#[test]
fn a_clock_that_steps_changes_lifetimes_by_no_more_than_its_step() {
    const HOUR: i64 = 3_600;
    const DAY: i64 = 86_400;
    /// What rounding up and ticks make of it.
    const SLACK: i64 = 12;
    let Some(server) = server() else { return };
    let runtime = runtime();
    for (backend, is_async) in [("memcached", false), ("memcached async", true)] {
        let (mut tried, mut wrong, mut furthest) = (0, Vec::new(), 0);
        for step in [HOUR, -HOUR] {
            let (clock, hands) = Clock::manual();
            let cache = Cache::new(options(server.address()).clock(clock).build().unwrap());
            hands.step_wall_ms(step * 1_000);
            let count = |delta| {
                if is_async {
                    runtime.block_on(cache.aincr_by("n", delta))
                } else {
                    cache.incr_by("n", delta)
                }
            };
            for lifetime in [60, 29 * DAY, 31 * DAY, 400 * DAY] {
                let mut look = |what: &str, key: &str| {
                    let off = seconds(server.address(), key) - lifetime;
                    tried += 1;
                    furthest = furthest.max(off.abs());
                    // Only a date can be off by the step.
                    let most = if lifetime > 30 * DAY { step.abs() } else { 0 };
                    if off.abs() > most + SLACK {
                        wrong.push(format!("{what}: {lifetime} s became {off} s longer"));
                    }
                };
                let timeout = Timeout::After(Duration::from_secs(lifetime.unsigned_abs()));
                if is_async {
                    runtime.block_on(cache.aset("n", &0, timeout)).unwrap();
                } else {
                    cache.set("n", &0, timeout).unwrap();
                }
                look("set", ":1:n");
                // Below zero and back: the entry is rewritten each time.
                for _ in 0..10 {
                    assert_eq!((count(-1).unwrap(), count(1).unwrap()), (-1, 0));
                }
                look("incr", ":1:n");
                for version in 1..=5 {
                    let cache = cache.with_version(version);
                    if is_async {
                        runtime.block_on(cache.aincr_version("n")).unwrap();
                    } else {
                        cache.incr_version("n").unwrap();
                    }
                }
                look("incr_version", ":6:n");
            }
        }
        let figure = format!("lifetimes off by {furthest} s at most, with a step of {HOUR} s");
        record(22, backend, tried, wrong.len() as u64, &figure);
        assert!(wrong.is_empty(), "{backend}: {wrong:#?}");
    }
}

#[test]
fn clear_empties_the_servers_of_its_cache_and_no_other() {
    let (Some(mine), Some(other)) = (server(), server()) else { return };
    let runtime = runtime();
    let neighbour = cache(other.address());
    for (backend, is_async) in [("memcached", false), ("memcached async", true)] {
        let cache = cache(mine.address());
        for n in 0..100 {
            cache.set(&format!("k{n}"), &n, MINUTE).unwrap();
            neighbour.set(&format!("k{n}"), &n, MINUTE).unwrap();
        }
        if is_async { runtime.block_on(cache.aclear()) } else { cache.clear() }.unwrap();
        let keys: Vec<String> = (0..100).map(|n| format!("k{n}")).collect();
        let lost = 100 - neighbour.get_many::<i64, _>(&keys).unwrap().len();
        record(25, backend, 100, lost as u64, &format!("{lost} entries of another server lost"));
        assert_eq!(cache.get_many::<i64, _>(&keys).unwrap().len(), 0);
        assert_eq!(lost, 0, "{backend}");
    }
}

/// Nothing secret is shown: memcached has no passwords here, but it has values.
#[test]
fn nothing_shows_a_value() {
    const VALUE: &str = "a very private value";
    let log = Log::everything();
    let Some((_server, proxy, cache)) = behind_proxy() else { return };
    let runtime = runtime();
    let mut shown = format!("{cache:?} {:?} {:?}", cache.backend(), options(proxy.address()));
    let mut note = |outcome: Result<(), Error>| {
        if let Err(e) = outcome {
            shown += &format!("{e} {e:?}");
            let mut source = std::error::Error::source(&e);
            while let Some(e) = source {
                shown += &format!("{e} {e:?}");
                source = e.source();
            }
        }
    };
    let large = VALUE.repeat((1 << 20) / VALUE.len() + 1);
    let faults =
        [Fault::CutReply(3), Fault::CutReply(20), Fault::CutRequest(20), Fault::Blackhole, Fault::Refuse];
    for fault in [Fault::None].into_iter().chain(faults) {
        proxy.set(Fault::None);
        // It may take a call to find a connection that was closed.
        until_ok(|| cache.set("k", VALUE, MINUTE));
        proxy.set(fault);
        note(cache.get::<i64>("k").map(drop));
        note(cache.set("k", VALUE, MINUTE));
        note(cache.add("k2", VALUE, MINUTE).map(drop));
        note(cache.incr("k").map(drop));
        note(cache.set_many([("k", VALUE), ("l", VALUE)], MINUTE).map(drop));
        note(cache.get_many::<i64, _>(["k", "l"]).map(drop));
        note(cache.set("large", &large, MINUTE));
        runtime.block_on(async {
            note(cache.aget::<i64>("k").await.map(drop));
            note(cache.aset("k", VALUE, MINUTE).await);
            note(cache.aadd("k2", VALUE, MINUTE).await.map(drop));
            note(cache.aincr("k").await.map(drop));
            note(cache.aset_many([("k", VALUE), ("l", VALUE)], MINUTE).await.map(drop));
            note(cache.aget_many::<i64, _>(["k", "l"]).await.map(drop));
            note(cache.aset("large", &large, MINUTE).await);
            note(call_async(&cache, "incr_version").await);
        });
    }
    assert!(shown.contains("1 MiB") && shown.contains("did not answer in time"), "{shown}");
    shown += &log.text();
    let found = shown.matches(VALUE).count() as u64;
    record(
        30,
        "memcached",
        shown.len() as u64,
        found,
        &format!("{found} values in {} bytes shown", shown.len()),
    );
    assert_eq!(found, 0, "{:?}", shown.find(VALUE).map(|at| &shown[at.saturating_sub(200)..at]));
}
