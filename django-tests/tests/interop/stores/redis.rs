//! Redis, shared with Django's own RedisCache.

use crate::{Pair, interop_tests};
use cache_pickle::Pickle;
use cache_redis::RedisCache;
use conformance_tests::servers::Server;
use serde_json::json;

fn pair() -> Option<Pair> {
    let servers = crate::servers(1, || Server::redis(&[]))?;
    let url = format!("redis://{}/0", servers[0].address());
    let settings = json!({ "BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url });
    let backend = RedisCache::builder([url]).build().unwrap();
    Pair::new("redis", servers, backend, Pickle::default(), settings)
}

interop_tests!(pair, by_django: crate::values::UNREADABLE, by_rust: crate::values::UNREADABLE);
