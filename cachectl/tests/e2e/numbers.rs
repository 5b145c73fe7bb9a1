//! Numbers on the command line: each is taken exactly, or refused with an error.

use std::collections::BTreeMap;

use cache_core::{Cache, CacheBuilder, DEFAULT_TIMEOUT, Json};
use cache_file::FileCache;

use crate::session::Session;

fn session() -> Session {
    let mut session = Session::new();
    let url = format!("file://{}/cache", session.dir().display());
    session.before(&["--url", &url]);
    session
}

#[test]
fn what_is_taken_comes_back() {
    let session = session();
    for (given, shown) in [
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("18446744073709551615", "18446744073709551615"),
        ("11.648059100279703", "11.648059100279703"),
        ("[0.1, 1e23, 5e-324]", "[0.1,1e23,5e-324]"),
        ("-0.0", "-0.0"),
        ("-0", "0"),
        ("[-0, {\"-0\": -0}, -0.0, -0e0]", "[0,{\"-0\":0},-0.0,-0.0]"),
        ("1.50", "1.5"),
        ("\"12345678901234567890123\"", "\"12345678901234567890123\""),
    ] {
        let (_, errors, status) = session.run(&["set", "k", given], "");
        assert_eq!((status, &*errors), (0, ""), "{given}");
        let (said, errors, _) = session.run(&["get", "k"], "");
        let (said, shown): (serde_json::Value, serde_json::Value) =
            (serde_json::from_str(&said).unwrap(), serde_json::from_str(shown).unwrap());
        assert_eq!(said.to_string(), shown.to_string(), "{given}: {errors}");
    }
}

/// As Python's `json` reads it: the parsers of other languages make the float -0.0 of it.
#[test]
fn a_negative_zero_without_a_point_is_the_integer() {
    let session = session();
    for input in ["", "-0\n"] {
        let given = if input.is_empty() { "-0" } else { "-" };
        assert_eq!(session.run(&["set", "k", given], input).2, 0);
        let (said, errors, status) = session.run(&["incr", "k"], "");
        assert_eq!((&*said, status), ("1\n", 0), "{errors}");
    }
    assert_eq!(session.run(&["set-many"], "{\"k\": -0}").2, 0);
    let (said, errors, status) = session.run(&["decode", "k"], "");
    assert!(status == 0 && said.contains("integer") && !said.contains("-0"), "{said}{errors}");
}

#[test]
fn no_extreme_of_an_option_ends_in_a_panic() {
    let session = session();
    let numbers = [
        "0",
        "1",
        "-1",
        "4294967295",
        "4294967296",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "1e308",
        "1e309",
        "inf",
        "-inf",
        "nan",
        "",
    ];
    for number in numbers {
        let calls = [
            &["set", "k", "1", "--timeout", number][..],
            &["touch", "k", "--timeout", number],
            &["get", "k", "--version", number],
            &["incr", "k", number],
            &["decr", "k", number],
            &["bench", "--seconds", "0.001", "--size", number],
            &["bench", "--seconds", "0.001", "--threads", number],
        ];
        for call in calls {
            let (_, errors, status) = session.run(call, "");
            assert!((0..=5).contains(&status), "{call:?}: status {status}: {errors}");
            assert!(
                !errors.contains("panicked") && !errors.contains("memory allocation"),
                "{call:?}: {errors}"
            );
        }
    }
    // Of these each is wrong, and no call of the store is made.
    for wrong in [
        ["--size", "2000000001"],
        ["--size", "18446744073709551615"],
        ["--seconds", "inf"],
        ["--seconds", "nan"],
    ] {
        let (_, errors, status) = session.run(&["bench", wrong[0], wrong[1]], "");
        assert_eq!(status, 2, "{wrong:?}: {errors}");
    }
}

#[test]
fn what_would_change_is_refused_and_changes_nothing() {
    let session = session();
    assert_eq!(session.run(&["set", "k", "1"], "").2, 0);
    for number in [
        "12345678901234567890123",
        "-9223372036854775809",
        "18446744073709551616",
        "1e400",
        "1e-400",
        "0.1000000000000000055511151231257827",
        "9007199254740993.0",
    ] {
        let list = format!("[1, {{\"a\": {number}}}]");
        let many = format!("{{\"k\": 2, \"b\": {number}}}");
        for (arguments, input) in [
            (&["set", "k", number][..], ""),
            (&["set", "k", &list], ""),
            (&["set", "k", "-"], number),
            (&["add", "new", number], ""),
            (&["set-many"], &many),
        ] {
            let (said, errors, status) = session.run(arguments, input);
            assert_eq!((&*said, status), ("", 2), "{arguments:?}");
            assert!(errors.contains(number) && errors.contains("cannot be stored as it is"), "{errors}");
        }
    }
    for delta in ["9223372036854775808", "1.0", "1e3", "0.5"] {
        assert_eq!(session.run(&["incr", "k", delta], "").2, 2, "{delta}");
    }
    assert_eq!(session.run(&["get-many", "k", "new", "b"], "").0, "{\"k\":1}\n");
}

fn library(session: &Session) -> CacheBuilder<FileCache> {
    Cache::builder(FileCache::new(session.dir().join("cache")))
}

#[test]
fn what_json_does_not_have_is_an_error_that_names_decode() {
    let session = session();
    let cache = library(&session).build().unwrap();
    cache.set("nan", &f64::NAN, DEFAULT_TIMEOUT).unwrap();
    cache.set("infinity", &[1.0, f64::INFINITY], DEFAULT_TIMEOUT).unwrap();
    cache.set("float", &BTreeMap::from([("a", f32::NEG_INFINITY)]), DEFAULT_TIMEOUT).unwrap();
    cache.set("large", &[u128::MAX], DEFAULT_TIMEOUT).unwrap();
    cache.set("keys", &BTreeMap::from([(1, 2)]), DEFAULT_TIMEOUT).unwrap();
    cache.set_bytes("bytes", b"\xc1\xff".to_vec(), DEFAULT_TIMEOUT).unwrap();
    for (key, shown) in [
        ("nan", "nan"),
        ("infinity", "[1.0, inf]"),
        ("float", "-inf"),
        ("large", "[b'"),
        ("keys", "{1: 2}"),
        ("bytes", "c1ff"),
    ] {
        for command in ["get", "get-many"] {
            let (said, errors, status) = session.run(&[command, key], "");
            assert_eq!((&*said, status), ("", 2), "{key}");
            assert!(errors.contains("cachectl decode"), "{errors}");
            assert!(errors.contains(&format!("\":1:{key}\"")), "{errors}");
        }
        let (said, errors, status) = session.run(&["decode", key], "");
        assert_eq!(status, 0, "{errors}");
        assert!(said.contains(shown), "{key}: {said}");
    }
}

#[test]
fn an_integer_of_more_than_64_bits_in_json_is_not_rounded() {
    let mut session = session();
    let cache = library(&session).codec(Json).build().unwrap();
    cache.set("large", &[u128::from(u64::MAX) + 2], DEFAULT_TIMEOUT).unwrap();
    cache.set("float", &[1e300, 2_f64.powi(64)], DEFAULT_TIMEOUT).unwrap();
    let url = format!("file://{}/cache?codec=json", session.dir().display());
    session.before(&["--url", &url]);
    for command in ["get", "get-many"] {
        let (said, errors, status) = session.run(&[command, "large"], "");
        assert_eq!((&*said, status), ("", 2), "{errors}");
        assert!(errors.contains("cachectl decode"), "{errors}");
    }
    let (said, _, status) = session.run(&["decode", "large"], "");
    assert!(status == 0 && said.contains("18446744073709551617"), "{said}");
    let (said, _, status) = session.run(&["get", "float"], "");
    let read: Vec<f64> = serde_json::from_str(&said).unwrap();
    assert_eq!((status, read), (0, vec![1e300, 2_f64.powi(64)]));
}
