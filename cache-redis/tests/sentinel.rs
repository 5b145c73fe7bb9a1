//! Three sentinels, a primary and a replica.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cache_core::{Cache, Error, ErrorKind};
use cache_redis::{RedisCache, RedisCacheBuilder};
use common::{MINUTE, build, inline, run, to};
use conformance_tests::servers::{Server, or_skip};

/// How long the sentinels may take for what they do.
const LONG: Duration = Duration::from_secs(60);

struct Watched {
    servers: Vec<Server>,
    sentinels: Vec<Server>,
}

fn sentinel(primary: SocketAddr, extra: &'static str) -> Option<Server> {
    let arguments = move |port: u16, dir: &std::path::Path| {
        let settings = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor main 127.0.0.1 {} 2\n\
             sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 1500\n{extra}\n",
            dir.display(),
            primary.port()
        );
        let file = dir.join("sentinel.conf");
        std::fs::write(&file, settings).unwrap();
        vec![OsString::from(file), "--sentinel".into()]
    };
    or_skip(Server::start("redis-server", arguments))
}

impl Watched {
    fn start() -> Option<Self> {
        let primary = or_skip(Server::redis(&[]))?;
        let port = primary.address().port().to_string();
        let replica = or_skip(Server::redis(&["--replicaof", "127.0.0.1", &port]))?;
        let sentinels: Vec<Server> = (0..3).map_while(|_| sentinel(primary.address(), "")).collect();
        let watched = Self { servers: vec![primary, replica], sentinels };
        watched.wait_for("the sentinels do not know each other and the replica", |said| {
            said.contains("num-slaves\r\n$1\r\n1\r\n") && said.contains("num-other-sentinels\r\n$1\r\n2\r\n")
        });
        // One that has not caught up yet is not promoted.
        wait("the replica is not in step", || {
            inline(watched.servers[1].address(), "INFO replication", "master_repl_offset")
                .contains("master_link_status:up")
        });
        Some(watched)
    }

    fn wait_for(&self, what: &str, agreed: impl Fn(&str) -> bool) {
        let asked = |sentinel: &Server| inline(sentinel.address(), "SENTINEL MASTER main", "parallel-syncs");
        wait(what, || self.sentinels.iter().all(|sentinel| agreed(&asked(sentinel))));
    }

    fn wait_for_primary(&self, server: &Server) {
        let port = server.address().port().to_string();
        self.wait_for("no failover", |said| said.contains(&format!("port\r\n$5\r\n{port}\r\n")));
        let role = || inline(server.address(), "ROLE", "\r\n$").contains("master");
        wait("it is not promoted", role);
    }

    /// The first of the sentinels is not one.
    fn location(&self) -> String {
        let sentinels: Vec<String> = self.sentinels.iter().map(|one| one.address().to_string()).collect();
        format!("redis+sentinel://127.0.0.1:1,{}/main", sentinels.join(","))
    }

    fn options(&self) -> RedisCacheBuilder {
        to(self.location())
    }
}

fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LONG, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What callers met that go on while the primary changes.
#[derive(Default)]
struct Calls {
    stop: AtomicBool,
    /// Calls that worked, sync and async.
    worked: [AtomicU64; 2],
}

impl Calls {
    /// Checks one call: each fails in a way that a failover explains.
    fn note(&self, half: usize, outcome: Result<(), Error>) {
        match outcome {
            Ok(()) => {
                self.worked[half].fetch_add(1, Ordering::SeqCst);
            }
            Err(e) => assert!(
                matches!(e.kind(), ErrorKind::Unavailable | ErrorKind::OutcomeUnknown),
                "half {half}: {e:?}"
            ),
        }
    }

    /// Waits until both halves work again.
    fn wait_for_more(&self) {
        let before: Vec<u64> = self.worked.iter().map(|half| half.load(Ordering::SeqCst)).collect();
        wait("the calls of one half do not work any more", || {
            self.worked.iter().zip(&before).all(|(half, before)| half.load(Ordering::SeqCst) > before + 50)
        });
    }
}

/// Calls of both halves, until they are stopped.
fn keep_calling(cache: &Cache<RedisCache>, calls: &Arc<Calls>) -> Vec<std::thread::JoinHandle<()>> {
    let (sync, asynchronous) = (cache.clone(), cache.clone());
    let (of_sync, of_async) = (Arc::clone(calls), Arc::clone(calls));
    let blocking = std::thread::spawn(move || {
        for n in 0_u64.. {
            if of_sync.stop.load(Ordering::SeqCst) {
                return;
            }
            let once = || {
                sync.set("sync", &n, MINUTE)?;
                sync.add(&format!("s{n}"), &n, MINUTE)?;
                let found = sync.get::<u64>("sync")?;
                assert!(found.is_none_or(|found| found <= n), "{found:?} was never written before {n}");
                Ok(())
            };
            of_sync.note(0, once());
        }
    });
    let suspending = std::thread::spawn(move || {
        run(async {
            for n in 0_u64.. {
                if of_async.stop.load(Ordering::SeqCst) {
                    return;
                }
                let once = async {
                    asynchronous.aset("async", &n, MINUTE).await?;
                    asynchronous.aadd(&format!("a{n}"), &n, MINUTE).await?;
                    let found = asynchronous.aget::<u64>("async").await?;
                    assert!(found.is_none_or(|found| found <= n), "{found:?} was never written before {n}");
                    Ok(())
                };
                of_async.note(1, once.await);
            }
        });
    });
    vec![blocking, suspending]
}

#[test]
fn calls_follow_the_primary_while_they_go_on() {
    let Some(mut watched) = Watched::start() else { return };
    let cache = build(watched.options().operation_timeout(Duration::from_secs(2)));
    let calls = Arc::new(Calls::default());
    let callers = keep_calling(&cache, &calls);
    calls.wait_for_more();
    // Forced, with the old primary alive: it becomes a replica.
    let said = inline(watched.sentinels[0].address(), "SENTINEL FAILOVER main", "\r\n");
    assert!(said.contains("OK"), "{said}");
    watched.wait_for_primary(&watched.servers[1]);
    // For a moment both are primaries, and what the old one takes then is lost.
    let is_demoted = || inline(watched.servers[0].address(), "ROLE", "\r\n$").contains("slave");
    wait("the old primary is not demoted", is_demoted);
    calls.wait_for_more();
    cache.set("after the failover", &1, MINUTE).unwrap();
    let at_the_new = inline(watched.servers[1].address(), "EXISTS \":1:after the failover\"", "\r\n");
    assert_eq!(at_the_new, ":1\r\n", "it was written to the new primary");
    run(cache.aset("after it, async", &1, MINUTE)).unwrap();
    let at_the_new = inline(watched.servers[1].address(), "EXISTS \":1:after it, async\"", "\r\n");
    assert_eq!(at_the_new, ":1\r\n", "it was written to the new primary");
    // And back, since the new one is killed.
    wait("the old primary is not a replica in step", || {
        inline(watched.servers[0].address(), "INFO replication", "master_repl_offset")
            .contains("master_link_status:up")
    });
    watched
        .wait_for("the sentinels do not know the replica", |said| said.contains("num-slaves\r\n$1\r\n1\r\n"));
    watched.servers[1].kill();
    watched.wait_for_primary(&watched.servers[0]);
    calls.wait_for_more();
    calls.stop.store(true, Ordering::SeqCst);
    callers.into_iter().for_each(|caller| caller.join().unwrap());
    cache.set("after the end", &1, MINUTE).unwrap();
    cache.close().unwrap();
    assert_eq!(cache.get("after the end").unwrap(), Some(1));
}

#[test]
fn each_wrong_setting_has_an_error_of_its_own() {
    let Some(primary) = or_skip(Server::redis(&[])) else { return };
    let Some(closed) = sentinel(primary.address(), "requirepass s3cret") else { return };
    let location = format!("redis+sentinel://{}/main", closed.address());
    let errors = |options: RedisCacheBuilder| {
        let cache = build(options);
        [cache.get::<u8>("k").unwrap_err(), run(cache.aget::<u8>("k")).unwrap_err()]
    };
    for e in errors(to(&*location)) {
        assert_eq!(e.kind(), ErrorKind::Rejected, "{e}");
        assert!(e.to_string().contains("wants a password"), "{e}");
    }
    for e in errors(to(format!("redis+sentinel://{}/other", closed.address())).sentinel_password("s3cret")) {
        assert_eq!(e.kind(), ErrorKind::Rejected, "{e}");
        assert!(e.to_string().contains("\"other\"") && !e.to_string().contains("s3cret"), "{e}");
    }
    let cache = build(to(&*location).sentinel_password("s3cret"));
    cache.set("k", &1, MINUTE).unwrap();
    assert_eq!(cache.ping().unwrap(), cache_core::Presence::Exists);
    assert_eq!(cache.info().unwrap().entries, Some(1));
    assert_eq!(run(cache.aget::<u8>("k")).unwrap(), Some(1));
    // None of them answers.
    let nobody = to("redis+sentinel://127.0.0.1:1,127.0.0.1:2/main").connect_timeout(Duration::from_secs(1));
    for e in errors(nobody) {
        assert_eq!(e.kind(), ErrorKind::Unavailable, "{e}");
    }
    for options in [
        to("redis://h").sentinel_password("s3cret"),
        to("redis+sentinel://:hunter2@h"),
        to("redis+sentinel://h/main/x"),
    ] {
        let e = options.build().unwrap_err();
        assert_eq!(e.kind(), ErrorKind::InvalidCacheBackend, "{e}");
        assert!(!format!("{e} {e:?}").contains("hunter2") && !format!("{e:?}").contains("s3cret"), "{e}");
    }
}
