//! [`ensure_absent`]: asserts through every operation that a key is absent.

use super::LONG;
use crate::outcome::Outcome;
use crate::test_cache::TestCache;

/// Every operation reports `key` as missing, and leaves it missing.
pub(super) async fn ensure_absent(cache: &TestCache, key: &str, what: &str) -> Outcome {
    ensure!(!cache.has_key(key).await?, "{what}: has_key found it");
    ensure_eq!(cache.get::<serde_json::Value>(key).await?, None, "{what}: get");
    ensure_eq!(cache.get_many::<serde_json::Value, _>([key]).await?, [], "{what}: get_many");
    ensure_eq!(cache.get_bytes(key).await?, None, "{what}: get_bytes");
    ensure!(!cache.touch(key, LONG).await?, "{what}: touch found it");
    ensure_err!(cache.incr(key).await, KeyNotFound, "{what}: incr");
    ensure_err!(cache.decr(key).await, KeyNotFound, "{what}: decr");
    ensure_err!(cache.incr_version(key).await, KeyNotFound, "{what}: incr_version");
    ensure!(!cache.delete(key).await?, "{what}: delete found it");
    ensure!(cache.add(key, "fresh", LONG).await?, "{what}: add found it");
    ensure_eq!(cache.get::<String>(key).await?.as_deref(), Some("fresh"), "{what}: get after add");
    ensure!(cache.delete(key).await?, "{what}: delete after add");
    Ok(())
}
