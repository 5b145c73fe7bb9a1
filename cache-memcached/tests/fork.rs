//! A cache whose process forks. A program of its own: what other threads hold at a fork stays held in the child.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use cache_core::{Cache, ErrorKind};
use common::{MINUTE, options, raw, runtime, server};
use conformance_tests::faults::{fork, fork_calls};

#[test]
fn both_sides_of_a_fork_read_their_own() {
    let Some(server) = server() else { return };
    let long = std::time::Duration::from_secs(10);
    let cache = options(server.address()).timeout(long).connect_timeout(long);
    fork_calls("memcached", &Cache::new(cache.build().unwrap()));
}

/// What the child does to its own connections the server sees of the parent's as well, if they are the same.
#[test]
fn a_child_leaves_the_connections_of_its_parent_alone() {
    let Some(server) = server() else { return };
    let cache = Cache::new(options(server.address()).build().unwrap());
    let (runtime, opened) = (runtime(), || {
        let stats = raw(server.address(), b"stats\r\n", "END\r\n");
        let text = stats.split("STAT total_connections ").nth(1).unwrap().lines().next().unwrap();
        text.parse::<u32>().unwrap()
    });
    cache.set("k", "parent", MINUTE).unwrap();
    runtime.block_on(cache.aset("k", "parent", MINUTE)).unwrap();
    let before = opened();
    for closes in [true, false] {
        let theirs = cache.clone();
        let child = fork(move || {
            let found = theirs.get::<String>("k").map_err(|e| e.to_string())?;
            // The last handle too, with all that it has from the parent.
            if closes {
                theirs.close().map_err(|e| e.to_string())?;
            }
            drop(theirs);
            Ok(found.unwrap_or_default())
        });
        assert_eq!(child.unwrap().join().unwrap(), "parent");
    }
    for _ in 0..100 {
        assert_eq!(cache.get::<String>("k").unwrap().unwrap(), "parent");
        assert_eq!(runtime.block_on(cache.aget::<String>("k")).unwrap().unwrap(), "parent");
    }
    // One of each child, and one for each look.
    assert_eq!(opened() - before, 2 + 1, "connections opened since the fork");
}

#[test]
fn a_runtime_from_before_the_fork_is_an_error() {
    let Some(server) = server() else { return };
    let cache = Cache::new(options(server.address()).build().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(cache.aset("k", "v", MINUTE)).unwrap();
    let long = "x".repeat(100_000);
    let child = fork(|| {
        let calls = [
            runtime.block_on(cache.aget::<String>("k")).map(drop),
            runtime.block_on(cache.aset("k", &long, MINUTE)),
            runtime.block_on(cache.aget_many::<String, _>(["k", "l"])).map(drop),
        ];
        let told = calls.iter().all(|done| {
            let e = done.as_ref().unwrap_err();
            e.kind() == ErrorKind::InvalidCacheBackend
                && e.to_string().contains("make a runtime in the child")
        });
        // The sync half needs none.
        let found = cache.get::<String>("k").map_err(|e| e.to_string())?;
        Ok(format!("{told} {found:?}"))
    });
    assert_eq!(child.unwrap().join().unwrap(), "true Some(\"v\")");
    assert_eq!(runtime.block_on(cache.aget::<String>("k")).unwrap().unwrap(), "v");
}
