//! Files that Django 5.2 wrote, and what is written for it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use cache_core::{BaseCache as _, Bytes, Clock, CodecId, Payload, Timeout};
use cache_file::FileCache;
use serde_json::Value;

use crate::{HOUR, bytes, cache, entry_files, only_file};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../data/django-5.2.json")).unwrap()
}

/// Puts bytes under the key `k`.
fn plant(backend: &FileCache, file: &[u8]) {
    fs::create_dir_all(backend.dir()).unwrap();
    fs::set_permissions(backend.dir(), fs::Permissions::from_mode(0o700)).unwrap();
    // The MD5 of ":1:k".
    fs::write(backend.dir().join("86faa9ea774c6ce60e4513e14b3c0af9.djcache"), file).unwrap();
}

#[test]
fn every_value_of_djangos_is_read() {
    let (_dir, backend, cache) = cache(|o| o);
    let vectors = vectors();
    let values = vectors["values"].as_array().unwrap();
    assert_eq!(values.len(), 101);
    let mut integers = 0;
    for value in values {
        let (name, pickle) = (&value["name"], Bytes::from(bytes(value["pickle"].as_str().unwrap())));
        plant(&backend, &bytes(value["file"].as_str().unwrap()));
        let key = cache.make_and_validate_key("k").unwrap();
        match backend.get(key.as_key()).unwrap().unwrap() {
            Payload::Int(_) => integers += 1,
            payload => assert_eq!(payload, Payload::Encoded(CodecId::UNKNOWN, pickle), "{name}"),
        }
        assert!(cache.has_key("k").unwrap() && !cache.add("k", &1, HOUR).unwrap(), "{name}");
        assert!(cache.touch("k", HOUR).unwrap(), "{name}");
        // Moved and moved back, it is the same file.
        assert_eq!(cache.incr_version("k").unwrap(), 2, "{name}");
        assert!(
            cache.with_version(2).has_key("k").unwrap() && cache.with_version(2).delete("k").unwrap(),
            "{name}"
        );
    }
    // int_0 to int_i64min: the others have more than 64 bits.
    assert_eq!(integers, 13);
}

#[test]
fn typed_values_cross() {
    let (_dir, backend, cache) = cache(|o| o);
    let vectors = vectors();
    let file = |name: &str| {
        let values = vectors["values"].as_array().unwrap();
        bytes(values.iter().find(|value| value["name"] == name).unwrap()["file"].as_str().unwrap())
    };
    plant(&backend, &file("int_42"));
    assert_eq!((cache.get::<i64>("k").unwrap(), cache.incr_by("k", 5).unwrap()), (Some(42), 47));
    plant(&backend, &file("str_cjk"));
    assert!(cache.get::<String>("k").unwrap().is_some_and(|text| !text.is_ascii()));
    plant(&backend, &file("bytes_all"));
    assert_eq!(cache.get_bytes("k").unwrap().map(|all| all.len()), Some(256));
    plant(&backend, &file("true"));
    assert_eq!(cache.get::<bool>("k").unwrap(), Some(true));
    assert!(cache.incr("k").is_err());
}

#[test]
fn files_have_djangos_names() {
    for (key, name) in vectors()["file_names"].as_object().unwrap() {
        let (_dir, backend, cache) = cache(|o| o);
        cache.set(key, &1, HOUR).unwrap();
        assert_eq!(only_file(backend.dir()).file_name().unwrap().to_str(), name.as_str(), "{key}");
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(backend.dir()), mode(&only_file(backend.dir()))), (0o700, 0o600));
    }
}

#[test]
fn djangos_expiries_are_kept_to_the_millisecond() {
    for expiry in vectors()["expiry"].as_array().unwrap() {
        let (label, timeout) = (&expiry["label"], expiry["timeout"].as_f64());
        let (clock, hands) = Clock::manual();
        // The moment at which Django wrote them.
        hands.step_wall_ms(1_700_000_000_250 - clock.wall_ms());
        let (_dir, backend, cache) = cache(|o| o.clock(clock));
        plant(&backend, &bytes(expiry["file"].as_str().unwrap()));
        let lives = timeout.is_none_or(|seconds| seconds > 0.0);
        assert_eq!(cache.get::<i64>("k").unwrap().is_some(), lives, "{label}");
        if !lives {
            assert!(!cache.has_key("k").unwrap() && !cache.touch("k", HOUR).unwrap(), "{label}");
            assert_eq!(entry_files(backend.dir()).len(), 0, "{label}: gone as soon as a writer saw it");
            continue;
        }
        // A counter keeps it, whatever its bytes.
        cache.incr("k").unwrap();
        let Some(seconds) = timeout else {
            hands.advance(HOUR * 100_000);
            assert!(cache.has_key("k").unwrap(), "{label}");
            continue;
        };
        hands.advance(Duration::from_secs_f64(seconds));
        assert!(cache.has_key("k").unwrap(), "{label}: at the very moment");
        hands.advance(Duration::from_millis(1));
        assert!(!cache.has_key("k").unwrap(), "{label}");
        assert_eq!(cache.get::<i64>("k").unwrap(), None, "{label}");
    }
}

#[test]
fn what_is_written_is_a_pickle_behind_an_expiry() {
    let (clock, hands) = Clock::manual();
    hands.step_wall_ms(1_700_000_000_250 - clock.wall_ms());
    let (_dir, backend, cache) = cache(|o| o.clock(clock));
    let value = BTreeMap::from([("a".repeat(500), vec![1, 2, 3])]);
    for timeout in [Timeout::Never, Timeout::After(HOUR)] {
        cache.set("k", &value, timeout).unwrap();
        let file = fs::read(only_file(backend.dir())).unwrap();
        let (expiry, stream) = cache_pickle::Value::read_first(&file).unwrap();
        match timeout {
            // One more microsecond, since the clock's own was begun already.
            Timeout::After(_) => assert_eq!(expiry, cache_pickle::Value::Float(1_700_003_600.250_001)),
            _ => assert_eq!(expiry, cache_pickle::Value::None),
        }
        let pickle = miniz_oxide::inflate::decompress_to_vec_zlib(stream).unwrap();
        assert_eq!(pickle, cache_pickle::to_vec(&value).unwrap());
        assert!(file.len() < 100, "{} bytes: it is compressed", file.len());
        // zlib's header for level 6, which Python writes.
        assert_eq!(stream[..2], [0x78, 0x9c]);
        assert_eq!(cache.get::<BTreeMap<String, Vec<i32>>>("k").unwrap().as_ref(), Some(&value));
    }
}

#[test]
fn both_layouts_live_in_one_directory() {
    let (_dir, backend, django) = cache(|o| o);
    let own = cache_core::Cache::new(FileCache::new(backend.dir()));
    django.set("k", "django's", HOUR).unwrap();
    own.set("k", "own", HOUR).unwrap();
    assert_eq!(django.get::<String>("k").unwrap().as_deref(), Some("django's"));
    assert_eq!(own.get::<String>("k").unwrap().as_deref(), Some("own"));
    own.clear().unwrap();
    assert_eq!((backend.entries().unwrap(), own.has_key("k").unwrap()), (Some(1), false));
    own.set("k", "own", HOUR).unwrap();
    django.clear().unwrap();
    assert_eq!((backend.entries().unwrap(), own.has_key("k").unwrap()), (Some(0), true));
}

#[test]
fn a_value_too_large_is_refused_and_takes_the_old_one_with_it() {
    let (_dir, backend, cache) = cache(|o| o.max_inflated(1_000));
    cache.set("k", "old", HOUR).unwrap();
    let large = "x".repeat(1_000);
    assert!(!cache.add("k", &large, HOUR).unwrap());
    let error = cache.set("k", &large, HOUR).unwrap_err();
    assert_eq!(error.kind(), cache_core::ErrorKind::ValueTooLarge, "{error}");
    assert!(!cache.has_key("k").unwrap());
    assert!(cache.add("k", &large, HOUR).is_err());
    assert_eq!(backend.entries().unwrap(), Some(0));
}
