//! The conformance suite on the memory backend that evicts by S3-FIFO.

use cache_locmem::{Eviction, LocMemCache};
use conformance_tests::Suite;

fn main() {
    Suite::new("locmem-s3fifo", |spec| {
        let options = LocMemCache::builder()
            .name(&spec.location)
            .eviction(Eviction::S3Fifo)
            .cull_frequency(spec.cull_frequency)
            .clock(spec.clock.clone());
        match spec.max_entries {
            Some(max) => options.max_entries(max).build(),
            None => options.unlimited().build(),
        }
    })
    .manual_clock()
    .shared_locations()
    .run()
}
