//! Redis, shared with django-redis, which writes JSON.

use crate::{Pair, interop_tests};
use cache_core::Json;
use cache_redis::RedisCache;
use conformance_tests::servers::Server;
use serde_json::json;

/// What JSON has no form for, and Django's encoder invents none.
const REFUSED: [&str; 21] = [
    "bytes_empty",
    "bytes_abc",
    "bytes_all",
    "bytes_digits",
    "bytes_crlf",
    "bytearray",
    "list_mixed",
    "dict_tuplekey",
    "recursive_list",
    "recursive_dict",
    "set_0",
    "set_ints",
    "frozenset_ints",
    "set_str1",
    "complex",
    "range",
    "deque",
    "fraction",
    "enum",
    "http_response",
    "exception",
];

/// Python's JSON has integers without an end, the infinities and NaN, and halves of characters.
const NOT_EQUAL: [&str; 8] = [
    "int_2p64",
    "int_neg_2p63_1",
    "int_1e30",
    "int_neg1e30",
    "float_inf",
    "float_ninf",
    "float_nan",
    "str_surrogate",
];

fn pair() -> Option<Pair> {
    let servers = crate::servers(1, || Server::redis(&[]))?;
    let url = format!("redis://{}/0", servers[0].address());
    let settings = json!({
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": url,
        "OPTIONS": { "SERIALIZER": "django_redis.serializers.json.JSONSerializer" },
    });
    let backend = RedisCache::builder([url]).build().unwrap();
    Pair::new("django-redis, JSON", servers, backend, Json, settings)
}

interop_tests!(json pair, refused: REFUSED, not_equal: NOT_EQUAL);
