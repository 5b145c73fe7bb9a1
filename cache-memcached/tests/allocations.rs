//! How often one call to a real server asks the allocator.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use cache_core::Cache;
use common::{MINUTE, options, server};

const CALLS: u64 = 1_000;

#[test]
fn a_call_allocates_for_its_request_and_its_reply_and_no_more() {
    let Some(server) = server() else { return };
    let cache = Cache::new(options(server.address()).operation_timeout(MINUTE).build().unwrap());
    let value = "v".repeat(100);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let calls: [(&str, u64, &dyn Fn()); 4] = [
        ("set", 11, &|| cache.set("k", &value, MINUTE).unwrap()),
        ("get", 11, &|| drop(cache.get::<String>("k").unwrap().unwrap())),
        ("aset", 13, &|| runtime.block_on(cache.aset("k", &value, MINUTE)).unwrap()),
        ("aget", 13, &|| drop(runtime.block_on(cache.aget::<String>("k")).unwrap().unwrap())),
    ];
    for (name, most, call) in calls {
        (0..10).for_each(|_| call());
        let counted = allocation_counter::measure(|| (0..CALLS).for_each(|_| call()));
        // Fewer than one in a hundred calls may need more: a timer, a buffer that grows.
        assert!(
            counted.count_total <= most * CALLS + CALLS / 100,
            "{name}: {} allocations",
            counted.count_total
        );
    }
}
