//! Every other operation: done on one side, seen on the other.

use std::time::{Duration, Instant};

use cache_core::{ErrorKind, Timeout};
use serde_json::{Value as Json, json};

use crate::Pair;

/// A lifetime that is over soon: a whole number of seconds.
const SHORT: u64 = 4;

/// The longest that a machine is waited for which does not see the short ones begin.
const LONGEST: u64 = 64;

/// A store may keep whole seconds, and count them by a clock that ticks once a second.
const RESOLUTION: Duration = Duration::from_millis(2_200);

pub(crate) fn by_django(pair: &Pair) {
    let rust = &pair.rust;
    let int = |key: &str| rust.get::<i64>(key).unwrap();

    assert_eq!(pair.django("add", json!({ "key": "k", "value": { "json": 1 } })), true);
    assert_eq!(int("k"), Some(1));
    assert!(!rust.add("k", &2, Timeout::from_secs(300)).unwrap(), "Rust adds what Django has added");
    assert_eq!(pair.django("incr", json!({ "key": "k", "delta": 5 })), 6);
    assert_eq!(pair.django("decr", json!({ "key": "k", "delta": 2 })), 4);
    assert_eq!(int("k"), Some(4));
    assert_eq!(rust.incr_by("k", 10).unwrap(), 14);
    assert_eq!(pair.django("incr", json!({ "key": "k" })), 15);

    assert_eq!(pair.django("incr_version", json!({ "key": "k" })), 2);
    assert_eq!((int("k"), rust.with_version(2).get::<i64>("k").unwrap()), (None, Some(15)));
    assert_eq!(pair.django("decr_version", json!({ "key": "k", "version": 2 })), 1);
    assert_eq!(int("k"), Some(15));

    assert_eq!(pair.django("touch", json!({ "key": "k", "timeout": 600 })), true);
    assert!(rust.has_key("k").unwrap());
    assert_eq!(pair.django("delete", json!({ "key": "k" })), true);
    assert!(
        !rust.has_key("k").unwrap()
            && !rust.touch("k", Timeout::from_secs(5)).unwrap()
            && !rust.delete("k").unwrap()
    );
    assert_eq!(rust.incr("k").unwrap_err().kind(), ErrorKind::KeyNotFound);

    let entries = json!([["a", { "json": 1 }], ["b", { "json": "two" }], ["c", { "json": [3, "three"] }]]);
    pair.django("set_many", json!({ "entries": entries }));
    assert_eq!(rust.get::<String>("b").unwrap().as_deref(), Some("two"));
    assert_eq!(rust.get::<(i64, String)>("c").unwrap(), Some((3, "three".to_owned())));
    assert_eq!(rust.get_many::<i64, _>(["a", "missing"]).unwrap(), [("a", 1)]);
    pair.django("delete_many", json!({ "keys": ["a", "b", "missing"] }));
    assert_eq!(
        [rust.has_key("a"), rust.has_key("b"), rust.has_key("c")].map(Result::unwrap),
        [false, false, true]
    );

    rust.set("r", "by Rust", Timeout::from_secs(300)).unwrap();
    pair.django("clear", json!({}));
    assert!(!rust.has_key("c").unwrap() && !rust.has_key("r").unwrap(), "after Django's clear");
}

pub(crate) fn by_rust(pair: &Pair) {
    let rust = &pair.rust;
    let get = |key: &str| pair.django_get(json!({ "key": key }));

    assert!(rust.add("k", &1, Timeout::from_secs(300)).unwrap());
    assert_eq!(get("k"), 1);
    assert_eq!(pair.django("add", json!({ "key": "k", "value": { "json": 2 } })), false);
    assert_eq!((rust.incr_by("k", 5).unwrap(), rust.decr_by("k", 2).unwrap()), (6, 4));
    assert_eq!(get("k"), 4);
    assert_eq!(pair.django("incr", json!({ "key": "k", "delta": 10 })), 14);
    assert_eq!(rust.incr("k").unwrap(), 15);

    assert_eq!(rust.incr_version("k").unwrap(), 2);
    assert_eq!((get("k"), pair.django_get(json!({ "key": "k", "version": 2 }))), (Json::Null, json!(15)));
    assert_eq!(rust.with_version(2).decr_version("k").unwrap(), 1);
    assert_eq!(get("k"), 15);

    assert!(rust.touch("k", Timeout::from_secs(600)).unwrap());
    assert_eq!(pair.django("has_key", json!({ "key": "k" })), true);
    assert!(rust.delete("k").unwrap());
    for (op, absent) in [("has_key", json!(false)), ("touch", json!(false)), ("delete", json!(false))] {
        assert_eq!(pair.django(op, json!({ "key": "k" })), absent, "{op}");
    }
    assert!(pair.try_django("incr", json!({ "key": "k" })).is_err(), "Django counts what Rust has removed");

    rust.set("c", &(3, "three"), Timeout::from_secs(300)).unwrap();
    rust.set_many([("a", 1), ("b", 2)], Timeout::from_secs(300)).unwrap();
    let found = pair.django("get_many", json!({ "keys": ["a", "b", "missing"] }));
    assert_eq!(found.as_array().map(Vec::len), Some(2), "get_many");
    assert_eq!((get("a"), get("b"), get("c")), (json!(1), json!(2), json!([3, "three"])));
    rust.delete_many(["a", "b", "missing"]).unwrap();
    assert_eq!((get("a"), get("b"), get("c")), (Json::Null, Json::Null, json!([3, "three"])));

    pair.django("set", json!({ "key": "d", "value": { "json": "by Django" } }));
    rust.clear().unwrap();
    assert_eq!((get("c"), get("d")), (Json::Null, Json::Null), "after Rust's clear");
}

/// Short lifetimes given by one side end on the other, and what a touch makes longer or shorter is so
/// on the other.
pub(crate) fn lifetimes(pair: &Pair) {
    // Its process starts with the first request.
    pair.django("has_key", json!({ "key": "k" }));
    let mut seconds = SHORT;
    while !lifetimes_of(pair, seconds) {
        // A busy machine gets twice the time.
        seconds *= 2;
        assert!(seconds <= LONGEST, "{}: the machine is too busy for this test", pair.name);
    }
}

/// Returns `false` if the machine was too slow to see lifetimes of `seconds` begin.
fn lifetimes_of(pair: &Pair, seconds: u64) -> bool {
    let rust = &pair.rust;
    let short = Duration::from_secs(seconds);
    let set = |key: &str, timeout: Json| {
        pair.django("set", json!({ "key": key, "value": { "json": key }, "timeout": timeout }));
    };
    let begun = Instant::now();
    set("django-short", json!(seconds));
    set("django-touched", json!(seconds));
    set("django-shortened", Json::Null);
    set("django-never", Json::Null);
    rust.set("rust-short", "rust-short", short).unwrap();
    rust.set("rust-touched", "rust-touched", short).unwrap();
    rust.set("rust-shortened", "rust-shortened", Timeout::Never).unwrap();
    rust.set("rust-never", "rust-never", Timeout::Never).unwrap();
    let touched = [
        rust.touch("django-touched", Timeout::Never).unwrap(),
        rust.touch("django-shortened", short).unwrap(),
        pair.django("touch", json!({ "key": "rust-touched", "timeout": null })) == true,
        pair.django("touch", json!({ "key": "rust-shortened", "timeout": seconds })) == true,
    ];

    let all = ["short", "touched", "shortened", "never"];
    let seen = || {
        let by_rust = all.map(|what| pair.rust.has_key(&format!("django-{what}")).unwrap());
        let by_django =
            all.map(|what| pair.django("has_key", json!({ "key": format!("rust-{what}") })) == true);
        (by_rust, by_django)
    };
    let first = seen();
    // Django cuts a fraction of a second off where it keeps whole ones.
    if begun.elapsed() >= short - Duration::from_secs(1) {
        return false;
    }
    assert_eq!((touched, first), ([true; 4], ([true; 4], [true; 4])), "{}: before the end", pair.name);
    std::thread::sleep(short + RESOLUTION);
    let left = [false, true, false, true];
    assert_eq!(seen(), (left, left), "{}: after the end", pair.name);
    true
}
