//! The conformance suite on the memory backend.

use cache_locmem::LocMemCache;
use conformance_tests::Suite;

fn main() {
    Suite::new("locmem", |spec| {
        let options = LocMemCache::builder().name(&spec.location).clock(spec.clock.clone());
        if !spec.names_limits {
            return options.build();
        }
        match spec.max_entries {
            Some(max) => options.max_entries(max).cull_frequency(spec.cull_frequency).build(),
            None => options.unlimited().build(),
        }
    })
    .manual_clock()
    .shared_locations()
    .remembers_limits()
    .run()
}
