//! [`finds_nothing`]: expects that every call on a store that does not exist yet finds nothing.

use std::time::Duration;

use cache_core::{BaseCache, Cache, ErrorKind, Presence};

/// Makes every call that reads or changes an entry on a store that does not exist, and expects that it finds
/// nothing. The calls must not create anything; the caller checks that afterwards.
///
/// # Panics
/// If a call fails, finds something, or says that the store exists.
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
pub fn finds_nothing<B: BaseCache + ?Sized + 'static>(cache: &Cache<B>) {
    let minute = Duration::from_secs(60);
    assert_eq!(cache.get::<i64>("k").unwrap(), None, "get");
    assert!(cache.get_many::<i64, _>(["k", "l"]).unwrap().is_empty(), "get_many");
    assert!(!cache.has_key("k").unwrap(), "has_key");
    assert!(!cache.touch("k", minute).unwrap(), "touch");
    assert!(!cache.delete("k").unwrap(), "delete");
    cache.delete_many(["k", "l"]).unwrap();
    assert_eq!(cache.incr("k").unwrap_err().kind(), ErrorKind::KeyNotFound, "incr");
    assert_eq!(cache.incr_version("k").unwrap_err().kind(), ErrorKind::KeyNotFound, "incr_version");
    cache.clear().unwrap();
    // Not every store counts.
    assert_eq!(cache.info().unwrap().entries.unwrap_or_default(), 0, "the entries of info");
    assert_eq!(cache.purge_expired().unwrap().unwrap_or_default(), 0, "purge_expired");
    assert_eq!(cache.ping().unwrap(), Presence::NotYet, "ping");
}
