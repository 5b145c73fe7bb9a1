//! Servers that stop being the right ones: a name leads to one primary, and later to another. On real servers, with
//! a proxy in the name's place.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use cache_core::{Cache, Error, ErrorKind, OnError, Timeout};
use cache_redis::RedisCache;
use common::{MINUTE, at, build, cache, inline, redis, runtime, to};
use conformance_tests::proxy::Proxy;
use conformance_tests::servers::{Server, or_skip};

/// A connection that is older is given up when its server cannot do its work.
const OLD: Duration = Duration::from_millis(300);

const PATIENCE: Duration = Duration::from_secs(20);

const WRITES: [&str; 10] =
    ["set", "add", "touch", "persist", "delete", "incr", "incr_version", "set_many", "delete_many", "clear"];

/// Does one of [`WRITES`] on existing keys.
fn write(cache: &Cache<RedisCache>, name: &str) -> Result<(), Error> {
    match name {
        "set" => cache.set("k", &1, MINUTE),
        "add" => cache.add("new", &1, MINUTE).map(|new| assert!(new)),
        "touch" => cache.touch("k", MINUTE).map(|there| assert!(there)),
        "persist" => cache.touch("k", Timeout::Never).map(|there| assert!(there)),
        "delete" => cache.delete("k").map(|there| assert!(there)),
        "incr" => cache.incr("k").map(drop),
        "incr_version" => cache.incr_version("k").map(drop),
        "set_many" => cache.set_many([("k", 1), ("l", 2)], MINUTE).map(drop),
        "delete_many" => cache.delete_many(["k", "l"]),
        _ => cache.clear(),
    }
}

async fn write_async(cache: &Cache<RedisCache>, name: &str) -> Result<(), Error> {
    match name {
        "set" => cache.aset("k", &1, MINUTE).await,
        "add" => cache.aadd("new", &1, MINUTE).await.map(|new| assert!(new)),
        "touch" => cache.atouch("k", MINUTE).await.map(|there| assert!(there)),
        "persist" => cache.atouch("k", Timeout::Never).await.map(|there| assert!(there)),
        "delete" => cache.adelete("k").await.map(|there| assert!(there)),
        "incr" => cache.aincr("k").await.map(drop),
        "incr_version" => cache.aincr_version("k").await.map(drop),
        "set_many" => cache.aset_many([("k", 1), ("l", 2)], MINUTE).await.map(drop),
        "delete_many" => cache.adelete_many(["k", "l"]).await,
        _ => cache.aclear().await,
    }
}

fn wait_for(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn replicate(replica: SocketAddr, primary: SocketAddr) {
    inline(replica, &format!("REPLICAOF 127.0.0.1 {}", primary.port()), "OK");
}

/// Every write of both halves, each on connections that were made before the failover, succeeds at its first call.
#[test]
fn writes_follow_a_name_to_the_promoted_server() {
    let (Some(old), Some(new)) = (redis(), redis()) else { return };
    let proxy = Proxy::start(old.address()).unwrap();
    let (runtime, direct) = (runtime(), cache(new.address()));
    let caches = WRITES.map(|name| [(name, false), (name, true)]).concat();
    let caches: Vec<_> = caches.into_iter().map(|half| (half, cache(proxy.address()))).collect();
    for (_, cache) in &caches {
        cache.set("k", &1, MINUTE).unwrap();
        runtime.block_on(cache.aset("k", &1, MINUTE)).unwrap();
    }
    thread::sleep(OLD);
    replicate(old.address(), new.address());
    proxy.lead_to(new.address());
    let mut failed = Vec::new();
    for ((name, is_async), cache) in &caches {
        direct.clear().unwrap();
        direct.set("k", &1, MINUTE).unwrap();
        // What the demoted server takes over from the new one: scripts read before they write.
        wait_for("replication", || inline(old.address(), "EXISTS :1:k", "\r\n").starts_with(":1"));
        let outcome = if *is_async { runtime.block_on(write_async(cache, name)) } else { write(cache, name) };
        failed.extend(outcome.err().map(|e| format!("{name} async={is_async}: {e}")));
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// The reasons for which a server refuses its work, besides being a replica.
#[test]
fn a_broken_server_is_left_for_the_one_that_the_name_leads_to() {
    let Some(good) = redis() else { return };
    let broken = |name: &str| {
        let server = redis().unwrap();
        let address = server.address();
        match name {
            "NOREPLICAS" => {}
            // The file is to be replaced by the new one, and is a directory.
            "MISCONF" => std::fs::create_dir_all(server.dir().join("dump.rdb").join("x")).unwrap(),
            _ => {
                inline(address, "CONFIG SET replica-serve-stale-data no", "OK");
            }
        }
        server
    };
    let break_it = |name: &str, address: SocketAddr| match name {
        "NOREPLICAS" => drop(inline(address, "CONFIG SET min-replicas-to-write 1", "OK")),
        "MISCONF" => {
            inline(address, "CONFIG SET save \"3600 1\"", "OK");
            inline(address, "BGSAVE", "started");
            wait_for("a save that fails", || {
                inline(address, "INFO persistence", "\r\n\r\n").contains("last_bgsave_status:err")
            });
        }
        // Of nobody who answers.
        _ => drop(inline(address, "REPLICAOF 127.0.0.1 1", "OK")),
    };
    let runtime = runtime();
    for (name, kind) in [
        ("NOREPLICAS", ErrorKind::Unavailable),
        ("MISCONF", ErrorKind::Storage),
        ("MASTERDOWN", ErrorKind::Unavailable),
    ] {
        let server = broken(name);
        let proxy = Proxy::start(server.address()).unwrap();
        let cache = cache(proxy.address());
        cache.set("k", &1, MINUTE).unwrap();
        runtime.block_on(cache.aset("k", &1, MINUTE)).unwrap();
        break_it(name, server.address());
        // The name leads to nobody else yet.
        let of_both = || {
            if name == "MASTERDOWN" {
                [cache.get::<i64>("k").unwrap_err(), runtime.block_on(cache.aget::<i64>("k")).unwrap_err()]
            } else {
                [
                    cache.set("k", &1, MINUTE).unwrap_err(),
                    runtime.block_on(cache.aset("k", &1, MINUTE)).unwrap_err(),
                ]
            }
        };
        for error in of_both() {
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(name), "{error}");
        }
        thread::sleep(OLD);
        proxy.lead_to(good.address());
        cache.set("k", &2, MINUTE).unwrap_or_else(|e| panic!("{name}: {e}"));
        let set = runtime.block_on(cache.aset("k", &3, MINUTE));
        set.unwrap_or_else(|e| panic!("{name}, async: {e}"));
        assert_eq!(cache.get::<i64>("k").unwrap(), Some(3), "{name}");
    }
}

/// Calls do not each open a new connection to a server that goes on refusing.
#[test]
fn a_name_that_leads_nowhere_else_costs_few_connections() {
    let (Some(server), Some(primary)) = (redis(), redis()) else { return };
    let proxy = Proxy::start(server.address()).unwrap();
    let cache = cache(proxy.address());
    let runtime = runtime();
    cache.set("k", &1, MINUTE).unwrap();
    runtime.block_on(cache.aset("k", &1, MINUTE)).unwrap();
    replicate(server.address(), primary.address());
    let (begun, before) = (Instant::now(), proxy.accepted());
    for _ in 0..400 {
        for error in [
            cache.set("k", &1, MINUTE).unwrap_err(),
            runtime.block_on(cache.aset("k", &1, MINUTE)).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            assert!(error.to_string().contains("read-only replica"), "{error}");
        }
    }
    let (opened, most) = (proxy.accepted() - before, 2 * (2 + begun.elapsed().as_millis() as u64 / 250));
    assert!(opened <= most, "{opened} connections for 800 calls");
    proxy.lead_to(primary.address());
    wait_for("the name is looked up again", || cache.set("k", &1, MINUTE).is_ok());
    wait_for("the name is looked up again", || runtime.block_on(cache.aset("k", &1, MINUTE)).is_ok());
    // Overload and failovers are what a cache may hide.
    let degrading =
        Cache::builder(at(server.address()).build().unwrap()).on_error(OnError::Fallback).build().unwrap();
    degrading.set("k", &1, MINUTE).unwrap();
    assert_eq!(degrading.degraded(), 1);
}

/// A primary and two replicas that have its entry `n`, and a cache that reads from the replicas.
fn with_replicas(timeout: Duration) -> Option<([Server; 3], Cache<RedisCache>)> {
    let primary = redis()?;
    let port = primary.address().port().to_string();
    let replica =
        || or_skip(Server::redis(&["--replicaof", "127.0.0.1", &port, "--repl-diskless-sync-delay", "0"]));
    let servers = [primary, replica()?, replica()?];
    let urls = servers.each_ref().map(|server| format!("redis://{}", server.address()));
    let cache = build(to(urls).operation_timeout(timeout));
    cache.set("n", &7, Timeout::Never).unwrap();
    for replica in &servers[1..] {
        wait_for("replication", || inline(replica.address(), "EXISTS :1:n", "\r\n").contains(":1"));
    }
    Some((servers, cache))
}

fn all_reads_work(cache: &Cache<RedisCache>, why: &str) {
    let runtime = runtime();
    for round in 0..20 {
        let read = cache.get::<i64>("n").map_err(|e| e.to_string());
        assert_eq!(read, Ok(Some(7)), "{why}, {round}");
        assert!(cache.has_key("n").unwrap());
        assert_eq!(cache.get_many::<i64, _>(["n"]).unwrap(), [("n", 7)]);
        runtime.block_on(async {
            assert_eq!(cache.aget::<i64>("n").await.unwrap(), Some(7));
            assert!(cache.ahas_key("n").await.unwrap());
            assert_eq!(cache.aget_many::<i64, _>(["n"]).await.unwrap(), [("n", 7)]);
        });
    }
}

#[test]
fn reads_go_on_while_replicas_are_gone() {
    let Some(([primary, mut first, mut second], cache)) = with_replicas(Duration::from_secs(10)) else {
        return;
    };
    all_reads_work(&cache, "all are running");
    first.kill();
    all_reads_work(&cache, "one is gone");
    second.kill();
    all_reads_work(&cache, "both are gone");
    // `ping` fails.
    assert_eq!(cache.ping().unwrap_err().kind(), ErrorKind::Unavailable);
    first.restart().unwrap();
    wait_for("replication", || inline(first.address(), "EXISTS :1:n", "\r\n").contains(":1"));
    // It is asked again after a while.
    let gets = || inline(first.address(), "INFO commandstats", "\r\n\r\n").contains("cmdstat_get:");
    wait_for("the replica is asked again", || cache.get::<i64>("n").unwrap() == Some(7) && gets());
    drop(primary);
}

#[test]
fn reads_go_on_while_a_replica_hangs_or_has_lost_its_primary() {
    let Some(([_primary, first, second], cache)) = with_replicas(Duration::from_secs(3)) else { return };
    first.pause();
    // One call in each half finds out, within half of its time; most others are quick.
    let begun = Instant::now();
    all_reads_work(&cache, "one hangs");
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    first.resume();
    for replica in [&first, &second] {
        inline(replica.address(), "CONFIG SET replica-serve-stale-data no", "OK");
        inline(replica.address(), "REPLICAOF 127.0.0.1 1", "OK");
    }
    all_reads_work(&cache, "they have lost their primary");
}
