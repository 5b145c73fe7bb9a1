//! Redis, shared with django-redis, which writes JSON.

mod interop;

use cache_core::Json;
use cache_redis::RedisCache;
use conformance_tests::servers::Server;
use interop::{Pair, interop_tests};
use serde_json::json;

fn pair() -> Option<Pair> {
    let servers = interop::servers(1, || Server::redis(&[]))?;
    let url = format!("redis://{}/0", servers[0].address());
    let settings = json!({
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": url,
        "OPTIONS": { "SERIALIZER": "django_redis.serializers.json.JSONSerializer" },
    });
    let backend = RedisCache::builder([url]).build().unwrap();
    Pair::new("django-redis, JSON", servers, backend, Json, settings)
}

interop_tests!(json pair, not_equal: [""; 0]);
