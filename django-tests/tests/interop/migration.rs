//! From pickle to JSON without a flush, on Redis with django-redis: the steps of the guide
//! (docs/guide/sharing-with-django.md), one after another.

use cache_core::{Cache, CacheBuilder, ErrorKind, Json};
use cache_pickle::Pickle;
use cache_redis::RedisCache;
use conformance_tests::servers::Server;
use django_tests::{Bridge, BridgeError, python};
use serde_json::{Value, json};

use crate::TIMEOUT;

const GUIDE: &str = include_str!("../../../docs/guide/sharing-with-django.md");

/// The serializer that Django has while it reads both.
const PICKLE_TO_JSON: &str = include_str!("../../python/pickle_to_json.py");

/// The step with which Rust begins to write JSON, and that with which Django does.
const JSON_BY_RUST: usize = 3;
const JSON_BY_DJANGO: usize = 2;

/// One Redis, and Django's caches on it: each by the name of its serializer.
struct Sides {
    url: String,
    django: Bridge,
    _server: Vec<Server>,
}

impl Sides {
    fn new() -> Option<Self> {
        let server = crate::servers(1, || Server::redis(&[]))?;
        let python = python::or_skip()?;
        let url = format!("redis://{}/0", server[0].address());
        let cache = |serializer: &str| {
            json!({
                "BACKEND": "django_redis.cache.RedisCache",
                "LOCATION": url,
                "KEY_PREFIX": "shared",
                "OPTIONS": { "SERIALIZER": serializer },
            })
        };
        let caches = json!({
            "pickle": cache("django_redis.serializers.pickle.PickleSerializer"),
            "both": cache("pickle_to_json.PickleToJSON"),
            "json": cache("django_redis.serializers.json.JSONSerializer"),
        });
        let django = Bridge::new(&python, &caches, TIMEOUT);
        Some(Self { url, django, _server: server })
    }

    /// A Rust service.
    fn rust(&self, codecs: fn(CacheBuilder<RedisCache>) -> CacheBuilder<RedisCache>) -> Cache<RedisCache> {
        let backend = RedisCache::builder(self.url.as_str()).build().unwrap();
        codecs(Cache::builder(backend).key_prefix("shared")).build().unwrap()
    }

    fn django_set(&self, cache: &str, key: &str, value: &Value) {
        let request = json!({ "op": "set", "cache": cache, "key": key, "value": { "json": value } });
        self.django.call(&request).unwrap_or_else(|e| panic!("Django's set of {key} by {cache}: {e:?}"));
    }

    fn django_get(&self, cache: &str, key: &str) -> Result<Option<Value>, BridgeError> {
        let request = json!({ "op": "get", "cache": cache, "key": key, "as_json": true });
        let found = self.django.call(&request)?;
        Ok(found["json"].as_str().map(|text| serde_json::from_str(text).unwrap()))
    }
}

/// Values that pickle and JSON both have.
fn values() -> Vec<Value> {
    vec![
        json!({ "name": "Ada", "née": true, "scores": [1, -2.5, null] }),
        json!(["text", [2]]),
        json!("text"),
        json!(true),
        json!(3.5),
        json!(42),
    ]
}

/// Every value that has been written up to this step, by both sides: who, in which step, key, value.
fn written(now: usize) -> impl Iterator<Item = (&'static str, usize, String, Value)> {
    let by = |side: &'static str, step: usize| {
        let key = move |n: usize| format!("{side}-{step}-{n}");
        values().into_iter().enumerate().map(move |(n, value)| (side, step, key(n), value))
    };
    (0..=now).flat_map(move |step| by("rust", step).chain(by("django", step)))
}

#[test]
fn no_step_from_pickle_to_json_needs_a_flush() {
    let Some(sides) = Sides::new() else { return };
    let both_pickling = || sides.rust(|cache| cache.codec(Pickle::default()).also_decode(Json));
    let steps = [
        (sides.rust(|cache| cache.codec(Pickle::default())), "pickle"),
        (both_pickling(), "pickle"),
        (both_pickling(), "both"),
        (sides.rust(|cache| cache.codec(Json).also_decode(Pickle::default())), "both"),
    ];
    for (now, (rust, django)) in steps.iter().enumerate() {
        for (side, _, key, value) in written(now).filter(|(_, step, _, _)| *step == now) {
            match side {
                "rust" => rust.set(&key, &value, cache_core::Timeout::from_secs(3_600)).unwrap(),
                _ => sides.django_set(django, &key, &value),
            }
        }
        // Services are replaced one by one: those of the step before are still there.
        let (before, _) = &steps[now.saturating_sub(1)];
        for (_, _, key, value) in written(now) {
            assert_eq!(rust.get::<Value>(&key).unwrap().as_ref(), Some(&value), "Rust, step {now}: {key}");
            assert_eq!(before.get::<Value>(&key).unwrap(), Some(value.clone()), "before step {now}: {key}");
            let by_django = sides.django_get(django, &key);
            assert_eq!(by_django.unwrap(), Some(value), "Django, step {now}: {key}");
        }
    }
    json_alone(&sides);
}

/// The last step: without `also_decode` and the class. What is left to read is what was written as JSON,
/// and integers, which no codec writes.
fn json_alone(sides: &Sides) {
    let rust = sides.rust(|cache| cache.codec(Json));
    for (side, step, key, value) in written(JSON_BY_RUST) {
        let since = if side == "rust" { JSON_BY_RUST } else { JSON_BY_DJANGO };
        let (by_rust, by_django) = (rust.get::<Value>(&key), sides.django_get("json", &key));
        if step >= since || value.is_i64() {
            assert_eq!(by_rust.unwrap(), Some(value.clone()), "Rust: {key}");
            assert_eq!(by_django.unwrap(), Some(value), "Django: {key}");
        } else {
            assert_eq!(by_rust.unwrap_err().kind(), ErrorKind::Decode, "a pickle: {key}");
            assert!(by_django.is_err(), "a pickle: {key}");
        }
    }
}

#[test]
fn the_guide_quotes_the_serializer() {
    let (_, quoted) = GUIDE.split_once("   ```python\n").unwrap();
    let (quoted, _) = quoted.split_once("   ```\n").unwrap();
    let lines = quoted.lines().map(|line| line.strip_prefix("   ").unwrap_or(line));
    assert_eq!(lines.collect::<Vec<_>>(), PICKLE_TO_JSON.lines().collect::<Vec<_>>());
}
