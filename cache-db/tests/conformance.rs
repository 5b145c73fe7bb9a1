//! The conformance suite on SQLite.

use cache_db::DatabaseCache;
use conformance_tests::Suite;

fn main() {
    Suite::new("db", |spec| {
        let options = DatabaseCache::builder(spec.dir.join("cache.sqlite3")).table(&spec.location);
        let options = options.clock(spec.clock.clone()).cull_frequency(spec.cull_frequency);
        match spec.max_entries {
            Some(max) => options.max_entries(max).build(),
            None => options.unlimited().build(),
        }
    })
    .manual_clock()
    .shared_locations()
    .directory()
    .run()
}
