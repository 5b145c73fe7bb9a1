//! A cache taken apart and rebuilt over a wrapped backend; keys that a wrapper makes; plain defaults.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache_core::{
    AsyncWay, BaseCache, Cache, Capabilities, DEFAULT_TIMEOUT, ErrorKind, Expiry, Json, Key, KeyPolicy,
    MessagePack, OnError, Payload, Result, Timeout,
};
use cache_locmem::LocMemCache;

/// Counts lookups, and keeps a mark beside each stored entry under a key of its own.
struct Counting<B> {
    inner: B,
    lookups: AtomicU64,
    capabilities: Capabilities,
}

impl<B: BaseCache> Counting<B> {
    fn new(inner: B) -> Self {
        Self { capabilities: inner.capabilities(), inner, lookups: AtomicU64::new(0) }
    }
}

impl<B: BaseCache> BaseCache for Counting<B> {
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        self.inner.get(key)
    }
    fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        let mark = format!("{key}:mark");
        self.inner.set(Key::new(&mark, KeyPolicy::Refuse)?, Payload::Int(1), expiry)?;
        self.inner.set(key, value, expiry)
    }
    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        self.inner.add(key, value, expiry)
    }
    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        self.inner.touch(key, expiry)
    }
    fn delete(&self, key: Key<'_>) -> Result<bool> {
        self.inner.delete(key)
    }
    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        self.inner.incr(key, delta)
    }
    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        self.inner.rename(from, to)
    }
    fn clear(&self) -> Result<()> {
        self.inner.clear()
    }
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }
    fn as_async(&self) -> AsyncWay<'_> {
        AsyncWay::Inline
    }
}

fn by_tenant(
    key: &str,
    prefix: &str,
    version: i64,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    Ok(format!("tenant/{prefix}/{version}/{key}"))
}

fn ascii(key: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    if key.is_ascii() { Ok(()) } else { Err("is not ASCII".into()) }
}

fn full() -> Cache<LocMemCache> {
    let builder = Cache::builder(LocMemCache::default()).name("shop").key_prefix("shop").version(2);
    let builder = builder.timeout(Duration::from_secs(60)).key_function(by_tenant).key_validator(ascii);
    let builder = builder.key_policy(KeyPolicy::Refuse).codec(Json).also_decode(MessagePack);
    builder.single_flight_timeout(Duration::from_secs(3)).on_error(OnError::Fallback).build().unwrap()
}

#[test]
fn a_cache_says_what_it_was_built_with() {
    let cache = full();
    let config = cache.config();
    assert_eq!((config.name, config.key_prefix, config.version), ("shop", "shop", 2));
    assert_eq!(config.timeout, Timeout::After(Duration::from_secs(60)));
    assert!(config.key_function.ends_with("::by_tenant"), "{config:?}");
    assert!(config.key_validator.is_some_and(|name| name.ends_with("::ascii")), "{config:?}");
    assert_eq!((config.key_policy, config.on_error), (KeyPolicy::Refuse, OnError::Fallback));
    assert_eq!((config.codec.name(), config.single_flight_timeout), ("JSON", Duration::from_secs(3)));
    assert_eq!(config.also_decode.iter().map(|codec| codec.name()).collect::<Vec<_>>(), ["MessagePack"]);
    assert_eq!(cache.with_version(7).config().version, 7);

    let plain = Cache::new(LocMemCache::default());
    let config = plain.config();
    assert_eq!((config.name, config.key_prefix, config.version), ("default", "", 1));
    assert_eq!(config.key_function, "django.core.cache.backends.base.default_key_func");
    assert_eq!((config.key_validator, config.key_policy), (None, KeyPolicy::Warn));
    assert_eq!(config.timeout, Timeout::Default);
}

#[test]
fn a_cache_rebuilt_over_a_wrapped_backend_has_the_same_keys_and_rules() {
    for cache in [full(), Cache::new(LocMemCache::default())] {
        let backend = Arc::clone(cache.backend());
        let rebuilt = cache.with_version(7).to_builder(Counting::new(backend)).build().unwrap();
        assert_eq!(format!("{:?}", rebuilt.config()), format!("{:?}", cache.with_version(7).config()));
        assert_eq!(rebuilt.make_key("k").unwrap(), cache.with_version(7).make_key("k").unwrap());

        rebuilt.set("k", &("one", 1), DEFAULT_TIMEOUT).unwrap();
        assert_eq!(cache.with_version(7).get::<(String, i64)>("k").unwrap(), Some(("one".to_owned(), 1)));
        assert_eq!(rebuilt.get::<(String, i64)>("k").unwrap(), Some(("one".to_owned(), 1)));
        assert_eq!(rebuilt.backend().lookups.load(Ordering::Relaxed), 1);
        // What the wrapper stored under a key of its own is that key to a cache too.
        assert_eq!(cache.with_version(7).get::<i64>("k:mark").unwrap(), Some(1));
    }
    let rebuilt = full().to_builder(Counting::new(LocMemCache::default())).build().unwrap();
    for key in ["café", "a b"] {
        assert_eq!(rebuilt.get::<i64>(key).unwrap_err().kind(), ErrorKind::InvalidCacheKey, "{key}");
    }
}

#[test]
fn a_backend_that_cannot_follow_the_rules_is_refused() {
    let mut strict = Counting::new(LocMemCache::default());
    strict.capabilities.strict_keys = true;
    let error = Cache::new(LocMemCache::default()).to_builder(strict).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidCacheBackend);
}

/// A hasher to whom it matters how its input is cut up, as to fast ones.
#[derive(Default)]
struct Pieces(Vec<Vec<u8>>);

impl Hasher for Pieces {
    fn finish(&self) -> u64 {
        0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0.push(bytes.to_vec());
    }
}

#[test]
fn a_key_of_a_wrapper_is_that_of_a_cache() {
    let hash = |key: Key<'_>| {
        let mut pieces = Pieces::default();
        key.hash(&mut pieces);
        pieces.0
    };
    let long = "k".repeat(300);
    for prefix in ["", "shop", "a:b"] {
        for key in ["k", "", "1:k", ":", "a:2:b", &long] {
            let cache =
                Cache::builder(LocMemCache::default()).key_prefix(prefix).version(-3).build().unwrap();
            let made = cache.make_and_validate_key(key).unwrap();
            let text = cache.make_key(key).unwrap();
            let own = Key::new(&text, KeyPolicy::Allow).unwrap();
            assert_eq!((own, hash(own)), (made.as_key(), hash(made.as_key())), "{text}");
        }
    }
}

#[test]
fn a_wrapper_makes_only_keys_that_the_cache_would() {
    let long = "k".repeat(251);
    for (text, reason) in [("a b", "0x20"), ("a\n", "0x0a"), ("a\u{7f}", "0x7f"), (&*long, "251 bytes")] {
        let error = Key::new(text, KeyPolicy::Refuse).unwrap_err();
        assert_eq!((error.kind(), error.key()), (ErrorKind::InvalidCacheKey, Some(text)));
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(Key::new(text, KeyPolicy::Warn).unwrap().as_str(), text);
        assert_eq!(Key::new(text, KeyPolicy::Allow).unwrap().as_str(), text);
    }
    assert_eq!(Key::new("é:清", KeyPolicy::Refuse).unwrap().as_bytes(), "é:清".as_bytes());
}

#[test]
fn a_function_that_takes_any_cache_takes_a_concrete_one() {
    fn visit(cache: &Cache) -> i64 {
        cache.get_or_set_value("visits", None, 0).unwrap();
        cache.incr("visits").unwrap()
    }
    let cache = Cache::builder(LocMemCache::default()).key_prefix("p").build().unwrap();
    assert_eq!(visit(&cache.with_version(2).to_dyn()), 1);
    assert_eq!(visit(&cache.with_version(2).into()), 2);
    assert_eq!(
        (cache.with_version(2).get("visits").unwrap(), cache.get::<i64>("visits").unwrap()),
        (Some(2), None)
    );
    assert_eq!(cache.stats(), cache.to_dyn().stats(), "one cache, not a copy");
}

#[test]
fn a_plain_default_is_stored_once() {
    let cache = Cache::new(LocMemCache::default());
    assert_eq!(cache.get_or_set_value("k", DEFAULT_TIMEOUT, 1).unwrap(), 1);
    assert_eq!(cache.get_or_set_value("k", DEFAULT_TIMEOUT, 2).unwrap(), 1);
    futures_lite::future::block_on(async {
        assert_eq!(cache.aget_or_set_value("k", DEFAULT_TIMEOUT, 3).await.unwrap(), 1);
        assert_eq!(cache.aget_or_set_value("other", DEFAULT_TIMEOUT, vec![4]).await.unwrap(), [4]);
    });
    assert_eq!(cache.get::<Vec<i64>>("other").unwrap(), Some(vec![4]));
    assert_eq!(cache.get_or_set_value("gone", Some(Duration::ZERO), 5).unwrap(), 5);
    assert_eq!(cache.get::<i64>("gone").unwrap(), None);
    cache.set("text", "t", DEFAULT_TIMEOUT).unwrap();
    assert_eq!(cache.get_or_set_value("text", DEFAULT_TIMEOUT, 6).unwrap_err().kind(), ErrorKind::Decode);
}

#[test]
fn no_timeout_is_never() {
    assert_eq!(Timeout::from(None), Timeout::Never);
    assert_eq!(Timeout::from(Some(Duration::from_secs(1))), Timeout::After(Duration::from_secs(1)));
    assert_eq!(Timeout::from(Some(Duration::ZERO)), Timeout::After(Duration::ZERO));
}

#[test]
fn counting_goes_by_one_or_by_a_number() {
    let cache = Cache::new(LocMemCache::default());
    cache.set("n", &10, Timeout::Never).unwrap();
    assert_eq!((cache.incr_by("n", 5).unwrap(), cache.decr_by("n", 7).unwrap()), (15, 8));
    assert_eq!((cache.incr("n").unwrap(), cache.incr("n").unwrap(), cache.decr("n").unwrap()), (9, 10, 9));
    futures_lite::future::block_on(async {
        assert_eq!((cache.aincr("n").await.unwrap(), cache.adecr("n").await.unwrap()), (10, 9));
        assert_eq!((cache.aincr_by("n", 2).await.unwrap(), cache.adecr_by("n", 7).await.unwrap()), (11, 4));
        assert_eq!(cache.aincr_version("n").await.unwrap(), 2);
        assert_eq!(cache.with_version(2).adecr_version("n").await.unwrap(), 1);
        assert_eq!(cache.aincr_version_by("n", 2).await.unwrap(), 3);
        assert_eq!(cache.with_version(3).adecr_version_by("n", 1).await.unwrap(), 2);
    });
    assert_eq!(cache.with_version(2).incr_version_by("n", 2).unwrap(), 4);
    assert_eq!(cache.with_version(4).decr_version_by("n", 3).unwrap(), 1);
    assert_eq!(cache.incr_version("n").unwrap(), 2);
    assert_eq!(cache.with_version(2).decr_version("n").unwrap(), 1);
    assert_eq!(cache.get("n").unwrap(), Some(4));
    assert_eq!(cache.incr_by("absent", 1).unwrap_err().kind(), ErrorKind::KeyNotFound);
}
