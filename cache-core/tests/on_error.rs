//! [`OnError`]: each operation over a store that fails, returned and degraded, sync and async.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use cache_core::{BaseCache, Cache, Error, ErrorKind, Expiry, Key, OnError, Payload, Result};
use futures_lite::future::block_on;

const MINUTE: Duration = Duration::from_secs(60);

/// Every call fails with this kind of error; the keys of `held` can be read.
struct Failing {
    kind: ErrorKind,
    held: Option<&'static str>,
}

impl Failing {
    fn fail<T>(&self) -> Result<T> {
        Err(Error::new(self.kind, "the store is unreachable"))
    }
}

impl BaseCache for Failing {
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        match self.held {
            Some(held) if key.as_str().ends_with(held) => Ok(Some(Payload::Int(7))),
            Some(_) => Ok(None),
            None => self.fail(),
        }
    }
    fn set(&self, _: Key<'_>, _: Payload, _: Expiry) -> Result<()> {
        self.fail()
    }
    fn add(&self, _: Key<'_>, _: Payload, _: Expiry) -> Result<bool> {
        self.fail()
    }
    fn touch(&self, _: Key<'_>, _: Expiry) -> Result<bool> {
        self.fail()
    }
    fn delete(&self, _: Key<'_>) -> Result<bool> {
        self.fail()
    }
    fn incr(&self, _: Key<'_>, _: i64) -> Result<i64> {
        self.fail()
    }
    fn rename(&self, _: Key<'_>, _: Key<'_>) -> Result<bool> {
        self.fail()
    }
    fn clear(&self) -> Result<()> {
        self.fail()
    }
}

fn cache(kind: ErrorKind, held: Option<&'static str>, on_error: OnError) -> Cache<Failing> {
    Cache::builder(Failing { kind, held }).on_error(on_error).build().unwrap()
}

/// The kinds of error with which each operation ends; `None` for an answer.
fn kinds(cache: &Cache<Failing>) -> Vec<Option<ErrorKind>> {
    fn kind<T>(result: Result<T>) -> Option<ErrorKind> {
        result.err().map(|e| e.kind())
    }
    vec![
        kind(cache.get::<i64>("k")),
        kind(block_on(cache.aget::<i64>("k"))),
        kind(cache.get_bytes("k")),
        kind(cache.set("k", &1, MINUTE)),
        kind(block_on(cache.aset("k", &1, MINUTE))),
        kind(cache.set("k", &1, Duration::ZERO)),
        kind(cache.add("k", &1, MINUTE)),
        kind(cache.add("k", &1, Duration::ZERO)),
        kind(cache.touch("k", MINUTE)),
        kind(cache.touch("k", Duration::ZERO)),
        kind(cache.delete("k")),
        kind(cache.has_key("k")),
        kind(cache.get_many::<i64, _>(["k", "l"])),
        kind(cache.set_many([("k", 1), ("l", 2)], MINUTE)),
        kind(cache.set_many([("k", 1), ("l", 2)], Duration::ZERO)),
        kind(cache.delete_many(["k", "l"])),
        kind(cache.get_or_set("k", MINUTE, || 1)),
        kind(block_on(cache.aget_or_set("k", MINUTE, || async { 1 }))),
    ]
}

#[test]
fn by_default_every_failure_is_an_error() {
    for kind in [ErrorKind::Unavailable, ErrorKind::Storage, ErrorKind::Rejected, ErrorKind::OutcomeUnknown] {
        let cache = cache(kind, None, OnError::default());
        assert!(kinds(&cache).iter().all(|ended| *ended == Some(kind)), "{kind:?}");
        assert_eq!(cache.degraded(), 0);
    }
}

#[test]
fn an_error_names_the_key_that_the_call_was_about() {
    let cache = cache(ErrorKind::Unavailable, None, OnError::default());
    let errors = [
        cache.get::<i64>("k").unwrap_err(),
        cache.get_bytes("k").unwrap_err(),
        block_on(cache.aget::<i64>("k")).unwrap_err(),
        cache.set("k", &1, MINUTE).unwrap_err(),
        cache.set("k", &1, Duration::ZERO).unwrap_err(),
        block_on(cache.aset("k", &1, MINUTE)).unwrap_err(),
        cache.add("k", &1, MINUTE).unwrap_err(),
        cache.touch("k", MINUTE).unwrap_err(),
        cache.delete("k").unwrap_err(),
        cache.has_key("k").unwrap_err(),
        cache.incr("k").unwrap_err(),
        cache.incr_version("k").unwrap_err(),
        cache.incr_version_by("k", 0).unwrap_err(),
        block_on(cache.aincr_version("k")).unwrap_err(),
        cache.get_or_set("k", MINUTE, || 1).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.to_string(), "cache key \":1:k\": the store is unreachable");
        assert_eq!(error.key(), Some(":1:k"));
    }
    assert_eq!(cache.clear().unwrap_err().key(), None);
}

#[test]
fn degraded_it_answers_as_an_empty_cache_that_stores_nothing() {
    for kind in [ErrorKind::Unavailable, ErrorKind::Storage] {
        let cache = cache(kind, None, OnError::Fallback);
        assert_eq!(cache.get::<i64>("k").unwrap(), None);
        assert_eq!(block_on(cache.aget_or("k", 5)).unwrap(), 5);
        assert_eq!(cache.get_bytes("k").unwrap(), None);
        cache.set("k", &1, MINUTE).unwrap();
        assert!(!cache.add("k", &1, MINUTE).unwrap());
        assert!(!cache.add("k", &1, Duration::ZERO).unwrap());
        assert!(!cache.touch("k", MINUTE).unwrap());
        assert!(!block_on(cache.adelete("k")).unwrap());
        assert!(!cache.has_key("k").unwrap());
        assert!(cache.get_many::<i64, _>(["k", "l"]).unwrap().is_empty());
        assert_eq!(cache.set_many([("k", 1), ("l", 2)], MINUTE).unwrap(), ["k", "l"]);
        cache.delete_many(["k", "l"]).unwrap();
        assert_eq!(cache.get_or_set("k", MINUTE, || 3).unwrap(), 3);
        assert_eq!(block_on(cache.aget_or_set("k", MINUTE, || async { 4 })).unwrap(), 4);
        assert!(kinds(&cache).iter().all(Option::is_none));
        assert!(cache.degraded() >= 30, "{} degraded calls", cache.degraded());
        assert_eq!(cache.with_version(2).degraded(), cache.degraded());
    }
}

#[test]
fn degraded_too_what_has_no_such_answer_fails() {
    let cache = cache(ErrorKind::Unavailable, None, OnError::Fallback);
    let failed = |result: Result<i64>| assert_eq!(result.unwrap_err().kind(), ErrorKind::Unavailable);
    failed(cache.incr("k"));
    failed(cache.decr("k"));
    failed(block_on(cache.aincr("k")));
    failed(cache.incr_version("k"));
    failed(cache.decr_version("k"));
    failed(cache.clear().map(|()| 0));
    assert_eq!(cache.degraded(), 0);
}

#[test]
fn degraded_too_other_errors_are_errors() {
    for kind in [ErrorKind::Rejected, ErrorKind::OutcomeUnknown, ErrorKind::Decode, ErrorKind::Overflow] {
        let cache = cache(kind, None, OnError::Fallback);
        assert!(kinds(&cache).iter().all(|ended| *ended == Some(kind)), "{kind:?}");
    }
    let too_large = cache(ErrorKind::ValueTooLarge, None, OnError::Fallback);
    assert_eq!(too_large.set("k", &1, MINUTE).unwrap_err().kind(), ErrorKind::ValueTooLarge);
    let cache = cache(ErrorKind::Unavailable, Some("k"), OnError::Fallback);
    let bad_key = "k".repeat(1_000_000);
    let refused = Cache::builder(Failing { kind: ErrorKind::Unavailable, held: None })
        .on_error(OnError::Fallback)
        .key_policy(cache_core::KeyPolicy::Refuse)
        .build()
        .unwrap();
    assert_eq!(refused.get::<i64>(&bad_key).unwrap_err().kind(), ErrorKind::InvalidCacheKey);
    assert_eq!(cache.get::<String>("k").unwrap_err().kind(), ErrorKind::Decode);
    assert_eq!(cache.degraded(), 0);
}

#[test]
fn degraded_a_computed_value_is_given_even_if_its_storing_is_in_doubt() {
    let doubt = cache(ErrorKind::OutcomeUnknown, Some("other"), OnError::Fallback);
    assert_eq!(doubt.get_or_set("k", MINUTE, || 5).unwrap(), 5);
    let returned = cache(ErrorKind::OutcomeUnknown, Some("other"), OnError::Return);
    let error = returned.get_or_set("k", MINUTE, || 5).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
}
