//! The conformance suite on redb.

use conformance_tests::Suite;
use redb_backend::RedbCache;

fn main() {
    Suite::new("redb", |spec| Ok(RedbCache::new(spec.dir.join("cache.redb")).clock(spec.clock.clone())))
        .manual_clock()
        .run()
}
