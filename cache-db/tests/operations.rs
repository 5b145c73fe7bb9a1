//! The operations as one caller sees them, with a clock that the test moves.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use cache_core::{BaseCache, Bytes, Clock, CodecId, ErrorKind, Expiry, Payload, Timeout};
use cache_db::DatabaseCache;
use common::{build, cache, look, place, rows_and_count};
use conformance_tests::faults::in_own_process;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn every_kind_of_payload_comes_back_as_it_was() {
    let (_dir, path) = place();
    let cache = cache(&path);
    let backend = cache.backend();
    let payloads = [
        Payload::Int(i64::MIN),
        Payload::Int(i64::MAX),
        Payload::Text(Bytes::from_static("清 \0".as_bytes())),
        Payload::Bytes(Bytes::from_static(b"\xff\0")),
        Payload::Bytes(Bytes::new()),
        Payload::Bytes(Bytes::from(vec![7; 1 << 20])),
        Payload::Encoded(CodecId(255), Bytes::from_static(b"x")),
    ];
    for (i, payload) in payloads.iter().enumerate() {
        let key = cache.make_and_validate_key(&i.to_string()).unwrap();
        backend.set(key.as_key(), payload.clone(), Expiry::Never).unwrap();
        assert_eq!(backend.get(key.as_key()).unwrap().as_ref(), Some(payload));
    }
    backend.close().unwrap();
    assert_eq!(cache.get::<i64>("0").unwrap(), Some(i64::MIN));
}

#[test]
fn keys_are_compared_byte_by_byte() {
    let (_dir, path) = place();
    let cache = cache(&path);
    let keys = ["k", "K", "k ", "k\0", "k\0\0", "", "é", "e\u{301}", "1", "1.0", "01", "'", "\"", "%", "_"];
    for (i, key) in keys.iter().enumerate() {
        cache.set(key, &i, Timeout::Never).unwrap();
    }
    for (i, key) in keys.iter().enumerate() {
        assert_eq!(cache.get(key).unwrap(), Some(i), "{key:?}");
    }
    assert_eq!(rows_and_count(&path, "cache"), (15, 15));
    let long = "x".repeat(100_000);
    cache.set(&long, "far", Timeout::Never).unwrap();
    assert_eq!(cache.get::<String>(&long).unwrap().as_deref(), Some("far"));
    assert!(cache.delete(&long).unwrap());
}

#[test]
fn an_expired_entry_is_absent_to_everything() {
    let (_dir, path) = place();
    let (clock, hands) = Clock::manual();
    let cache = build(DatabaseCache::builder(&path).clock(clock));
    let expired = |key: &str| {
        cache.set(key, &1, SECOND).unwrap();
        hands.advance(SECOND - Duration::from_millis(1));
        assert_eq!(cache.get::<i64>(key).unwrap(), Some(1), "never early");
        hands.advance(Duration::from_millis(3));
    };
    expired("get");
    assert_eq!(cache.get::<i64>("get").unwrap(), None);
    assert!(!cache.has_key("get").unwrap());
    assert!(cache.get_many::<i64, _>(["get"]).unwrap().is_empty());
    expired("touch");
    assert!(!cache.touch("touch", Timeout::Never).unwrap());
    assert_eq!(cache.get::<i64>("touch").unwrap(), None, "revived");
    expired("delete");
    assert!(!cache.delete("delete").unwrap());
    expired("incr");
    assert_eq!(cache.incr("incr").unwrap_err().kind(), ErrorKind::KeyNotFound);
    expired("version");
    assert_eq!(cache.incr_version("version").unwrap_err().kind(), ErrorKind::KeyNotFound);
    expired("add");
    assert!(cache.add("add", &2, SECOND).unwrap());
    assert!(!cache.add("add", &3, SECOND).unwrap());
    assert_eq!(cache.get::<i64>("add").unwrap(), Some(2));
    expired("set");
    cache.set("set", &2, SECOND).unwrap();
    assert_eq!(cache.get::<i64>("set").unwrap(), Some(2));
    // The expired rows that were deleted, and no others, are gone from the table.
    assert_eq!(rows_and_count(&path, "cache"), (6, 6));
    assert_eq!(cache.backend().entries().unwrap(), Some(6));
}

#[test]
fn touch_and_incr_keep_what_they_should() {
    let (_dir, path) = place();
    let (clock, hands) = Clock::manual();
    let cache = build(DatabaseCache::builder(&path).clock(clock));
    cache.set("n", &5, SECOND * 10).unwrap();
    hands.advance(SECOND * 9);
    assert_eq!(cache.incr("n").unwrap(), 6);
    assert_eq!(cache.decr_by("n", 10).unwrap(), -4);
    assert!(cache.touch("n", SECOND * 5).unwrap());
    hands.advance(SECOND * 4);
    assert_eq!(cache.incr("n").unwrap(), -3, "the touch did not hold");
    hands.advance(SECOND * 2);
    assert_eq!(cache.get::<i64>("n").unwrap(), None, "incr made it live longer");
}

#[test]
fn counting_ends_at_the_last_number() {
    let (_dir, path) = place();
    let cache = cache(&path);
    for (start, delta) in [(i64::MAX, 1), (i64::MAX - 5, 6), (0, i64::MIN), (i64::MIN, -1), (-1, i64::MIN)] {
        cache.set("n", &start, Timeout::Never).unwrap();
        if start == 0 {
            assert_eq!(cache.incr_by("n", delta).unwrap(), i64::MIN);
            continue;
        }
        assert_eq!(cache.incr_by("n", delta).unwrap_err().kind(), ErrorKind::Overflow, "{start} + {delta}");
        assert_eq!(cache.get::<i64>("n").unwrap(), Some(start));
    }
    cache.set("n", &i64::MAX, Timeout::Never).unwrap();
    assert_eq!(cache.incr_by("n", i64::MIN).unwrap(), -1);
    for other in ["7", "x"] {
        cache.set("s", other, Timeout::Never).unwrap();
        assert_eq!(cache.incr("s").unwrap_err().kind(), ErrorKind::NotAnInteger);
    }
    assert_eq!(cache.incr("absent").unwrap_err().kind(), ErrorKind::KeyNotFound);
}

#[test]
fn incr_version_moves_value_and_lifetime() {
    let (_dir, path) = place();
    let (clock, hands) = Clock::manual();
    let cache = build(DatabaseCache::builder(&path).clock(clock));
    cache.set("k", "v", SECOND * 10).unwrap();
    cache.with_version(2).set("k", "older", Timeout::Never).unwrap();
    hands.advance(SECOND * 9);
    assert_eq!(cache.incr_version("k").unwrap(), 2);
    assert_eq!(cache.get::<String>("k").unwrap(), None);
    assert_eq!(cache.with_version(2).get::<String>("k").unwrap().as_deref(), Some("v"));
    assert_eq!(rows_and_count(&path, "cache"), (1, 1));
    hands.advance(SECOND * 2);
    assert_eq!(cache.with_version(2).get::<String>("k").unwrap(), None);
}

#[test]
fn a_value_too_large_leaves_nothing_behind() {
    let (_dir, path) = place();
    let cache = cache(&path);
    let long = Bytes::from(vec![0; 1_000_000_001]);
    cache.set("k", &1, Timeout::Never).unwrap();
    let e = cache.set_bytes("k", long.clone(), Timeout::Never).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::ValueTooLarge);
    assert!(!cache.has_key("k").unwrap());
    cache.set("b", &1, Timeout::Never).unwrap();
    let keys = ["a", "b", "c"].map(|key| cache.make_and_validate_key(key).unwrap());
    let small = Payload::Int(1);
    let entries = [
        (keys[0].as_key(), small.clone()),
        (keys[1].as_key(), Payload::Bytes(long)),
        (keys[2].as_key(), small),
    ];
    assert_eq!(cache.backend().set_many(&entries, Expiry::Never).unwrap(), [1]);
    assert_eq!(cache.get_many::<i64, _>(["a", "b", "c"]).unwrap(), [("a", 1), ("c", 1)]);
}

#[test]
fn hundreds_of_thousands_of_keys_at_once() {
    let (_dir, path) = place();
    let cache = cache(&path);
    let keys: Vec<String> = (0..300_000).map(|i| format!("key{i}")).collect();
    let entries = keys.iter().enumerate().step_by(100).map(|(i, key)| (key, i));
    assert!(cache.set_many(entries, Timeout::Never).unwrap().is_empty());
    let found = cache.get_many::<usize, _>(&keys).unwrap();
    assert_eq!(found.len(), 3_000);
    assert!(found.iter().all(|(key, i)| *key == &keys[*i]));
    cache.delete_many(&keys).unwrap();
    assert_eq!(rows_and_count(&path, "cache"), (0, 0));
}

#[test]
fn clear_and_close() {
    let (_dir, path) = place();
    let (a, b) = (cache(&path), build(DatabaseCache::builder(&path).table("b")));
    for cache in [&a, &b] {
        cache.set_many((0..100).map(|i| (i.to_string(), i)), Timeout::Never).unwrap();
    }
    a.clear().unwrap();
    assert_eq!((rows_and_count(&path, "cache"), rows_and_count(&path, "b")), ((0, 0), (100, 100)));
    for _ in 0..3 {
        b.close().unwrap();
    }
    assert_eq!(b.get::<i64>("7").unwrap(), Some(7));
}

#[test]
fn a_row_that_makes_no_sense_is_a_miss() {
    let (_dir, path) = place();
    let cache = cache(&path);
    let conn = look(&path);
    cache.set("k", &1, Timeout::Never).unwrap();
    let refused = conn.execute("UPDATE cache SET kind = 2", []);
    assert!(refused.is_err(), "the table's own check lets a foreign writer do anything");
    conn.execute_batch("PRAGMA ignore_check_constraints = ON").unwrap();
    for change in [
        "kind = 2",
        "kind = 9, value = x'00'",
        "kind = 0, value = 'x'",
        "kind = 1, value = x'ff'",
        "kind = 3, codec = 256",
    ] {
        cache.set("k", &1, Timeout::Never).unwrap();
        assert_eq!(conn.execute(&format!("UPDATE cache SET {change}"), []).unwrap(), 1);
        assert_eq!(cache.get::<i64>("k").unwrap(), None, "{change}");
    }
}

#[test]
fn the_file_is_closed_with_the_cache() {
    in_own_process("the_file_is_closed_with_the_cache", closes_the_file);
}

fn closes_the_file() {
    let (_dir, path) = place();
    let open = || {
        let links = std::fs::read_dir("/proc/self/fd").unwrap();
        links
            .filter(|fd| {
                std::fs::read_link(fd.as_ref().unwrap().path()).is_ok_and(|to| to.starts_with(_dir.path()))
            })
            .count()
    };
    let cache = cache(&path);
    cache.set("k", &1, Timeout::Never).unwrap();
    assert!(open() >= 2, "the test sees no open file");
    cache.close().unwrap();
    assert_eq!(open(), 0);
    cache.set("k", &1, Timeout::Never).unwrap();
    drop(cache);
    assert_eq!(open(), 0);
    assert!(!path.with_file_name("cache.db-wal").exists(), "the last handle writes the WAL back");
}
