//! A cache whose process forks. A program of its own: what other threads hold at a fork stays held in the child.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use cache_core::ErrorKind;
use common::{MINUTE, cache, inline, redis, runtime};
use conformance_tests::faults::{fork, fork_calls};

#[test]
fn both_sides_of_a_fork_read_their_own() {
    let Some(server) = redis() else { return };
    fork_calls("redis", &cache(server.address()));
}

/// What the child does to its own connections the server sees of the parent's as well, if they are the same.
#[test]
fn a_child_leaves_the_connections_of_its_parent_alone() {
    let Some(server) = redis() else { return };
    let cache = cache(server.address());
    let runtime = runtime();
    let opened = || {
        let stats = inline(server.address(), "INFO stats", "total_commands_processed");
        let line = stats.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
        line.unwrap().trim().parse::<u32>().unwrap()
    };
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
    let Some(server) = redis() else { return };
    let cache = cache(server.address());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(cache.aset("k", "v", MINUTE)).unwrap();
    let child = fork(|| {
        let calls = [
            runtime.block_on(cache.aget::<String>("k")).map(drop),
            runtime.block_on(cache.aset("k", "w", MINUTE)),
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

/// The map of a cluster is each process' own too.
#[cfg(feature = "cluster")]
#[test]
fn both_sides_of_a_fork_use_a_cluster() {
    use conformance_tests::servers::{Server, or_skip};
    let Some(server) = or_skip(Server::redis(&["--cluster-enabled", "yes"])) else { return };
    inline(server.address(), "CLUSTER ADDSLOTSRANGE 0 16383", "OK");
    let cache = common::build(common::to(format!("redis://{}", server.address())).cluster());
    let begun = std::time::Instant::now();
    while let Err(e) = cache.set("k", "v", MINUTE) {
        assert!(begun.elapsed().as_secs() < 20, "{e}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    fork_calls("redis", &cache);
}
