//! A cache whose process forks. A program of its own: what other threads hold at a fork stays held in the child.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{cache, inline, redis};
use conformance_tests::faults::{fork_calls, fork_connections};

#[test]
fn both_sides_of_a_fork_read_their_own() {
    let Some(server) = redis() else { return };
    fork_calls("redis", &cache(server.address()));
}

#[test]
fn a_child_leaves_the_connections_of_its_parent_alone() {
    let Some(server) = redis() else { return };
    fork_connections::connections(cache(server.address()), || {
        let stats = inline(server.address(), "INFO stats", "total_commands_processed");
        let line = stats.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
        line.unwrap().trim().parse().unwrap()
    });
}

#[test]
fn a_runtime_from_before_the_fork_is_an_error() {
    let Some(server) = redis() else { return };
    fork_connections::runtimes(&cache(server.address()));
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
    while let Err(e) = cache.set("k", "v", common::MINUTE) {
        assert!(begun.elapsed().as_secs() < 20, "{e}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    fork_calls("redis", &cache);
}
