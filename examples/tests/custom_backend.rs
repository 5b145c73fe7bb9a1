//! The conformance suite on the example backend.

use conformance_tests::Suite;
use examples::MapCache;

fn main() {
    Suite::new("custom", |spec| Ok(MapCache::new(spec.clock.clone()))).manual_clock().run()
}
