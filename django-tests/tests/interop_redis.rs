//! Redis, shared with Django's own RedisCache.

mod interop;

use cache_pickle::Pickle;
use cache_redis::RedisCache;
use conformance_tests::servers::Server;
use interop::{Pair, interop_tests};
use serde_json::json;

fn pair() -> Option<Pair> {
    let servers = interop::servers(1, || Server::redis(&[]))?;
    let url = format!("redis://{}/0", servers[0].address());
    let settings = json!({ "BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url });
    let backend = RedisCache::builder([url]).build().unwrap();
    Pair::new("redis", servers, backend, Pickle::default(), settings)
}

interop_tests!(pair, by_django: interop::values::UNREADABLE, by_rust: interop::values::UNREADABLE);
