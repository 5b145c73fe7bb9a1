//! A store that counts wrong.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, mpsc};
use std::time::Duration;

use cache_core::{Cache, Clock, Culling, Expiry, Payload};

use crate::store::{Over, Store};
use crate::{Eviction, LocMemCache};

/// No sequence of calls leads there. If one did, a set would count anew and not try for ever.
#[test]
fn a_write_ends_though_the_count_is_wrong() {
    for (limit, eviction) in [(8, Eviction::Lru), (8, Eviction::S3Fifo), (10_000, Eviction::Lru)] {
        let culling = Culling::DEFAULT.max_entries(limit).unwrap();
        let store = Arc::new(Store::new(culling, eviction, Clock::system()));
        store.miscount();
        let (done, is_done) = mpsc::channel();
        let written = Arc::clone(&store);
        std::thread::spawn(move || {
            let key = Cache::new(LocMemCache::default()).make_and_validate_key("k").unwrap();
            done.send(written.put(key.as_key(), Payload::Int(1), Expiry::Never, Over::Keep)).unwrap();
        });
        assert!(is_done.recv_timeout(Duration::from_secs(60)).unwrap(), "it was stored");
        assert_eq!(store.len(), 1);
    }
}
