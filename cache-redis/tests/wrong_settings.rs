//! Settings that do not fit the server: each call says which one it is, and so does `ping`, by which `cachectl check`
//! looks. None of it is hidden by a cache that degrades.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::{Duration, Instant};

use cache_core::{Cache, Error, ErrorKind, OnError};
use cache_redis::{RedisCache, RedisCacheBuilder};
use common::{MINUTE, at, build, inline, redis, runtime, to};
use conformance_tests::servers::{Server, or_skip};

/// `ping` in both halves.
fn pings(cache: &Cache<RedisCache>) -> [Result<(), Error>; 2] {
    [cache.ping().map(drop), runtime().block_on(cache.aping()).map(drop)]
}

fn is_rejected(error: &Error, words: &[&str]) {
    assert_eq!(error.kind(), ErrorKind::Rejected, "expected a wrong setting, which nothing hides: {error}");
    for word in words {
        assert!(error.to_string().contains(word), "expected {word} in: {error}");
    }
}

/// A cache that would hide what is of the store.
fn degrading(options: RedisCacheBuilder) -> Cache<RedisCache> {
    Cache::builder(options.build().unwrap()).on_error(OnError::Fallback).build().unwrap()
}

/// A member of a cluster that has all slots.
fn member() -> Option<Server> {
    let server = or_skip(Server::redis(&["--cluster-enabled", "yes"]))?;
    inline(server.address(), "CLUSTER ADDSLOTSRANGE 0 16383", "OK");
    let begun = Instant::now();
    while !inline(server.address(), "CLUSTER INFO", "total_cluster_links").contains("cluster_state:ok") {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
    Some(server)
}

#[test]
fn a_clusters_server_without_the_setting() {
    let Some(server) = member() else { return };
    let cache = degrading(at(server.address()));
    for ping in pings(&cache) {
        is_rejected(&ping.unwrap_err(), &["`cluster`", "MGET", "CROSSSLOT"]);
    }
    // It has all keys, and yet two of them cannot be asked for in one command.
    cache.set_many([("a", 1), ("b", 2)], MINUTE).unwrap();
    is_rejected(&cache.get_many::<i64, _>(["a", "b"]).unwrap_err(), &["`cluster`", "MGET"]);
    is_rejected(&cache.delete_many(["a", "b"]).unwrap_err(), &["`cluster`", "DEL"]);
    // Half of the keys are on a server that this one has not met.
    inline(server.address(), "CLUSTER DELSLOTSRANGE 8000 16383", "OK");
    inline(server.address(), "CLUSTER SET-CONFIG-EPOCH 7", "\r\n");
    let Some(other) = or_skip(Server::redis(&["--cluster-enabled", "yes"])) else { return };
    inline(other.address(), "CLUSTER ADDSLOTSRANGE 8000 16383", "OK");
    inline(server.address(), &format!("CLUSTER MEET 127.0.0.1 {}", other.address().port()), "OK");
    let begun = Instant::now();
    while !inline(server.address(), "CLUSTER INFO", "total_cluster_links")
        .contains("cluster_slots_assigned:16384")
    {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
    let runtime = runtime();
    let mut moved = 0;
    for n in 0..40 {
        let key = format!("k{n}");
        for outcome in [cache.set(&key, &1, MINUTE), runtime.block_on(cache.aset(&key, &1, MINUTE))] {
            // Until the member has found out that its cluster is whole, it says that it is down, which may be hidden.
            if let Err(error) = outcome {
                is_rejected(&error, &["`cluster`", "SET", "MOVED"]);
                moved += 1;
            }
        }
    }
    assert!(moved > 10, "{moved}");
}

#[cfg(feature = "cluster")]
#[test]
fn the_setting_for_a_server_that_is_in_no_cluster() {
    let Some(server) = redis() else { return };
    let cache = degrading(at(server.address()).cluster());
    for ping in pings(&cache) {
        is_rejected(&ping.unwrap_err(), &["leave `cluster` out", "CLUSTER"]);
    }
    is_rejected(&cache.get::<i64>("k").unwrap_err(), &["leave `cluster` out"]);
    is_rejected(&runtime().block_on(cache.aset("k", &1, MINUTE)).unwrap_err(), &["leave `cluster` out"]);
}

#[test]
fn a_database_in_a_cluster() {
    let Some(server) = member() else { return };
    let cache = degrading(to(format!("redis://{}/1", server.address())));
    for ping in pings(&cache) {
        is_rejected(&ping.unwrap_err(), &["database 0", "SELECT"]);
    }
    is_rejected(&cache.get::<i64>("k").unwrap_err(), &["database 0", "SELECT"]);
    is_rejected(&runtime().block_on(cache.aset("k", &1, MINUTE)).unwrap_err(), &["database 0", "SELECT"]);
}

/// Each command that calls need, missing from a user's permissions.
#[test]
fn a_missing_permission() {
    let Some(server) = redis() else { return };
    for missing in ["get", "mget", "exists", "set", "pexpire", "del", "evalsha"] {
        let user = format!("ACL SETUSER app reset on >pw ~:1:* +@all -{missing}");
        inline(server.address(), &user, "OK");
        let cache = degrading(to(format!("redis://app:pw@{}", server.address())));
        for ping in pings(&cache) {
            is_rejected(&ping.unwrap_err(), &["NOPERM", &missing.to_uppercase(), "+COMMAND"]);
        }
    }
    // With all of them, for the keys of this cache alone, nothing is missing.
    inline(server.address(), "ACL SETUSER app reset on >pw ~:1:* +@all", "OK");
    let cache = degrading(to(format!("redis://app:pw@{}", server.address())));
    assert!(pings(&cache).iter().all(Result::is_ok), "{:?}", pings(&cache));
    cache.set("k", &1, MINUTE).unwrap();
    let other = cache.with_version(2).set("k", &1, MINUTE).unwrap_err();
    is_rejected(&other, &["NOPERM", "SET", "~PREFIX"]);
    // A command that a script calls.
    inline(server.address(), "ACL SETUSER app reset on >pw ~:1:* +@all -incrby", "OK");
    is_rejected(&cache.incr("k").unwrap_err(), &["EVAL", "INCRBY"]);
}

#[test]
fn a_command_that_the_server_does_not_know() {
    for hidden in ["GET", "SET", "DEL", "EVALSHA"] {
        let Some(server) = or_skip(Server::redis(&["--rename-command", hidden, ""])) else { return };
        let cache = degrading(at(server.address()));
        for ping in pings(&cache) {
            is_rejected(&ping.unwrap_err(), &[hidden, "rename-command"]);
        }
    }
}

/// The first server of the location is to take the writes.
#[test]
fn a_location_that_names_a_replica_first() {
    let Some(primary) = redis() else { return };
    let port = primary.address().port().to_string();
    let Some(replica) = or_skip(Server::redis(&["--replicaof", "127.0.0.1", &port])) else { return };
    let begun = Instant::now();
    while !inline(replica.address(), "INFO replication", "\r\n\r\n").contains("master_link_status:up") {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
    let cache =
        build(to([format!("redis://{}", replica.address()), format!("redis://{}", primary.address())]));
    for ping in pings(&cache) {
        let error = ping.unwrap_err();
        assert!(error.to_string().contains("name the primary first"), "{error}");
    }
    let cache =
        build(to([format!("redis://{}", primary.address()), format!("redis://{}", replica.address())]));
    assert!(pings(&cache).iter().all(Result::is_ok), "{:?}", pings(&cache));
    assert_eq!(inline(primary.address(), "DBSIZE", "\r\n"), ":0\r\n", "ping stores nothing");
}
