//! Hostile keys: keys that mean something to a protocol, under each policy and in each part of a made key. A
//! backend that cannot take them is never asked.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_core::{
    AsyncWay, BaseCache, Cache, CacheBuilder, Capabilities, ErrorKind, Expiry, Key, KeyPolicy, Payload,
    Result,
};
use conformance_tests::faults::record;
use futures_lite::future::block_on;

const MINUTE: Duration = Duration::from_secs(60);

/// Counts what it is asked, and notes under which keys. As a server it takes no hostile ones.
#[derive(Default)]
struct Spy {
    strict: bool,
    asked: AtomicU64,
    keys: Mutex<Vec<String>>,
}

impl Spy {
    fn note(&self, key: Key<'_>) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.keys.lock().unwrap().push(key.as_str().to_owned());
    }
}

impl BaseCache for Spy {
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        self.note(key);
        Ok(None)
    }
    fn set(&self, key: Key<'_>, _: Payload, _: Expiry) -> Result<()> {
        self.note(key);
        Ok(())
    }
    fn add(&self, key: Key<'_>, _: Payload, _: Expiry) -> Result<bool> {
        self.note(key);
        Ok(true)
    }
    fn touch(&self, key: Key<'_>, _: Expiry) -> Result<bool> {
        self.note(key);
        Ok(true)
    }
    fn delete(&self, key: Key<'_>) -> Result<bool> {
        self.note(key);
        Ok(true)
    }
    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        self.note(key);
        Ok(delta)
    }
    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        self.note(from);
        self.note(to);
        Ok(true)
    }
    fn clear(&self) -> Result<()> {
        Ok(())
    }
    fn capabilities(&self) -> Capabilities {
        Capabilities::DEFAULT.with_strict_keys(self.strict)
    }
    fn as_async(&self) -> AsyncWay<'_> {
        AsyncWay::Inline
    }
}

/// With each byte that no protocol of lines takes, at the beginning, in the middle and at the end; and too
/// long by one byte, and by many.
fn hostile() -> Vec<String> {
    let bytes = (0x00..=0x20_u8).chain([0x7f]).map(char::from);
    let placed = bytes.flat_map(|byte| [format!("{byte}key"), format!("ke{byte}y"), format!("key{byte}")]);
    let long = [251 - ":1:".len(), 1_000, 70_000].map(|length| "k".repeat(length));
    let injected =
        ["x\r\nflush_all\r\n", "x 0 0 1\r\n1\r\nset y", "*1\r\n$8\r\nFLUSHALL\r\n"].map(str::to_owned);
    placed.chain(long).chain([format!("{}é", "k".repeat(246))]).chain(injected).collect()
}

/// The kinds of error of every operation on `key`, in both halves.
fn every_operation(cache: &Cache<Spy>, key: &str) -> Vec<Option<ErrorKind>> {
    fn kind<T>(result: Result<T>) -> Option<ErrorKind> {
        result.err().map(|e| e.kind())
    }
    vec![
        kind(cache.get::<i64>(key)),
        kind(cache.get_bytes(key)),
        kind(cache.set(key, &1, MINUTE)),
        kind(cache.set(key, &1, Duration::ZERO)),
        kind(cache.set_bytes(key, "x", MINUTE)),
        kind(cache.add(key, &1, MINUTE)),
        kind(cache.touch(key, MINUTE)),
        kind(cache.delete(key)),
        kind(cache.has_key(key)),
        kind(cache.incr(key)),
        kind(cache.decr(key)),
        kind(cache.incr_version(key)),
        kind(cache.decr_version(key)),
        kind(cache.get_many::<i64, _>(["good", key])),
        kind(cache.set_many([("good", 1), (key, 2)], MINUTE)),
        kind(cache.delete_many(["good", key])),
        kind(cache.get_or_set(key, MINUTE, || 1)),
        kind(block_on(cache.aget::<i64>(key))),
        kind(block_on(cache.aset(key, &1, MINUTE))),
        kind(block_on(cache.aadd(key, &1, MINUTE))),
        kind(block_on(cache.atouch(key, MINUTE))),
        kind(block_on(cache.adelete(key))),
        kind(block_on(cache.ahas_key(key))),
        kind(block_on(cache.aincr(key))),
        kind(block_on(cache.aincr_version(key))),
        kind(block_on(cache.aget_many::<i64, _>(["good", key]))),
        kind(block_on(cache.aset_many([("good", 1), (key, 2)], MINUTE))),
        kind(block_on(cache.adelete_many(["good", key]))),
        kind(block_on(cache.aget_or_set(key, MINUTE, || async { 1 }))),
    ]
}

type Made = (CacheBuilder<Spy>, String);

/// The ways in which a hostile text gets into a key.
fn places(text: &str, strict: bool) -> Vec<Made> {
    let builder = || Cache::builder(Spy { strict, ..Spy::default() });
    let function = text.to_owned();
    vec![
        (builder(), text.to_owned()),
        (builder().key_prefix(text), "key".to_owned()),
        (builder().key_function(move |key, _, _| Ok(format!("{key}{function}"))), "key".to_owned()),
    ]
}

#[test]
fn what_is_refused_is_refused_before_the_backend_is_asked() {
    let (mut tried, mut failures) = (0_u64, Vec::new());
    for text in hostile() {
        for strict in [true, false] {
            for (builder, key) in places(&text, strict) {
                let cache =
                    if strict { builder } else { builder.key_policy(KeyPolicy::Refuse) }.build().unwrap();
                let kinds = every_operation(&cache, &key);
                let asked = cache.backend().asked.load(Ordering::Relaxed);
                let refused = kinds.iter().all(|kind| *kind == Some(ErrorKind::InvalidCacheKey));
                tried += kinds.len() as u64;
                if !refused || asked > 0 {
                    failures.push(format!("{text:?}: {asked} calls, {kinds:?}"));
                }
            }
        }
    }
    record(
        18,
        "core",
        tried,
        failures.len() as u64,
        "operations under keys to refuse; 0 calls of the backend",
    );
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn what_is_allowed_comes_to_the_backend_as_it_is() {
    for text in hostile() {
        for policy in [KeyPolicy::Allow, KeyPolicy::Warn] {
            for (builder, key) in places(&text, false) {
                let cache = builder.key_policy(policy).build().unwrap();
                let kinds = every_operation(&cache, &key);
                // The spy holds nothing that could get another version.
                let fine = |kind: &Option<ErrorKind>| kind.is_none_or(|kind| kind == ErrorKind::KeyNotFound);
                assert!(kinds.iter().all(fine), "{text:?}: {kinds:?}");
                let made = cache.make_key(&key).unwrap();
                let good = cache.make_key("good").unwrap();
                let keys = cache.backend().keys.lock().unwrap().clone();
                let versions = [1, 2, 0].map(|version| cache.with_version(version).make_key(&key).unwrap());
                assert!(keys.contains(&made));
                assert!(keys.iter().all(|key| *key == good || versions.contains(key)), "{text:?}: {keys:?}");
            }
        }
    }
}

#[test]
fn a_backend_that_cannot_take_them_is_not_built_with_another_policy() {
    for policy in [KeyPolicy::Allow, KeyPolicy::Warn] {
        let built = Cache::builder(Spy { strict: true, ..Spy::default() }).key_policy(policy).build();
        assert_eq!(built.map(drop).unwrap_err().kind(), ErrorKind::InvalidCacheBackend);
    }
    // A validator of one's own takes nothing away from it.
    let spy = Arc::new(Spy { strict: true, ..Spy::default() });
    let cache = CacheBuilder::from_arc(Arc::clone(&spy)).key_validator(|_| Ok(())).build().unwrap();
    assert_eq!(cache.set("a\r\nb", &1, MINUTE).unwrap_err().kind(), ErrorKind::InvalidCacheKey);
    assert_eq!(spy.asked.load(Ordering::Relaxed), 0);
}
