//! A cache whose process forks. A program of its own: what other threads hold at a fork stays held in the child.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use cache_core::Cache;
use common::{Memcached, options, raw, server};
use conformance_tests::faults::{fork_calls, fork_connections};

/// With generous limits, so that a busy machine does not fail the test.
fn cache(address: SocketAddr) -> Memcached {
    let long = Duration::from_secs(10);
    Cache::new(options(address).operation_timeout(long).connect_timeout(long).build().unwrap())
}

#[test]
fn both_sides_of_a_fork_read_their_own() {
    let Some(server) = server() else { return };
    fork_calls("memcached", &cache(server.address()));
}

#[test]
fn a_child_leaves_the_connections_of_its_parent_alone() {
    let Some(server) = server() else { return };
    fork_connections::connections(cache(server.address()), || {
        let stats = raw(server.address(), b"stats\r\n", "END\r\n");
        let line = stats.lines().find_map(|line| line.strip_prefix("STAT total_connections "));
        line.unwrap().trim().parse().unwrap()
    });
}

#[test]
fn a_runtime_from_before_the_fork_is_an_error() {
    let Some(server) = server() else { return };
    fork_connections::runtimes(&cache(server.address()));
}
