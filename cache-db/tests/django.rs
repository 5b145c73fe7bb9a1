//! Rows as Django 5.2 writes and reads them.

#![cfg(feature = "django")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

mod common;

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cache_core::{BaseCache, Cache, Clock, ErrorKind, ManualClock, Timeout};
use cache_db::{DatabaseCache, Layout};
use cache_pickle::Value;
use common::{build, look, place};
use conformance_tests::faults::record;
use rusqlite::Connection;

const SECOND: Duration = Duration::from_secs(1);

/// 2023-11-14 22:13:20.250, the clock of the vectors.
const VECTORS_MS: i64 = 1_700_000_000_250;

/// What no [`Value`] holds.
const UNREADABLE: [&str; 3] = ["str_surrogate", "recursive_list", "recursive_dict"];

fn cache(path: &Path) -> Cache<DatabaseCache> {
    build(DatabaseCache::builder(path).layout(Layout::Django).unlimited())
}

/// A cache whose clock stands at `ms`.
fn cache_at(path: &Path, ms: i64) -> (Cache<DatabaseCache>, ManualClock) {
    let (clock, hands) = Clock::manual();
    hands.step_wall_ms(ms - clock.wall_ms());
    (build(DatabaseCache::builder(path).layout(Layout::Django).unlimited().clock(clock)), hands)
}

/// Writes a row as Django does.
fn write(conn: &Connection, key: &str, value: &str, expires: &str) {
    let sql = "INSERT OR REPLACE INTO cache (cache_key, value, expires) VALUES (?1, ?2, ?3)";
    conn.execute(sql, [&format!(":1:{key}"), value, expires]).unwrap();
}

/// The columns `value` and `expires` of a row.
fn row(conn: &Connection, key: &str) -> (String, String) {
    let sql = "SELECT value, expires FROM cache WHERE cache_key = ?1";
    conn.query_row(sql, [format!(":1:{key}")], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
}

fn vectors() -> Vec<(&'static str, &'static str)> {
    let lines = include_str!("data/django-values.txt").lines().skip(1);
    let vectors: Vec<_> = lines.map(|line| line.split_once('\t').unwrap()).collect();
    assert_eq!(vectors.len(), 101);
    vectors
}

const NEVER: &str = "9999-12-31 23:59:59";

#[test]
fn every_value_of_django_is_read() {
    let (_dir, path) = place();
    let cache = cache(&path);
    cache.backend().create_table(false).unwrap();
    let conn = look(&path);
    for (name, value) in vectors() {
        write(&conn, name, value, NEVER);
        let read = cache.get::<Value>(name);
        if UNREADABLE.contains(&name) {
            assert_eq!(read.unwrap_err().kind(), ErrorKind::Decode, "{name}");
            continue;
        }
        let expected = Value::read(&STANDARD.decode(value).unwrap()).unwrap();
        assert_eq!(format!("{:?}", read.unwrap()), format!("{:?}", Some(expected)), "{name}");
    }
    let names = vectors().into_iter().map(|(name, _)| name).filter(|name| !UNREADABLE.contains(name));
    assert_eq!(cache.get_many::<Value, _>(names).unwrap().len(), 98);
}

#[test]
fn every_value_is_written_as_base64_of_a_pickle() {
    let (_dir, path) = place();
    let cache = cache(&path);
    for (name, value) in vectors().into_iter().filter(|(name, _)| !UNREADABLE.contains(name)) {
        let value = Value::read(&STANDARD.decode(value).unwrap()).unwrap();
        cache.set(name, &value, Timeout::Never).unwrap();
        let (written, expires) = row(&look(&path), name);
        let pickle = STANDARD.decode(written).unwrap();
        assert!(pickle.starts_with(b"\x80\x04"), "{name}");
        assert_eq!(format!("{:?}", Value::read(&pickle).unwrap()), format!("{value:?}"), "{name}");
        assert_eq!(expires, NEVER);
    }
}

#[test]
fn text_bytes_and_integers_are_pythons_own() {
    let (_dir, path) = place();
    let cache = cache(&path);
    let pickle = |key: &str| STANDARD.decode(row(&look(&path), key).0).unwrap();
    cache.set("text", "Zoë", Timeout::Never).unwrap();
    assert_eq!(Value::read(&pickle("text")).unwrap(), Value::Str("Zoë".to_owned()));
    cache.set_bytes("bytes", b"\0\xff".to_vec(), Timeout::Never).unwrap();
    assert_eq!(Value::read(&pickle("bytes")).unwrap(), Value::Bytes(b"\0\xff".to_vec()));
    assert_eq!(cache.get_bytes("bytes").unwrap().as_deref(), Some(&b"\0\xff"[..]));
    cache.set("int", &-1, Timeout::Never).unwrap();
    assert_eq!(Value::read(&pickle("int")).unwrap(), Value::Int(-1));
}

#[test]
fn expiry_is_read_as_django_wrote_it() {
    // Django's row of each timeout, and the first second in which it is gone.
    for (expires, gone) in [
        ("2023-11-14 22:18:20", 1_700_000_300),
        ("2023-11-14 22:13:21", 1_700_000_001),
        ("2023-11-14 22:13:22", 1_700_000_002),
        ("2023-12-14 22:13:20", 1_702_592_000),
        ("2023-12-14 22:13:21", 1_702_592_001),
        (NEVER, 253_402_300_799_i64),
    ] {
        let (_dir, path) = place();
        let (cache, hands) = cache_at(&path, VECTORS_MS);
        cache.backend().create_table(false).unwrap();
        write(&look(&path), "v", "gAVLAS4=", expires);
        assert_eq!(cache.get::<i64>("v").unwrap(), Some(1), "{expires}");
        hands.step_wall_ms(gone * 1_000 - 1 - VECTORS_MS);
        assert_eq!(cache.get::<i64>("v").unwrap(), Some(1), "{expires}");
        assert!(cache.has_key("v").unwrap());
        hands.step_wall_ms(1);
        assert_eq!(cache.get::<i64>("v").unwrap(), None, "{expires}");
        assert!(!cache.has_key("v").unwrap());
        assert!(!cache.touch("v", Timeout::Never).unwrap());
        assert!(!cache.delete("v").unwrap());
    }
    // Timeouts of 0 and -5 seconds.
    for expires in ["2023-11-14 22:13:19", "2023-11-14 22:13:15"] {
        let (_dir, path) = place();
        let (cache, _hands) = cache_at(&path, VECTORS_MS);
        cache.backend().create_table(false).unwrap();
        write(&look(&path), "v", "gAVLAS4=", expires);
        assert_eq!(cache.get::<i64>("v").unwrap(), None);
        assert!(cache.add("v", &2, Timeout::Never).unwrap());
    }
}

#[test]
fn expiry_is_written_in_django_s_form_and_never_early() {
    for (after, expires) in [
        // Django rounds down: 22:18:20, 22:13:21 and 22:13:22.
        (Duration::from_secs(300), "2023-11-14 22:18:21"),
        (SECOND, "2023-11-14 22:13:22"),
        (Duration::from_millis(2_700), "2023-11-14 22:13:23"),
        (Duration::from_millis(1), "2023-11-14 22:13:21"),
        (Duration::from_secs(30 * 86_400), "2023-12-14 22:13:21"),
        (Duration::from_secs(251_702_300_798), "9999-12-31 23:59:59"),
        (Duration::from_secs(9_000_000_000_000), "9999-12-31 23:59:59"),
    ] {
        let (_dir, path) = place();
        let (cache, hands) = cache_at(&path, VECTORS_MS);
        cache.set("v", &1, after).unwrap();
        assert_eq!(row(&look(&path), "v").1, expires);
        cache.set("t", &1, Timeout::Never).unwrap();
        cache.touch("t", after).unwrap();
        assert_eq!(row(&look(&path), "t").1, expires);
        if after < Duration::from_secs(1_000) {
            hands.advance(after);
            assert!(cache.has_key("v").unwrap(), "{after:?} was early");
            hands.advance(cache.backend().capabilities().ttl_resolution);
            assert!(!cache.has_key("v").unwrap(), "{after:?} was late");
        }
    }
}

#[test]
fn incr_and_versions_keep_the_expiry_to_the_letter() {
    let (_dir, path) = place();
    let (cache, _hands) = cache_at(&path, VECTORS_MS);
    cache.backend().create_table(false).unwrap();
    let conn = look(&path);
    for expires in ["2023-11-14 22:18:20", "2033-11-14T22:18:20.250000+00:00"] {
        write(&conn, "n", "gAVLAS4=", expires);
        assert_eq!(cache.incr_by("n", 41).unwrap(), 42);
        let (value, kept) = row(&conn, "n");
        assert_eq!(Value::read(&STANDARD.decode(value).unwrap()).unwrap(), Value::Int(42));
        assert_eq!(kept, expires);
        cache.incr_version("n").unwrap();
        let moved: String = conn
            .query_row("SELECT expires FROM cache WHERE cache_key = ':2:n'", [], |row| row.get(0))
            .unwrap();
        assert_eq!(moved, expires);
    }
    for (value, kind) in [
        ("gAWILg==", ErrorKind::NotAnInteger),
        ("gAWVCwAAAAAAAACKCP////////9/Lg==", ErrorKind::Overflow),
        ("not base64", ErrorKind::KeyNotFound),
    ] {
        write(&conn, "n", value, NEVER);
        assert_eq!(cache.incr("n").unwrap_err().kind(), kind);
        assert_eq!(row(&conn, "n").0, value, "unchanged");
    }
}

#[test]
fn a_damaged_row_is_a_miss_and_gives_way() {
    let (_dir, path) = place();
    let cache = cache(&path);
    cache.backend().create_table(false).unwrap();
    let conn = look(&path);
    // Python passes over what is not of the alphabet.
    for value in ["gAVLAS4=\n", "gAVL AS4=", "%gAVLAS4="] {
        write(&conn, "k", value, NEVER);
        assert_eq!(cache.get::<i64>("k").unwrap(), Some(1), "{value:?}");
    }
    for value in ["", "=", "gAVLAS4", "gAVL=S4=", "%%%%", "清"] {
        write(&conn, "k", value, NEVER);
        assert_eq!(cache.get::<i64>("k").unwrap(), None, "{value:?}");
        assert!(cache.get_many::<i64, _>(["k"]).unwrap().is_empty());
        assert!(cache.add("k", &1, Timeout::Never).unwrap(), "{value:?}");
        assert_eq!(cache.get::<i64>("k").unwrap(), Some(1));
    }
    for pickle in [&b"\x80\x05"[..], b"K", b"cos\nsystem\n(S'true'\ntR."] {
        write(&conn, "k", &STANDARD.encode(pickle), NEVER);
        assert_eq!(cache.get::<String>("k").unwrap_err().kind(), ErrorKind::Decode);
        cache.set("k", "healed", Timeout::Never).unwrap();
        assert_eq!(cache.get::<String>("k").unwrap().as_deref(), Some("healed"));
    }
    for expires in ["", "now", "0", "2023-99-99 00:00:00", "2460000.5"] {
        write(&conn, "k", "gAVLAS4=", expires);
        assert_eq!(cache.get::<i64>("k").unwrap(), None, "{expires:?}");
        assert!(cache.add("k", &1, Timeout::Never).unwrap(), "{expires:?}");
    }
}

/// Every bit of a value that this crate wrote, and the value of another key.
#[test]
fn a_value_of_ours_is_a_miss_once_it_is_damaged() {
    let (_dir, path) = place();
    let cache = cache(&path);
    let conn = look(&path);
    conn.execute_batch("PRAGMA synchronous = OFF").unwrap();
    let words = vec!["seven".to_owned(); 3];
    cache.set("k", &words, Timeout::Never).unwrap();
    let (whole, _) = row(&conn, "k");
    let (mut tried, mut wrong, mut errors) = (0, 0, 0);
    let mut believed = |cache: &Cache<DatabaseCache>| {
        tried += 1;
        // Where Python's reader passes over what was damaged the value is still the same.
        match cache.get::<Vec<String>>("k") {
            Ok(None) => assert!(cache.add("k", &words, Timeout::Never).unwrap()),
            Ok(Some(found)) => wrong += u64::from(found != words),
            // Where the seal's own beginning is damaged there is none, as in a pickle of Python's.
            Err(e) => {
                assert_eq!(e.kind(), ErrorKind::Decode);
                errors += 1;
            }
        }
    };
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone().into_bytes();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let Ok(text) = String::from_utf8(flipped) else { continue };
        write(&conn, "k", &text, NEVER);
        believed(&cache);
    }
    cache.set("other", &vec!["of another".to_owned()], Timeout::Never).unwrap();
    write(&conn, "k", &row(&conn, "other").0, NEVER);
    believed(&cache);
    let figure = format!("one bit of a sealed value flipped: {wrong} wrong, {errors} no longer pickles");
    record(4, "db-django", tried, wrong, &figure);
    assert_eq!(wrong, 0);
    // Found damaged, it is gone; and the seal moves with the value.
    write(&conn, "k", &row(&conn, "other").0, NEVER);
    assert_eq!(cache.get::<Vec<String>>("k").unwrap(), None);
    let left: i64 = conn.query_row("SELECT count(*) FROM cache", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 1);
    cache.incr_version("other").unwrap();
    assert_eq!(cache.with_version(2).get("other").unwrap(), Some(vec!["of another".to_owned()]));
    // Django's touch.
    conn.execute("UPDATE cache SET expires = '2099-01-01 00:00:00'", []).unwrap();
    assert_eq!(cache.with_version(2).get("other").unwrap(), Some(vec!["of another".to_owned()]));
}

#[test]
fn no_codec_but_pickle_is_taken() {
    let (_dir, path) = place();
    let backend = || DatabaseCache::builder(&path).layout(Layout::Django).build().unwrap();
    let refused = Cache::builder(backend()).codec(cache_core::MessagePack).build();
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidCacheBackend);
    assert!(Cache::builder(backend()).codec(cache_pickle::Pickle::default()).build().is_ok());
}
