//! Calls every operation on one key, for rules that hold for all of them.

use std::future::Future;
use std::time::{Duration, Instant};

use cache_core::{Error, Result};

use super::LONG;
use crate::test_cache::TestCache;

/// What each operation says of `key`, by name: in an order in which none should fail but for an
/// absent key, and which leaves the key absent. The many-operations get a good key beside it.
pub(crate) async fn every_op(cache: &TestCache, key: &str) -> Vec<(&'static str, Option<Error>)> {
    timed_ops(cache, key).await.into_iter().map(|(op, error, _)| (op, error)).collect()
}

/// The same, and how long each took.
pub(crate) async fn timed_ops(cache: &TestCache, key: &str) -> Vec<(&'static str, Option<Error>, Duration)> {
    let both = || ["a-good-key", key];
    vec![
        timed("get", cache.get::<i64>(key)).await,
        timed("get_bytes", cache.get_bytes(key)).await,
        timed("set_bytes", cache.set_bytes(key, "1", LONG)).await,
        timed("set", cache.set(key, &1, LONG)).await,
        timed("add", cache.add(key, &1, LONG)).await,
        timed("touch", cache.touch(key, LONG)).await,
        timed("has_key", cache.has_key(key)).await,
        timed("incr", cache.incr(key)).await,
        timed("decr", cache.decr(key)).await,
        timed("incr_version", cache.incr_version(key)).await,
        timed("decr_version", cache.decr_version(key)).await,
        timed("get_or_set", cache.get_or_set(key, LONG, || 1)).await,
        timed("get_many", cache.get_many::<i64, _>(both())).await,
        timed("set_many", cache.set_many(both().map(|key| (key, 1)), LONG)).await,
        timed("delete_many", cache.delete_many(both())).await,
        timed("delete", cache.delete(key)).await,
    ]
}

async fn timed<T>(
    op: &'static str,
    call: impl Future<Output = Result<T>>,
) -> (&'static str, Option<Error>, Duration) {
    let begun = Instant::now();
    let error = call.await.err();
    (op, error, begun.elapsed())
}
