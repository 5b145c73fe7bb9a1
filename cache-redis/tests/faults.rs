//! What a bad network and a bad moment do: no call hangs, no reply reaches the wrong caller,
//! no half-sent command is ever continued. The numbers are those of the project's table of faults.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use cache_core::{Cache, ErrorKind, Timeout};
use cache_redis::RedisCache;
use common::{MINUTE, at, behind_proxy, bound, build, cache, inline, quickest, redis, run};
use conformance_tests::proxy::Fault;
use futures_lite::future::{poll_once, yield_now};

const T: Duration = Duration::from_millis(400);

/// How many sync operations there are.
const OPERATIONS: usize = 13;

/// One of them, by its place.
fn one(cache: &Cache<RedisCache>, place: usize) -> (&'static str, Result<(), cache_core::Error>) {
    match place {
        0 => ("get", cache.get::<i64>("k").map(drop)),
        1 => ("set", cache.set("k", &1, MINUTE)),
        2 => ("add", cache.add("k", &1, MINUTE).map(drop)),
        3 => ("touch", cache.touch("k", MINUTE).map(drop)),
        4 => ("persist", cache.touch("k", Timeout::Never).map(drop)),
        5 => ("delete", cache.delete("k").map(drop)),
        6 => ("incr", cache.incr("k", 1).map(drop)),
        7 => ("incr_version", cache.incr_version("k", 1).map(drop)),
        8 => ("has_key", cache.has_key("k").map(drop)),
        9 => ("get_many", cache.get_many::<i64, _>(["k", "l"]).map(drop)),
        10 => ("set_many", cache.set_many([("k", 1), ("l", 2)], MINUTE).map(drop)),
        11 => ("delete_many", cache.delete_many(["k", "l"])),
        _ => ("clear", cache.clear()),
    }
}

/// Row 11.
#[test]
fn a_stopped_server_costs_each_call_its_timeout() {
    let Some(server) = redis() else { return };
    let timeout = Duration::from_millis(250);
    let cache = build(at(server.address()).operation_timeout(timeout));
    cache.set("k", &1, MINUTE).unwrap();
    server.pause();
    for place in 0..OPERATIONS {
        let timed = || {
            let begun = Instant::now();
            let (name, outcome) = one(&cache, place);
            let kind = outcome.unwrap_err().kind();
            // On a new connection: it is made, since the kernel does that, and never answers.
            let unknown = matches!(name, "add" | "incr" | "incr_version");
            assert_eq!(
                kind,
                if unknown { ErrorKind::OutcomeUnknown } else { ErrorKind::Unavailable },
                "{name}"
            );
            begun.elapsed()
        };
        // The machine may be busy: what waits too long does so each time.
        let within = (0..3).map(|_| timed()).find(|took| *took <= bound(timeout));
        assert!(within.is_some(), "{}", one(&cache, place).0);
    }
    // Row 12.
    server.resume();
    let begun = Instant::now();
    for place in 0..OPERATIONS {
        let (name, outcome) = one(&cache, place);
        assert!(outcome.is_ok() || outcome.unwrap_err().kind() == ErrorKind::KeyNotFound, "{name}");
    }
    assert!(begun.elapsed() < Duration::from_secs(1));
}

/// Row 12.
#[test]
fn a_restart_costs_at_most_one_call_per_connection() {
    const THREADS: u64 = 4;
    let Some(mut server) = redis() else { return };
    let cache = cache(server.address());
    let in_parallel = |calls: usize| {
        let failed = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..calls {
                        failed.fetch_add(u64::from(cache.incr("n", 1).is_err()), Ordering::SeqCst);
                    }
                });
            }
        });
        failed.into_inner()
    };
    for round in 0..3 {
        cache.set("n", &0, MINUTE).unwrap();
        assert_eq!(in_parallel(100), 0);
        server.restart().unwrap();
        let back = Instant::now();
        // Found closed before anything is sent on it.
        cache.set("n", &0, MINUTE).unwrap();
        let failed = in_parallel(100);
        assert!(failed <= THREADS, "round {round}: {failed} calls failed");
        assert!(back.elapsed() < Duration::from_secs(5));
    }
    run(async {
        for _ in 0..3 {
            cache.aset("n", &0, MINUTE).await.unwrap();
            server.restart().unwrap();
            let first = cache.aset("n", &0, MINUTE).await;
            assert!(first.is_ok(), "a set is sent again: {first:?}");
            cache.aincr("n", 1).await.unwrap();
        }
    });
}

/// Row 12, so soon after the last calls that no connection is looked at before it is used.
#[test]
fn all_connections_closed_at_once_cost_a_set_nothing() {
    const THREADS: usize = 4;
    let Some(server) = redis() else { return };
    let cache = cache(server.address());
    for round in 0..50 {
        let gate = Barrier::new(THREADS);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    gate.wait();
                    for _ in 0..20 {
                        cache.set("n", &0, MINUTE).unwrap();
                    }
                });
            }
        });
        close_clients(server.address());
        let set = cache.set("n", &0, MINUTE);
        assert!(set.is_ok(), "round {round}: {set:?}");
    }
}

/// Has the server close every connection but the one that asks for it.
fn close_clients(server: SocketAddr) {
    let mut asking = TcpStream::connect(server).unwrap();
    asking.write_all(b"CLIENT KILL TYPE normal\r\n").unwrap();
    let mut reply = [0; 1];
    asking.read_exact(&mut reply).unwrap();
    assert_eq!(reply, *b":");
}

/// Row 13.
#[test]
fn a_cancelled_call_hands_its_reply_to_nobody() {
    const TASKS: usize = 8;
    const KEYS: usize = 64;
    const CANCELLED: usize = 100_000 / TASKS;
    let Some(server) = redis() else { return };
    let cache = cache(server.address());
    let text = |key: usize| format!("the value of {key}");
    run(async {
        for key in 0..KEYS {
            cache.aset(&format!("k{key}"), &text(key), MINUTE).await.unwrap();
        }
        let foreign = Arc::new(AtomicU64::new(0));
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let (cache, foreign) = (cache.clone(), Arc::clone(&foreign));
                tokio::spawn(async move {
                    let mut random = fastrand::Rng::with_seed(task as u64);
                    for round in 0..CANCELLED {
                        let name = format!("k{}", random.usize(..KEYS));
                        let mut call = Box::pin(cache.aget::<String>(&name));
                        for _ in 0..random.usize(..3) {
                            if poll_once(&mut call).await.is_some() {
                                break;
                            }
                            yield_now().await;
                        }
                        drop(call);
                        if round % 4 == 0 {
                            let key = random.usize(..KEYS);
                            let found = cache.aget::<String>(&format!("k{key}")).await.unwrap();
                            foreign.fetch_add(u64::from(found != Some(text(key))), Ordering::Relaxed);
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(foreign.load(Ordering::Relaxed), 0, "foreign values");
    });
}

/// A value that is a command wherever a server begins to read in it.
fn poison(len: usize) -> String {
    "\r\nSET injected 1".repeat(len / 16)
}

/// Row 14.
#[test]
fn a_command_that_went_out_half_is_never_continued() {
    let Some((server, proxy)) = behind_proxy() else { return };
    let cache = build(at(proxy.address()).operation_timeout(T).max_connections(1));
    let big = poison(16 << 20);
    cache.set("before", &1, MINUTE).unwrap();
    for sent in [1, 40, 1 << 20] {
        proxy.set(Fault::StallRequest(sent));
        let error = cache.set("big", &big, MINUTE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        // What comes next would be read as the rest of the value, and its rest as commands.
        for key in 0..20 {
            // In time at last, on a machine as busy as may be.
            let set = || cache.set(&format!("next{key}"), &poison(1 << 10), MINUTE);
            assert!((0..5).any(|_| set().is_ok()));
        }
    }
    run(async {
        proxy.set(Fault::StallRequest(1 << 20));
        let error = cache.aset("big", &big, MINUTE).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        for key in 0..20 {
            let name = format!("next{key}");
            let value = poison(1 << 10);
            let mut done = false;
            for _ in 0..5 {
                done = done || cache.aset(&name, &value, MINUTE).await.is_ok();
            }
            assert!(done);
        }
    });
    assert_eq!(inline(server.address(), "EXISTS injected", "\r\n"), ":0\r\n");
    assert_eq!(inline(server.address(), "DBSIZE", "\r\n"), ":21\r\n");
}

/// Row 15.
#[test]
fn a_dribbling_server_does_not_hold_a_call() {
    let Some((server, proxy)) = behind_proxy() else { return };
    let cache = build(at(proxy.address()).operation_timeout(T).max_connections(2));
    cache.set("k", &"x".repeat(100), MINUTE).unwrap();
    proxy.set(Fault::Dribble(T / 2));
    let sync = quickest(|| {
        assert_eq!(cache.get::<String>("k").unwrap_err().kind(), ErrorKind::Unavailable);
    });
    let many = quickest(|| {
        assert_eq!(cache.get_many::<String, _>(["k", "k"]).unwrap_err().kind(), ErrorKind::Unavailable);
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let native = quickest(|| {
        let outcome = runtime.block_on(cache.aget::<String>("k"));
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Unavailable);
    });
    for took in [sync, many, native] {
        assert!(took >= T && took <= bound(T), "{took:?}");
    }
    proxy.set(Fault::None);
    let well = (0..5).find_map(|_| cache.get::<String>("k").ok());
    assert_eq!(well.unwrap().unwrap().len(), 100);
    drop(server);
}

/// Row 16.
#[test]
fn a_reply_cut_anywhere_is_no_value() {
    let Some((server, proxy)) = behind_proxy() else { return };
    let value = "0123456789".repeat(4);
    let direct = cache(server.address());
    direct.set("k", &value, MINUTE).unwrap();
    direct.set("l", &value, MINUTE).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // A value's reply: "$44\r\n", two bytes of MessagePack, the text, "\r\n".
    let get = "$42\r\n".len() + 2 + value.len() + 2;
    for cut in 0..get {
        let fresh = cache(proxy.address());
        proxy.set(Fault::CutReply(cut));
        let error = fresh.get::<String>("k").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "cut after {cut}: {error}");
        assert_eq!(fresh.get::<String>("k").unwrap().as_ref(), Some(&value), "after the cut at {cut}");
        // The connection has been used by now, so the call is made again on another.
        proxy.set(Fault::CutReply(cut));
        assert_eq!(fresh.get::<String>("k").unwrap().as_ref(), Some(&value), "cut after {cut}");
        runtime.block_on(async {
            proxy.set(Fault::CutReply(cut));
            let error = fresh.aget::<String>("k").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "cut after {cut}: {error}");
            assert_eq!(fresh.aget::<String>("k").await.unwrap().as_ref(), Some(&value));
        });
    }
    for cut in (0..2 * get).step_by(3) {
        let fresh = cache(proxy.address());
        proxy.set(Fault::CutReply(cut));
        assert!(fresh.get_many::<String, _>(["k", "l"]).is_err(), "many, cut after {cut}");
        proxy.set(Fault::CutReply(cut));
        assert!(runtime.block_on(fresh.aget_many::<String, _>(["k", "l"])).is_err(), "many, cut after {cut}");
    }
}

/// What was sent and not answered may have happened: it is neither done twice nor said to be undone.
#[test]
fn a_count_without_a_reply_is_unknown() {
    let Some((server, proxy)) = behind_proxy() else { return };
    let direct = cache(server.address());
    direct.set("n", &0, MINUTE).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let cache = cache(proxy.address());
    assert_eq!(cache.incr("n", 1).unwrap(), 1);
    assert_eq!(runtime.block_on(cache.aincr("n", 1)).unwrap(), 2);
    for (round, cut) in [0, 1, 3].into_iter().enumerate() {
        let before = direct.get::<i64>("n").unwrap().unwrap();
        proxy.set(Fault::CutReply(cut));
        let error = cache.incr("n", 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        assert_eq!(error.key(), Some(":1:n"));
        proxy.set(Fault::CutReply(cut));
        let error = runtime.block_on(cache.aincr("n", 1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        assert_eq!(direct.get::<i64>("n").unwrap(), Some(before + 2), "round {round}: once each");
        proxy.set(Fault::CutReply(cut));
        let error = cache.add(&format!("new{round}"), &1, MINUTE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        // Whether there was something to delete cannot be said either, and nothing is unsure then.
        cache.set("k", &1, MINUTE).unwrap();
        proxy.set(Fault::CutReply(cut));
        assert_eq!(cache.delete("k").unwrap_err().kind(), ErrorKind::Unavailable);
    }
}

/// Row 17.
#[test]
fn an_exhausted_pool_says_so_and_loses_no_place() {
    let Some((server, proxy)) = behind_proxy() else { return };
    let wait = Duration::from_millis(50);
    let cache = build(at(proxy.address()).max_connections(2).pool_wait(wait).operation_timeout(T * 2));
    cache.set("k", &1, MINUTE).unwrap();
    server.pause();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| cache.get::<i64>("k").unwrap_err());
        }
        // Both have sent by now.
        thread::sleep(Duration::from_millis(100));
        let refused = quickest(|| {
            let error = cache.get::<i64>("k").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            assert!(error.to_string().contains("max_connections"), "{error}");
        });
        assert!(refused >= wait && refused < wait + Duration::from_millis(100), "{refused:?}");
    });
    server.resume();
    // However a call ends, its place is free again.
    for fault in
        [Fault::CutReply(0), Fault::CutReply(2), Fault::CutRequest(3), Fault::Refuse, Fault::Blackhole]
    {
        let begun = Instant::now();
        while begun.elapsed() < T / 4 {
            proxy.set(fault);
            // Some succeed on the second attempt.
            let _ = cache.get::<i64>("k");
            let _ = cache.incr("k", 1);
        }
    }
    proxy.set(Fault::None);
    let together = std::sync::Barrier::new(2);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                together.wait();
                for _ in 0..50 {
                    assert!(cache.has_key("k").is_ok());
                }
            });
        }
    });
}
