//! 400 keys, half of them not ASCII.

use serde_json::{Value as Json, json};

use crate::Pair;

fn keys(pair: &Pair) -> Vec<String> {
    let blank = if pair.blanks { " " } else { "-" };
    (0..200)
        .flat_map(|n| {
            let foreign = match n % 5 {
                0 => format!("clé:{n}"),
                1 => format!("ключ{blank}{n}"),
                2 => format!("鍵-{n}-値"),
                3 => format!("🦀{n}🐍"),
                _ => format!("e\u{301}\u{a0}{n}"),
            };
            [if n % 4 == 0 { format!("user{blank}{n}") } else { format!("user:{n}/~%{n}") }, foreign]
        })
        .collect()
}

/// Each side writes under 400 keys, in versions of its own, and the other finds all of them, one by
/// one and many at once.
pub(crate) fn both_ways(pair: &Pair) {
    let keys = keys(pair);
    assert_eq!(keys.iter().filter(|key| !key.is_ascii()).count(), 200);
    let text = |n: usize| format!("value {n}");

    let entries: Vec<Json> =
        keys.iter().enumerate().map(|(n, key)| json!([key, { "json": text(n) }])).collect();
    let refused = pair.django("set_many", json!({ "entries": entries, "timeout": 300, "version": 7 }));
    assert_eq!(refused, json!([]));
    let rust = pair.rust.with_version(7);
    let expected: Vec<(&String, String)> = keys.iter().enumerate().map(|(n, key)| (key, text(n))).collect();
    assert_eq!(rust.get_many::<String, _>(&keys).unwrap(), expected);
    for (n, key) in keys.iter().enumerate() {
        assert_eq!(rust.get::<String>(key).unwrap(), Some(text(n)), "{key:?}");
    }

    let rust = pair.rust.with_version(8);
    assert!(rust.set_many(expected, cache_core::Timeout::from_secs(300)).unwrap().is_empty());
    let found = pair.django("get_many", json!({ "keys": keys, "version": 8, "as_json": true }));
    let found = found.as_array().unwrap();
    assert_eq!(found.len(), 400, "what Django finds of what Rust wrote");
    for (n, key) in keys.iter().enumerate() {
        let made = pair.django("make_key", json!({ "key": key, "version": 8 }));
        assert_eq!(made, json!(format!("shared:8:{key}")));
        assert_eq!(pair.django_get(json!({ "key": key, "version": 8 })), json!(text(n)), "{key:?}");
    }
    println!("{}: 400 keys each way, 200 of them not ASCII", pair.name);
}
