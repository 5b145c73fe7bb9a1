//! What is on the server, looked at beside the cache.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::collections::HashSet;
use std::time::Duration;

use cache_core::{BaseCache, Cache, ErrorKind, Expiry, Payload, Timeout};
use cache_memcached::MemcachedCache;
use common::{MINUTE, cache, options, raw, server};
use conformance_tests::servers::{Server, or_skip};

#[test]
fn a_python_client_finds_what_it_expects() {
    let Some(server) = server() else { return };
    let (cache, at) = (cache(server.address()), server.address());
    cache.set("n", &-5, Timeout::Never).unwrap();
    cache.set("t", "té\r\nEND\r\n", Timeout::Never).unwrap();
    cache.set_bytes("b", &b"\xff\0\r\n"[..], Timeout::Never).unwrap();
    cache.set("list", &[1, 2], Timeout::Never).unwrap();
    assert_eq!(raw(at, b"get :1:n\r\n", "END\r\n"), "VALUE :1:n 2 2\r\n-5\r\nEND\r\n");
    assert!(raw(at, b"get :1:t\r\n", "\nEND\r\n").starts_with("VALUE :1:t 16 10\r\nt\u{e9}\r\n"));
    assert!(raw(at, b"get :1:b\r\n", "\nEND\r\n").starts_with("VALUE :1:b 0 4\r\n"));
    // MessagePack, number 1: a bit that pymemcache does not know.
    assert!(raw(at, b"get :1:list\r\n", "\nEND\r\n").starts_with("VALUE :1:list 256 3\r\n"));
}

#[test]
fn what_a_python_client_stored_is_found() {
    let Some(server) = server() else { return };
    let (cache, at) = (cache(server.address()), server.address());
    for (line, data) in [
        ("set :1:n 2 0 2", "9 "),
        ("set :1:long 4 0 2", "77"),
        ("set :1:t 16 0 5", "hello"),
        ("set :1:b 0 0 2", "\0x"),
        ("set :1:text42 16 0 2", "42"),
        ("set :1:damaged 2 0 3", "4x2"),
        ("set :1:big 2 0 20", "18446744073709551615"),
    ] {
        raw(at, format!("{line}\r\n{data}\r\n").as_bytes(), "STORED\r\n");
    }
    assert_eq!(cache.get::<i64>("n").unwrap(), Some(9));
    assert_eq!(cache.incr_by("n", 2).unwrap(), 11);
    assert_eq!(cache.get::<i64>("long").unwrap(), Some(77));
    assert_eq!(cache.incr_by("long", -80).unwrap(), -3);
    assert_eq!(cache.get::<i64>("long").unwrap(), Some(-3));
    assert_eq!(cache.get::<String>("t").unwrap().as_deref(), Some("hello"));
    assert_eq!(cache.get_bytes("b").unwrap().as_deref(), Some(&b"\0x"[..]));
    assert_eq!(cache.incr("text42").unwrap_err().kind(), ErrorKind::NotAnInteger);
    assert_eq!(cache.get::<String>("text42").unwrap().as_deref(), Some("42"));
    assert_eq!(cache.get::<i64>("damaged").unwrap(), None);
    assert_eq!(cache.get::<u64>("big").unwrap(), Some(u64::MAX));
    assert_eq!(cache.incr("big").unwrap_err().kind(), ErrorKind::NotAnInteger);
}

/// Python's integers have no end.
#[test]
fn an_integer_beyond_64_bits_is_read_or_says_how() {
    let Some(server) = server() else { return };
    let options = options(server.address()).operation_timeout(MINUTE).connect_timeout(MINUTE);
    let (cache, runtime) = (Cache::new(options.build().unwrap()), common::runtime());
    for n in [i128::from(u64::MAX), i128::from(i64::MIN) - 1, 12_345_678_901_234_567_890_123] {
        // As pymemcache stores an integer, and as others store a long one.
        for flags in [2, 4] {
            let digits = n.to_string();
            let line = format!("set :1:n {flags} 0 {}\r\n{digits}\r\n", digits.len());
            raw(server.address(), line.as_bytes(), "STORED\r\n");
            assert_eq!(cache.get::<i128>("n").unwrap(), Some(n));
            assert_eq!(runtime.block_on(cache.aget::<i128>("n")).unwrap(), Some(n));
            assert_eq!(runtime.block_on(cache.aget_many::<i128, _>(["n"])).unwrap(), [("n", n)]);
            for error in [
                cache.get::<i64>("n").unwrap_err(),
                runtime.block_on(cache.aget::<i64>("n")).unwrap_err(),
                cache.get_many::<String, _>(["n"]).unwrap_err(),
            ] {
                assert_eq!((error.kind(), error.key()), (ErrorKind::Decode, Some(":1:n")));
                let text = error.to_string();
                assert!(text.contains("i128") && text.contains("`cachectl decode`"), "{text}");
                assert!(!text.contains(&digits), "it shows the value: {text}");
            }
        }
    }
}

#[test]
fn inflated_values_are_bounded() {
    let Some(server) = server() else { return };
    let at = server.address();
    for (key, bytes) in [("small", 1_000), ("bomb", 2_000_000)] {
        let packed = miniz_oxide::deflate::compress_to_vec_zlib(&vec![b'x'; bytes], 9);
        let mut line = format!("set :1:{key} 24 0 {}\r\n", packed.len()).into_bytes();
        line.extend_from_slice(&packed);
        line.extend_from_slice(b"\r\n");
        raw(at, &line, "STORED\r\n");
    }
    let cache = Cache::new(options(at).max_inflated(1_000_000).build().unwrap());
    assert_eq!(cache.get::<String>("small").unwrap(), Some("x".repeat(1_000)));
    assert_eq!(cache.get::<String>("bomb").unwrap(), None);
    let patient = common::cache(at);
    assert_eq!(patient.get::<String>("bomb").unwrap().map(|text| text.len()), Some(2_000_000));
}

/// The seconds that the server says an entry has left; -1 if it never expires.
fn seconds(server: &Server, key: &str) -> i64 {
    let answer = raw(server.address(), format!("mg {key} t\r\n").as_bytes(), "\r\n");
    answer.trim_end().strip_prefix("HD t").unwrap().parse().unwrap()
}

#[test]
fn lifetimes_as_the_server_counts_them() {
    let Some(server) = server() else { return };
    let cache = cache(server.address());
    let month = 30 * 86_400;
    let near = |key: &str, expected: i64| {
        let left = seconds(&server, &format!(":1:{key}"));
        // A month or more is told as a date. The server's own is that of its start and the whole seconds that it
        // has counted since: up to two seconds behind.
        let late = if expected < month { 0 } else { 2 };
        let range = expected - 2..=expected + late;
        assert!(range.contains(&left), "{key}: {left} s, and not {expected}");
    };
    for (key, timeout, expected) in [
        ("short", Duration::from_millis(300), 2),
        ("minute", MINUTE, 61),
        ("month", Duration::from_secs(month as u64), month + 2),
        ("year", Duration::from_secs(365 * 86_400), 365 * 86_400 + 2),
    ] {
        cache.set(key, &1, timeout).unwrap();
        near(key, expected);
        assert!(cache.add(&format!("added {key}").replace(' ', "-"), &1, timeout).unwrap());
        cache.set("touched", &1, Timeout::Never).unwrap();
        assert!(cache.touch("touched", timeout).unwrap());
        near("touched", expected);
    }
    for timeout in
        [Timeout::Never, Timeout::After(Duration::from_secs(1 << 33)), Timeout::After(Duration::MAX)]
    {
        cache.set("never", &1, timeout).unwrap();
        assert_eq!(seconds(&server, ":1:never"), -1, "{timeout:?}");
    }
    assert_eq!(cache.get::<i64>("never").unwrap(), Some(1));
}

#[test]
fn counting_and_moving_keep_the_lifetime() {
    let Some(server) = server() else { return };
    let cache = cache(server.address());
    for timeout in [Timeout::Never, Timeout::from_secs(100), Timeout::from_secs(40 * 86_400)] {
        cache.set("n", &1, timeout).unwrap();
        let before = seconds(&server, ":1:n");
        // Up, below zero, there, and back: both ways of counting.
        for (delta, sum) in [(4, 5), (-7, -2), (-1, -3), (10, 7), (-7, 0)] {
            assert_eq!(cache.incr_by("n", delta).unwrap(), sum);
            let after = seconds(&server, ":1:n");
            // A date, which is what more than a month is, may come out a second or two later.
            let later = if before > 30 * 86_400 { 10 } else { 2 };
            assert!((before - 3..=before + later).contains(&after), "{timeout:?}: {before} s, then {after}");
            assert_eq!(before < 0, after < 0);
        }
        let before = seconds(&server, ":1:n");
        assert_eq!(cache.incr_version("n").unwrap(), 2);
        let after = seconds(&server, ":2:n");
        assert!(
            (before - 2..=before + 3).contains(&after),
            "{timeout:?}: moved with {before} s, now {after}"
        );
        cache.clear().unwrap();
    }
}

#[test]
fn a_moved_value_never_lives_shorter_on_another_server() {
    let servers: Option<Vec<Server>> = (0..3).map(|_| server()).collect();
    let Some(servers) = servers else { return };
    let names: Vec<String> = servers.iter().map(|server| server.address().to_string()).collect();
    let cache = Cache::new(MemcachedCache::new(names).unwrap());
    let left = |key: &str| {
        let ask = |server: &Server| raw(server.address(), format!("mg {key} t f v\r\n").as_bytes(), "\r\n");
        let found: Vec<String> = servers.iter().map(ask).filter(|answer| !answer.starts_with("EN")).collect();
        assert!(found.len() <= 1, "{key} is on {} servers", found.len());
        found.first().map(|answer| {
            let word = answer.split_whitespace().find(|word| word.starts_with('t')).unwrap();
            word[1..].parse::<i64>().unwrap()
        })
    };
    let mut moved_on = 0;
    for n in 0..30 {
        let key = format!("k{n}");
        cache.set(&key, "value", Duration::from_secs(50)).unwrap();
        let before = left(&format!(":1:{key}")).unwrap();
        assert_eq!(cache.incr_version(&key).unwrap(), 2);
        let after = left(&format!(":2:{key}")).unwrap();
        // The clock may have ticked in between, once at most on a machine that is not stuck.
        assert!((before - 1..=before + 2).contains(&after), "{before} s, then {after}");
        moved_on += i32::from(after > before);
        assert_eq!(left(&format!(":1:{key}")), None);
        assert_eq!(cache.with_version(2).get::<String>(&key).unwrap().as_deref(), Some("value"));
    }
    assert!(moved_on > 0, "no key went to another server");
}

#[test]
fn every_list_order_finds_every_key() {
    let servers: Option<Vec<Server>> = (0..3).map(|_| server()).collect();
    let Some(servers) = servers else { return };
    let names: Vec<String> = servers.iter().map(|server| server.address().to_string()).collect();
    let cache = Cache::new(MemcachedCache::new(names.clone()).unwrap());
    let keys: Vec<String> = (0..600).map(|n| format!("k{n}")).collect();
    assert!(cache.set_many(keys.iter().map(|key| (key, "v")), MINUTE).unwrap().is_empty());
    for server in &servers {
        let stats = raw(server.address(), b"stats\r\n", "END\r\n");
        let items = stats.split("STAT curr_items ").nth(1).unwrap().lines().next().unwrap();
        assert!((100..400).contains(&items.parse::<u32>().unwrap()), "{items} of 600 keys on one of three");
    }
    let backwards = names.iter().rev().map(String::as_str).collect::<Vec<_>>().join(";");
    let other = Cache::new(MemcachedCache::new(backwards).unwrap());
    assert_eq!(other.get_many::<String, _>(&keys).unwrap().len(), 600);
    other.delete_many(&keys[..300]).unwrap();
    assert_eq!(cache.get_many::<String, _>(&keys).unwrap().len(), 300);
    cache.clear().unwrap();
    assert_eq!(other.get_many::<String, _>(&keys).unwrap().len(), 0);
}

#[test]
fn beyond_an_item() {
    let Some(server) = server() else { return };
    let cache = cache(server.address());
    let stats = || raw(server.address(), b"stats\r\n", "END\r\n");
    let total =
        || stats().split("STAT total_connections ").nth(1).unwrap().lines().next().unwrap().parse::<u32>();
    cache.set("k", "old", MINUTE).unwrap();
    let before = total().unwrap();
    let large = vec![0_u8; (1 << 20) + 1];
    let e = cache.set_bytes("k", large.clone(), MINUTE).unwrap_err();
    assert_eq!((e.kind(), e.key()), (ErrorKind::ValueTooLarge, Some(":1:k")));
    assert!(!cache.has_key("k").unwrap());
    cache.set("k", "old", MINUTE).unwrap();
    let keys = ["k", "l", "m"].map(|key| cache.make_and_validate_key(key).unwrap());
    let entries = [
        (keys[1].as_key(), Payload::Int(1)),
        (keys[0].as_key(), Payload::Bytes(large.into())),
        (keys[2].as_key(), Payload::Int(3)),
    ];
    assert_eq!(cache.backend().set_many(&entries, Expiry::Never).unwrap(), [1]);
    assert_eq!(cache.get_many::<i64, _>(["k", "l", "m"]).unwrap(), [("l", 1), ("m", 3)]);
    // The cache keeps one connection, and each look at the statistics opens another.
    assert_eq!(total().unwrap(), before + 1, "a refused value costs no connection");
}

#[test]
fn a_server_without_numbers_cannot_count() {
    let Some(server) = or_skip(Server::memcached(&["-C"])) else { return };
    let cache = cache(server.address());
    cache.set("n", &1, MINUTE).unwrap();
    assert_eq!(cache.get::<i64>("n").unwrap(), Some(1));
    for e in [cache.incr("n").unwrap_err(), cache.incr_version("n").unwrap_err()] {
        assert_eq!(e.kind(), ErrorKind::Storage);
        assert!(e.to_string().contains("-C"), "{e}");
    }
    assert_eq!(cache.get::<i64>("n").unwrap(), Some(1));
}

#[test]
fn a_clear_that_is_forbidden_is_named() {
    let Some(server) = or_skip(Server::memcached(&["-F"])) else { return };
    let cache = cache(server.address());
    cache.set("n", &1, MINUTE).unwrap();
    let e = cache.clear().unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Rejected);
    assert_eq!(cache.get::<i64>("n").unwrap(), Some(1));
}

#[test]
fn keys_of_one_call_are_distinct_on_the_wire() {
    let Some(server) = server() else { return };
    let patient = options(server.address()).operation_timeout(Duration::from_secs(20));
    let cache = Cache::new(patient.build().unwrap());
    let keys: Vec<String> = (0..3_000).map(|n| format!("{n}-{}", "k".repeat(200))).collect();
    let long = "v".repeat(5_000);
    let entries = keys.iter().enumerate().map(|(n, key)| (key, format!("{n}{long}")));
    assert!(cache.set_many(entries, MINUTE).unwrap().is_empty());
    // Fifteen megabytes of replies to half a megabyte of requests: neither side may get stuck.
    let found = cache.get_many::<String, _>(&keys).unwrap();
    assert_eq!(found.len(), 3_000);
    let whole: HashSet<&str> = found.iter().map(|(_, value)| value.trim_end_matches('v')).collect();
    assert_eq!(whole.len(), 3_000);
    assert!(found.iter().all(|(key, value)| key.starts_with(&format!("{}-", value.trim_end_matches('v')))));
}
