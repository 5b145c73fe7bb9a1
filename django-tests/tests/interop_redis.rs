//! Redis, shared with Django's own RedisCache.

mod interop;

use cache_pickle::Pickle;
use cache_redis::RedisCache;
use conformance_tests::servers::Server;
use interop::{Pair, interop_tests};
use serde_json::json;

/// Django writes an integer beyond 64 bits as its digits, which no codec here takes for a value.
const BY_DJANGO: [&str; 9] = [
    "int_2p63",
    "int_u64max",
    "int_2p64",
    "int_neg_2p63_1",
    "int_1e30",
    "int_neg1e30",
    "str_surrogate",
    "recursive_list",
    "recursive_dict",
];

fn pair() -> Option<Pair> {
    let servers = interop::servers(1, || Server::redis(&[]))?;
    let url = format!("redis://{}/0", servers[0].address());
    let settings = json!({ "BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url });
    let backend = RedisCache::builder([url]).build().unwrap();
    Pair::new("redis", servers, backend, Pickle::default(), settings)
}

interop_tests!(pair, by_django: BY_DJANGO, by_rust: interop::values::UNREADABLE);
