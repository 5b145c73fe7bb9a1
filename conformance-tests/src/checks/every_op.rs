//! Every operation on one key, for the rules that hold for all of them.

use cache_core::{Error, Result};

use super::MINUTE;
use crate::handle::C;

/// What each operation says of `key`, by name: in an order in which none should fail but for an
/// absent key, and which leaves the key absent. The many-operations get a good key beside it.
pub(crate) async fn every_op(cache: &C, key: &str) -> Vec<(&'static str, Option<Error>)> {
    let both = || ["a-good-key", key];
    vec![
        ("get", failure(cache.get::<i64>(key).await)),
        ("get_bytes", failure(cache.get_bytes(key).await)),
        ("set_bytes", failure(cache.set_bytes(key, "1", MINUTE).await)),
        ("set", failure(cache.set(key, &1, MINUTE).await)),
        ("add", failure(cache.add(key, &1, MINUTE).await)),
        ("touch", failure(cache.touch(key, MINUTE).await)),
        ("has_key", failure(cache.has_key(key).await)),
        ("incr", failure(cache.incr(key, 1).await)),
        ("decr", failure(cache.decr(key, 1).await)),
        ("incr_version", failure(cache.incr_version(key, 1).await)),
        ("decr_version", failure(cache.decr_version(key, 1).await)),
        ("get_or_set", failure(cache.get_or_set(key, MINUTE, || 1).await)),
        ("get_many", failure(cache.get_many::<i64, _>(both()).await)),
        ("set_many", failure(cache.set_many(both().map(|key| (key, 1)), MINUTE).await)),
        ("delete_many", failure(cache.delete_many(both()).await)),
        ("delete", failure(cache.delete(key).await)),
    ]
}

fn failure<T>(result: Result<T>) -> Option<Error> {
    result.err()
}
