//! Memory stays bounded however long a store is written to. Counted to the byte, in a program of its own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use allocation_counter::measure;
use cache_core::{Cache, Clock, Timeout};
use cache_locmem::{Eviction, LocMemCache};
use conformance_tests::faults::{effort, record};

const MAX: u64 = 500;

/// New keys, deadlines that move, entries that leave and expire: from write `from` on.
fn write(cache: &Cache<LocMemCache>, time: &cache_core::ManualClock, from: u64, writes: u64) {
    for n in from..from + writes {
        let key = format!("key number {n:020}");
        let timeout = if n % 2 == 0 { Timeout::Never } else { Duration::from_secs(n % 100 + 1).into() };
        cache.set_bytes(&key, vec![0; 100], timeout).unwrap();
        cache.set("hot", &n, Duration::from_secs(1_000 + n % 7)).unwrap();
        cache.touch("hot", Duration::from_secs(1_000 + n % 5)).unwrap();
        if n % 5 == 0 {
            cache.delete(&key).unwrap();
        }
        if n % 50 == 0 {
            time.advance(Duration::from_secs(1));
        }
    }
}

#[test]
fn a_hundred_times_as_many_writes_take_no_more_memory() {
    for eviction in [Eviction::Lru, Eviction::S3Fifo] {
        let (clock, time) = Clock::manual();
        let cache = Cache::new(
            LocMemCache::builder().max_entries(MAX).eviction(eviction).clock(clock).build().unwrap(),
        );
        let warm = 20 * MAX;
        let filled = measure(|| write(&cache, &time, 0, warm)).bytes_current;
        let more = effort(100, 2_000) * MAX;
        let later = measure(|| write(&cache, &time, warm, more));
        // Beyond what the full store holds, at any moment.
        let extra = later.bytes_max;
        let figure = format!("{eviction:?}: {filled} bytes when full, at most {extra} more in {more} writes");
        // A cull may just have taken a third, and tables and heaps grow in doublings. What is kept of each
        // write would be several times that.
        let bounded = extra < 2 * u64::try_from(filled).unwrap();
        record(29, "locmem", more, u64::from(!bounded), &figure);
        assert!(bounded, "{figure}");
        assert!(later.bytes_current.unsigned_abs() < filled.unsigned_abs(), "{figure}");
    }
}
