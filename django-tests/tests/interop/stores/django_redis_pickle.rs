//! Redis, shared with django-redis, which pickles.

use crate::{Pair, interop_tests};
use cache_pickle::Pickle;
use cache_redis::RedisCache;
use conformance_tests::servers::Server;
use serde_json::json;

/// django-redis writes an object of a subclass of `int` as a plain integer.
const BY_DJANGO: [&str; 4] = ["str_surrogate", "recursive_list", "recursive_dict", "int_subclass"];

fn pair() -> Option<Pair> {
    let servers = crate::servers(1, || Server::redis(&[]))?;
    let url = format!("redis://{}/0", servers[0].address());
    let settings = json!({ "BACKEND": "django_redis.cache.RedisCache", "LOCATION": url });
    let backend = RedisCache::builder([url]).build().unwrap();
    Pair::new("django-redis, pickle", servers, backend, Pickle::default(), settings)
}

interop_tests!(pair, by_django: BY_DJANGO, by_rust: crate::values::UNREADABLE);
