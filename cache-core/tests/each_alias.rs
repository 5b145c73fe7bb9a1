//! Caches of which each stands by itself: bad settings of one keep none of the others from being used.

#![cfg(all(feature = "settings", feature = "json"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ffi::OsString;

use cache_core::{Caches, CachesBuilder, DEFAULT_TIMEOUT, ErrorKind};
use cache_locmem::LocMemCache;

fn builder() -> CachesBuilder {
    Caches::builder().backend::<LocMemCache>()
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

/// The good ones work, the bad ones say what is wrong with them, each time.
fn compare(caches: &Caches, expected: &[(&str, Option<&str>)]) {
    let aliases: Vec<&str> = expected.iter().map(|(alias, _)| *alias).collect();
    assert_eq!(caches.aliases().collect::<Vec<_>>(), aliases);
    for _ in 0..2 {
        for (alias, problem) in expected {
            match problem {
                None => {
                    caches.get(alias).unwrap().set("k", "v", DEFAULT_TIMEOUT).unwrap();
                }
                Some(problem) => {
                    let error = caches.get(alias).unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::InvalidCacheBackend);
                    assert!(error.to_string().contains(problem), "{alias}: {error}");
                    assert!(error.to_string().starts_with(&format!("cache {alias:?}")), "{error}");
                }
            }
        }
    }
}

#[test]
fn of_a_document() {
    let document = r#"{
        "default": {"url": "locmem://each-default"},
        "custom": {"backend": "shop.caches.Pages"},
        "text": "locmem://",
        "option": {"backend": "locmem", "options": {"max_entrys": 5}},
        "limit": {"backend": "locmem", "location": "each-limit", "options": {"max_entries": 0}},
        "codec": {"backend": "locmem", "codec": "yaml"},
        "last": {"backend": "locmem", "location": "each-last"}
    }"#;
    let expected = [
        ("default", None),
        ("custom", Some("the backend \"shop.caches.Pages\" is unknown")),
        ("text", Some("is a string")),
        ("option", Some("max_entrys")),
        ("limit", Some("max_entries is 0")),
        ("codec", Some("the codec \"yaml\" is unknown")),
        ("last", None),
    ];
    compare(&builder().json(document).build_each().unwrap(), &expected);
    assert!(builder().json(document).build().unwrap_err().to_string().contains("shop.caches.Pages"));
    assert_eq!(builder().json(document).check().len(), 5);
}

#[test]
fn of_the_environment() {
    let pairs = [
        ("CACHE_URL", "locmem://each-environment"),
        ("CACHE_CDN_URL", "https://cdn.example.com/"),
        ("CACHE_EMPTY_URL", " "),
        ("CACHE_QUOTED_URL", "\"locmem://\""),
        ("CACHE_DEFAULT_URL_OTHER", "x"),
    ];
    let expected = [
        ("cdn", Some("\"https\" is unknown")),
        ("empty", Some("is empty")),
        ("quoted", Some("quotation mark")),
        ("default", None),
    ];
    compare(&builder().variables(variables(&pairs)).build_each().unwrap(), &expected);
    let twice = variables(&[
        ("CACHE_URL", "locmem://a"),
        ("CACHE_DEFAULT_URL", "locmem://b"),
        ("CACHE_PAGES_URL", "locmem://each-pages"),
    ]);
    let expected =
        [("default", Some("the environment variable CACHE_URL means the same cache")), ("pages", None)];
    compare(&builder().variables(twice).build_each().unwrap(), &expected);
}

#[cfg(unix)]
#[test]
fn of_an_environment_that_is_not_utf_8() {
    use std::os::unix::ffi::OsStringExt as _;

    let mut pairs = variables(&[("CACHE_URL", "locmem://each-bytes")]);
    pairs.push(("CACHE_BYTES_URL".into(), OsString::from_vec(b"locmem://\xff".to_vec())));
    let expected = [("bytes", Some("is not UTF-8")), ("default", None)];
    compare(&builder().variables(pairs).build_each().unwrap(), &expected);
}

#[test]
fn a_later_source_mends_an_alias() {
    let caches = builder()
        .json(r#"{"default": {"backend": "redsi"}, "b": {"backend": "redsi"}}"#)
        .url("default", "locmem://each-mended")
        .build_each()
        .unwrap();
    compare(&caches, &[("default", None), ("b", Some("redsi"))]);
}

#[test]
fn what_concerns_all_of_them_is_an_error_of_all() {
    for builder in [
        builder(),
        builder().json("{"),
        builder().json("[]").url("default", "locmem://"),
        builder().backend::<LocMemCache>().url("default", "locmem://"),
    ] {
        assert_eq!(builder.build_each().unwrap_err().kind(), ErrorKind::InvalidCacheBackend);
    }
}

#[test]
fn limits_that_contradict_each_other_hinder_the_second_only() {
    let document = r#"{"a": {"url": "locmem://each-twice?max_entries=5"},
        "b": {"url": "locmem://each-twice?max_entries=6"}, "c": {"url": "locmem://each-c"}}"#;
    let caches = builder().json(document).build_each().unwrap();
    compare(&caches, &[("a", None), ("b", Some("each-twice")), ("c", None)]);
    // Without the first there is nothing to contradict.
    drop(caches);
    builder().json(document).build_each().unwrap().get("b").unwrap();
}
