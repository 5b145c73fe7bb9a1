//! The conformance suite on the backend that stores nothing.

use cache_dummy::DummyCache;
use conformance_tests::Suite;

fn main() {
    Suite::new("dummy", |_| Ok(DummyCache)).manual_clock().shared_locations().run()
}
