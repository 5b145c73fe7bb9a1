//! A store that counts wrong.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use cache_core::{Cache, Clock, Culling, Expiry, Payload};
use conformance_tests::faults::in_time;

use crate::store::{Over, Store};
use crate::{Eviction, LocMemCache};

/// No sequence of calls leads to a wrong count. If one did, a set would count again instead of trying for ever.
#[test]
fn a_write_ends_though_the_count_is_wrong() {
    for (limit, eviction) in [(8, Eviction::Lru), (8, Eviction::S3Fifo), (10_000, Eviction::Lru)] {
        let culling = Culling::DEFAULT.max_entries(limit).unwrap();
        let store = Arc::new(Store::new(culling, eviction, Clock::system()));
        store.miscount();
        let written = Arc::clone(&store);
        let what =
            format!("a write into an empty store by {eviction:?} that counts its limit of {limit} entries");
        let is_stored = in_time(&what, move || {
            let key = Cache::new(LocMemCache::default()).make_and_validate_key("k").unwrap();
            written.put(key.as_key(), Payload::Int(1), Expiry::Never, Over::Keep)
        });
        assert!(is_stored, "{what}: nothing was stored");
        assert_eq!(store.len(), 1, "{what}: entries counted afterwards");
    }
}
