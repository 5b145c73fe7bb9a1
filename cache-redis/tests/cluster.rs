//! Three members of a Redis Cluster.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(feature = "cluster")]

mod common;

use std::time::{Duration, Instant};

use cache_core::{BaseCache as _, Cache, Error, ErrorKind, Timeout};
use cache_redis::{RedisCache, RedisCacheBuilder};
use common::{MINUTE, backend, build, inline, run, to};
use conformance_tests::servers::{Server, or_skip};

const SLOTS: u32 = 16384;

/// Members with a third of the slots each.
struct Members(Vec<Server>);

impl Members {
    fn start() -> Option<Self> {
        let member =
            || or_skip(Server::redis(&["--cluster-enabled", "yes", "--cluster-require-full-coverage", "no"]));
        let servers: Vec<Server> = (0..3).map_while(|_| member()).collect();
        if servers.len() < 3 {
            return None;
        }
        for (place, server) in (0..).zip(&servers) {
            let (first, last) = (SLOTS * place / 3, SLOTS * (place + 1) / 3 - 1);
            inline(server.address(), &format!("CLUSTER ADDSLOTSRANGE {first} {last}"), "OK");
            inline(server.address(), &format!("CLUSTER SET-CONFIG-EPOCH {}", place + 1), "OK");
        }
        for server in &servers[1..] {
            inline(
                server.address(),
                &format!("CLUSTER MEET 127.0.0.1 {}", servers[0].address().port()),
                "OK",
            );
        }
        let members = Self(servers);
        members.wait_for(|info| {
            info.contains("cluster_state:ok") && info.contains("cluster_slots_assigned:16384")
        });
        Some(members)
    }

    fn wait_for(&self, agreed: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        while !self
            .0
            .iter()
            .all(|server| agreed(&inline(server.address(), "CLUSTER INFO", "total_cluster_links")))
        {
            assert!(begun.elapsed() < Duration::from_secs(20), "the members do not agree");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Knows one member and asks it for the others.
    fn options(&self) -> RedisCacheBuilder {
        to(format!("redis://{}", self.0[0].address())).cluster()
    }

    fn cache(&self) -> Cache<RedisCache> {
        build(self.options())
    }

    fn sizes(&self) -> Vec<u64> {
        let size = |server: &Server| inline(server.address(), "DBSIZE", "\r\n")[1..].trim().parse().unwrap();
        self.0.iter().map(size).collect()
    }

    fn id(&self, place: usize) -> String {
        // "$40\r\n" and the name.
        let answer = inline(self.0[place].address(), "CLUSTER MYID", "\r\n");
        answer[5..45].to_owned()
    }
}

#[test]
fn keys_are_asked_for_where_they_are() {
    let Some(members) = Members::start() else { return };
    let cache = members.cache();
    let keys: Vec<String> = (0..3000).map(|n| format!("k{n}")).collect();
    assert!(cache.set_many(keys.iter().zip(0..), MINUTE).unwrap().is_empty());
    let sizes = members.sizes();
    assert!(sizes.iter().all(|&size| size > 800) && sizes.iter().sum::<u64>() == 3000, "{sizes:?}");
    assert_eq!(backend(&members.options()).entries().unwrap(), Some(3000));
    let found = cache.get_many::<u32, _>(&keys).unwrap();
    assert!(found.len() == 3000 && found.iter().zip(0..).all(|((_, value), n)| *value == n));
    run(async {
        assert_eq!(cache.aget_many::<u32, _>(&keys).await.unwrap().len(), 3000);
        for (n, key) in keys.iter().take(50).enumerate() {
            assert_eq!(cache.aget::<usize>(key).await.unwrap(), Some(n));
            assert_eq!(cache.aincr(key).await.unwrap(), n as i64 + 1);
        }
        cache.adelete_many(&keys[..1000]).await.unwrap();
    });
    assert_eq!(cache.get_many::<u32, _>(&keys).unwrap().len(), 2000);
    assert!(!cache.add("k2000", &1, MINUTE).unwrap() && cache.add("new", &1, MINUTE).unwrap());
    assert!(cache.touch("new", Timeout::Never).unwrap() && cache.delete("new").unwrap());
    cache.clear().unwrap();
    assert_eq!(members.sizes(), [0, 0, 0]);
}

#[test]
fn a_version_moves_across_members() {
    let Some(members) = Members::start() else { return };
    let cache = members.cache();
    assert!(!backend(&members.options()).capabilities().atomic_rename);
    for n in 0..50 {
        let key = format!("k{n}");
        cache.set(&key, &n, MINUTE).unwrap();
        cache.with_version(2).set(&key, "in the way", Timeout::Never).unwrap();
        assert_eq!(cache.incr_version(&key).unwrap(), 2);
        assert!(!cache.has_key(&key).unwrap());
        assert_eq!(cache.with_version(2).get::<i32>(&key).unwrap(), Some(n));
        assert_eq!(run(cache.with_version(2).aincr_version_by(&key, 3)).unwrap(), 5);
        assert_eq!(cache.with_version(5).incr(&key).unwrap(), i64::from(n) + 1);
    }
    // The lifetime moves along, with and without an end.
    let short = Duration::from_millis(700);
    for n in 0..10 {
        cache.set(&format!("short{n}"), &n, short).unwrap();
        cache.set(&format!("never{n}"), &n, Timeout::Never).unwrap();
        cache.incr_version(&format!("short{n}")).unwrap();
        cache.incr_version(&format!("never{n}")).unwrap();
        assert!(cache.with_version(2).has_key(&format!("short{n}")).unwrap());
    }
    std::thread::sleep(short + Duration::from_millis(50));
    for n in 0..10 {
        assert!(!cache.with_version(2).has_key(&format!("short{n}")).unwrap());
        assert!(cache.with_version(2).has_key(&format!("never{n}")).unwrap());
    }
    assert_eq!(cache.incr_version("absent").unwrap_err().kind(), ErrorKind::KeyNotFound);
    // What changes while it moves is not lost.
    cache.set("n", &0, MINUTE).unwrap();
    let total: i64 = std::thread::scope(|scope| {
        let counting = scope.spawn(|| {
            let mut done = 0;
            for version in (1..=20).cycle().take(4000) {
                done += i64::from(cache.with_version(version).incr("n").is_ok());
            }
            done
        });
        for version in 1..20 {
            assert_eq!(cache.with_version(version).incr_version("n").unwrap(), version + 1);
        }
        counting.join().unwrap()
    });
    let last = cache.with_version(20).get::<i64>("n").unwrap().unwrap();
    // Between the copy and the removal both keys can be counted on: none is lost on the old one.
    assert!(last <= total, "{last} of {total}");
}

/// A slot goes from one member to another while it is asked for.
#[test]
fn slots_that_move_are_followed() {
    let Some(members) = Members::start() else { return };
    let cache = members.cache();
    let key = (0..).map(|n| format!("k{n}")).find(|key| {
        let answer = inline(members.0[0].address(), &format!("CLUSTER KEYSLOT :1:{key}"), "\r\n");
        answer[1..].trim().parse::<u32>().unwrap() < SLOTS / 3
    });
    let key = key.unwrap();
    let slot =
        inline(members.0[0].address(), &format!("CLUSTER KEYSLOT :1:{key}"), "\r\n")[1..].trim().to_owned();
    cache.set(&key, &1, MINUTE).unwrap();
    run(cache.aget::<i64>(&key)).unwrap();
    let (from, to) = (members.0[0].address(), members.0[1].address());
    let ids = [members.id(0), members.id(1)];
    inline(to, &format!("CLUSTER SETSLOT {slot} IMPORTING {}", ids[0]), "OK");
    inline(from, &format!("CLUSTER SETSLOT {slot} MIGRATING {}", ids[1]), "OK");
    assert_eq!(cache.incr(&key).unwrap(), 2, "still there");
    inline(from, &format!("MIGRATE 127.0.0.1 {} :1:{key} 0 1000", to.port()), "OK");
    assert_eq!(cache.incr(&key).unwrap(), 3, "asked for at the other");
    assert_eq!(run(cache.aincr(&key)).unwrap(), 4);
    assert_eq!(cache.get_many::<i64, _>([key.as_str(), "absent"]).unwrap(), [(key.as_str(), 4)]);
    for server in [to, from] {
        inline(server, &format!("CLUSTER SETSLOT {slot} NODE {}", ids[1]), "OK");
    }
    assert_eq!(cache.incr(&key).unwrap(), 5, "moved for good");
    assert_eq!(run(cache.aincr(&key)).unwrap(), 6);
    assert_eq!(cache.get_many::<i64, _>([key.as_str()]).unwrap(), [(key.as_str(), 6)]);
}

#[test]
fn a_member_that_is_gone_fails_its_own_keys_only() {
    let Some(mut members) = Members::start() else { return };
    let cache = members.cache();
    let keys: Vec<String> = (0..60).map(|n| format!("k{n}")).collect();
    cache.set_many(keys.iter().zip(0..), MINUTE).unwrap();
    members.0[2].kill();
    let outcomes: Vec<_> = keys.iter().map(|key| cache.get::<i64>(key)).collect();
    let found = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Some(_)))).count();
    let failed = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Err(e) if e.kind() == ErrorKind::Unavailable))
        .count();
    assert!(found > 20 && failed > 5 && found + failed == 60, "{found} found, {failed} failed");
    assert_eq!(cache.get_many::<i64, _>(&keys).unwrap_err().kind(), ErrorKind::Unavailable);
    let database = RedisCache::builder(["redis://h/0", "redis://h/1"]).cluster().build();
    assert_eq!(database.unwrap_err().kind(), ErrorKind::InvalidCacheBackend);
}

/// A member and a replica of it, which alone has the slots of the first once it takes over; two more members with the
/// other slots, or none.
fn with_replica(others: u32) -> Option<(Vec<Server>, Server)> {
    let member =
        || or_skip(Server::redis(&["--cluster-enabled", "yes", "--cluster-require-full-coverage", "no"]));
    let mut servers = vec![member()?];
    for _ in 0..others {
        servers.push(member()?);
    }
    let count = others + 1;
    for (place, server) in (0..).zip(&servers) {
        let (first, last) = (SLOTS * place / count, SLOTS * (place + 1) / count - 1);
        inline(server.address(), &format!("CLUSTER ADDSLOTSRANGE {first} {last}"), "OK");
        inline(server.address(), &format!("CLUSTER SET-CONFIG-EPOCH {}", place + 1), "OK");
    }
    let replica = member()?;
    let first = servers[0].address();
    for server in servers[1..].iter().chain([&replica]) {
        inline(server.address(), &format!("CLUSTER MEET 127.0.0.1 {}", first.port()), "OK");
    }
    let id = inline(first, "CLUSTER MYID", "\r\n")[5..45].to_owned();
    wait_for("the replica knows its primary", || {
        inline(replica.address(), "CLUSTER NODES", "myself").contains(&id)
            && inline(replica.address(), &format!("CLUSTER REPLICATE {id}"), "\r\n").starts_with("+OK")
    });
    wait_for("the replica is up", || {
        inline(replica.address(), "INFO replication", "master_link_status").contains("master_link_status:up")
    });
    let slots = format!("cluster_slots_assigned:{SLOTS}");
    let agreed = |server: &Server| {
        let info = inline(server.address(), "CLUSTER INFO", "total_cluster_links");
        // Every member lists the replica.
        info.contains("cluster_state:ok")
            && info.contains(&slots)
            && slots_of(server).contains(&replica.address().port().to_string())
    };
    wait_for("the members agree", || servers.iter().all(agreed));
    Some((servers, replica))
}

fn slots_of(server: &Server) -> String {
    inline(server.address(), "CLUSTER SLOTS", &format!(":{}\r\n", SLOTS - 1))
}

fn wait_for(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(30), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A host that is gone says nothing, neither to a call nor to who asks for the new owner of its slots.
#[test]
fn a_member_that_hangs_is_left_once_another_has_its_slots() {
    for others in [2, 0] {
        let Some((servers, replica)) = with_replica(others) else { return };
        let timeout = Duration::from_secs(2);
        let urls: Vec<String> =
            servers.iter().map(|server| format!("redis://{}", server.address())).collect();
        let cache = build(to(&urls[..]).cluster().operation_timeout(timeout));
        let runtime = common::runtime();
        // One of the first member's.
        let key = (0..).map(|n| format!("k{n}")).find(|key| {
            let slot = inline(servers[0].address(), &format!("CLUSTER KEYSLOT :1:{key}"), "\r\n");
            slot[1..].trim().parse::<u32>().unwrap() < SLOTS / 3
        });
        let key = key.unwrap();
        cache.set(&key, &1, MINUTE).unwrap();
        runtime.block_on(cache.aset(&key, &1, MINUTE)).unwrap();
        servers[0].pause();
        inline(replica.address(), "CLUSTER FAILOVER TAKEOVER", "OK");
        for server in &servers[1..] {
            let port = replica.address().port();
            wait_for("the others hear of it", || {
                inline(server.address(), "CLUSTER NODES", "myself")
                    .lines()
                    .any(|line| line.contains(&format!(":{port}@")) && line.contains("master"))
            });
        }
        // The first call that meets it waits in vain.
        let first = [cache.set(&key, &2, MINUTE), runtime.block_on(cache.aset(&key, &2, MINUTE))];
        assert!(
            first.iter().all(|one| one.as_ref().map_err(Error::kind) != Err(ErrorKind::Rejected)),
            "{first:?}"
        );
        for _ in 0..5 {
            cache.set(&key, &3, MINUTE).unwrap_or_else(|e| panic!("{others} others: {e}"));
            assert_eq!(cache.get_many::<i64, _>([&key]).unwrap().len(), 1);
            runtime.block_on(cache.aset(&key, &4, MINUTE)).unwrap_or_else(|e| panic!("{others} others: {e}"));
            assert_eq!(runtime.block_on(cache.aget::<i64>(&key)).unwrap(), Some(4));
        }
        servers[0].resume();
    }
}

/// A member that does not know who has its slot now, and says CLUSTERDOWN.
#[test]
fn a_member_that_is_down_for_a_slot_is_left_for_its_owner() {
    let Some(members) = Members::start() else { return };
    let runtime = common::runtime();
    let key = (0..).map(|n| format!("k{n}")).find(|key| {
        let answer = inline(members.0[0].address(), &format!("CLUSTER KEYSLOT :1:{key}"), "\r\n");
        answer[1..].trim().parse::<u32>().unwrap() < SLOTS / 3
    });
    let key = key.unwrap();
    let slot =
        inline(members.0[0].address(), &format!("CLUSTER KEYSLOT :1:{key}"), "\r\n")[1..].trim().to_owned();
    // Each asks that member first.
    let caches: [Cache<RedisCache>; 6] = std::array::from_fn(|_| members.cache());
    for cache in &caches {
        assert_eq!(cache.get::<i64>(&key).unwrap(), None);
        assert_eq!(runtime.block_on(cache.aget::<i64>(&key)).unwrap(), None);
    }
    for server in &members.0[1..] {
        inline(server.address(), &format!("CLUSTER SETSLOT {slot} NODE {}", members.id(1)), "OK");
    }
    // It listens no more to the new owner, of whom it would hear otherwise, and then say MOVED.
    inline(members.0[0].address(), &format!("CLUSTER FORGET {}", members.id(1)), "OK");
    inline(members.0[0].address(), &format!("CLUSTER DELSLOTS {slot}"), "\r\n");
    let says = || inline(members.0[0].address(), &format!("GET :1:{key}"), "\r\n");
    assert!(says().starts_with("-CLUSTERDOWN"), "expected CLUSTERDOWN of the old owner, got {}", says());
    let [set, aset, incr, aget, many, amany] = &caches;
    for (what, done) in [
        ("set", set.set(&key, &1, MINUTE)),
        ("aset", runtime.block_on(aset.aset(&key, &2, MINUTE))),
        ("incr", incr.incr(&key).map(|sum| assert_eq!(sum, 3))),
        ("aget", runtime.block_on(aget.aget(&key)).map(|found| assert_eq!(found, Some(3)))),
        ("set_many", many.set_many([(&key, 4)], MINUTE).map(|refused| assert!(refused.is_empty()))),
        (
            "aget_many",
            runtime
                .block_on(amany.aget_many([key.as_str()]))
                .map(|found| assert_eq!(found, [(key.as_str(), 4)])),
        ),
    ] {
        done.unwrap_or_else(|e| panic!("{what}: expected that the owner of the slot is asked: {e}"));
    }
    assert!(says().starts_with("-CLUSTERDOWN"), "expected CLUSTERDOWN to the end, got {}", says());
}

/// Members that are to announce host names and have none, or nothing at all.
#[test]
fn members_without_a_name_are_found_by_their_address() {
    for kind in ["hostname", "unknown-endpoint"] {
        let Some(members) = Members::start() else { return };
        for server in &members.0 {
            inline(server.address(), &format!("CONFIG SET cluster-preferred-endpoint-type {kind}"), "OK");
        }
        let told = inline(members.0[0].address(), "CLUSTER SLOTS", ":16383\r\n");
        assert!(told.contains(if kind == "hostname" { "$1\r\n?\r\n" } else { "$-1\r\n" }), "{told}");
        let cache = members.cache();
        let runtime = common::runtime();
        for n in 0..60 {
            let key = format!("k{n}");
            cache.set(&key, &n, MINUTE).unwrap_or_else(|e| panic!("{kind}: {e}"));
            assert_eq!(runtime.block_on(cache.aget::<i64>(&key)).unwrap(), Some(n));
        }
        // A slot that moves is announced without a host, too.
        let owned: u32 = SLOTS / 3 - 1;
        for server in &members.0 {
            inline(server.address(), &format!("CLUSTER SETSLOT {owned} NODE {}", members.id(1)), "OK");
        }
        let key = (0..).map(|n| format!("m{n}")).find(|key| {
            let answer = inline(members.0[0].address(), &format!("CLUSTER KEYSLOT :1:{key}"), "\r\n");
            answer[1..].trim().parse::<u32>().unwrap() == owned
        });
        let key = key.unwrap();
        let answer = inline(members.0[0].address(), &format!("GET :1:{key}"), "\r\n");
        assert!(answer.starts_with("-MOVED"), "{answer}");
        cache.set(&key, &1, MINUTE).unwrap_or_else(|e| panic!("{kind}: {e}"));
        assert_eq!(runtime.block_on(cache.aincr(&key)).unwrap(), 2);
    }
}

#[test]
fn reads_go_to_replicas_where_that_is_wanted() {
    let Some(members) = Members::start() else { return };
    let Some(replica) = or_skip(Server::redis(&["--cluster-enabled", "yes"])) else { return };
    let primary = members.0[0].address();
    inline(replica.address(), &format!("CLUSTER MEET 127.0.0.1 {}", primary.port()), "OK");
    let begun = Instant::now();
    while !inline(replica.address(), &format!("CLUSTER REPLICATE {}", members.id(0)), "\r\n").contains("OK") {
        assert!(begun.elapsed() < Duration::from_secs(20), "the replica does not know its primary");
        std::thread::sleep(Duration::from_millis(50));
    }
    let in_step = || {
        inline(replica.address(), "INFO replication", "master_repl_offset").contains("master_link_status:up")
    };
    while !in_step() {
        assert!(begun.elapsed() < Duration::from_secs(30), "the replica is not in step");
        std::thread::sleep(Duration::from_millis(50));
    }
    let cache = build(members.options().read_from_replicas());
    let keys: Vec<String> = (0..300).map(|n| format!("k{n}")).collect();
    assert!(cache.set_many(keys.iter().zip(0..), MINUTE).unwrap().is_empty());
    let commands = |server: &Server, name: &str| -> u64 {
        let said = inline(server.address(), "INFO commandstats", "\r\n\r\n");
        let line = said
            .lines()
            .find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:calls=")).map(str::to_owned));
        line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
    };
    // The members announce a replica when it has something; it is found a while later.
    while commands(&replica, "get") == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "the replica is never asked");
        std::thread::sleep(Duration::from_millis(100));
        cache.get_many::<usize, _>(&keys).unwrap();
    }
    let (before, of_primary) = (commands(&replica, "get"), commands(&members.0[0], "get"));
    for (n, key) in keys.iter().enumerate() {
        assert_eq!(cache.get::<usize>(key).unwrap(), Some(n));
    }
    assert_eq!(run(cache.aget_many::<usize, _>(&keys)).unwrap().len(), 300);
    assert_eq!(cache.get_many::<usize, _>(&keys).unwrap().len(), 300);
    assert!(
        commands(&replica, "get") > before + 150,
        "{} reads of the replica",
        commands(&replica, "get") - before
    );
    assert_eq!(commands(&members.0[0], "get"), of_primary, "none of its primary");
    // Writes go to the primary, and reads too once the replica is gone.
    assert!(cache.delete(&keys[0]).unwrap());
    drop(replica);
    for (n, key) in keys.iter().enumerate().skip(1) {
        assert_eq!(cache.get::<usize>(key).unwrap(), Some(n), "{key}");
    }
    assert!(RedisCache::builder("redis://h").read_from_replicas().build().is_err(), "without cluster");
}
