//! A network and a server that fail: deadlines, cut connections, and what nobody may read.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cache_core::{Cache, ErrorKind};
use cache_memcached::MemcachedCache;
use common::{
    AT_MOST, CALLS, MINUTE, Memcached, T, behind_proxy, cache, call_async, options, raw, runtime, server,
    timed,
};
use conformance_tests::faults::{
    cancel_calls, effort, ended_connections, record, refusals, restarts, until_ok,
};
use conformance_tests::proxy::{Fault, Proxy};
use conformance_tests::servers::{Server, or_skip};

/// What a call may fail with when no answer comes.
fn is_late(name: &str, kind: ErrorKind) -> bool {
    kind == ErrorKind::Unavailable
        || kind == ErrorKind::OutcomeUnknown && ["add", "incr", "incr_version"].contains(&name)
}

/// Every operation of both halves fails in time: what came of that is the table's `row`.
fn all_fail_in_time(cache: &Memcached, row: u8, what: &str) {
    let runtime = runtime();
    for (backend, is_async) in [("memcached", false), ("memcached async", true)] {
        let (mut longest, mut late) = (Duration::ZERO, Vec::new());
        for (name, call) in CALLS {
            let run = || if is_async { runtime.block_on(call_async(cache, name)) } else { call(cache) };
            let (result, took) = timed(run);
            let Err(e) = result else { panic!("{backend} {name}, {what}: it was answered") };
            assert!(is_late(name, e.kind()), "{backend} {name}, {what}: {e}");
            longest = longest.max(took);
            if took > AT_MOST {
                late.push((name, took));
            }
        }
        let figure = format!("longest call {longest:?} of {AT_MOST:?}");
        record(row, backend, CALLS.len() as u64, late.len() as u64, &figure);
        assert!(late.is_empty(), "{backend}, {what}: {late:?} for a timeout of {T:?}");
    }
}

fn all_work(cache: &Memcached) {
    cache.set("warm", &1, MINUTE).unwrap();
    let runtime = runtime();
    for (name, call) in CALLS {
        cache.set("warm", &1, MINUTE).unwrap();
        call(cache).unwrap_or_else(|e| panic!("sync {name}: {e}"));
        cache.set("warm", &1, MINUTE).unwrap();
        runtime.block_on(call_async(cache, name)).unwrap_or_else(|e| panic!("async {name}: {e}"));
    }
}

#[test]
fn a_stopped_server() {
    let Some(server) = server() else { return };
    let cache = cache(server.address());
    cache.set("warm", &1, MINUTE).unwrap();
    server.pause();
    all_fail_in_time(&cache, 11, "stopped");
    let runtime = runtime();
    for (backend, is_async) in [("memcached", false), ("memcached async", true)] {
        server.pause();
        let get = || if is_async { runtime.block_on(cache.aget::<i64>("warm")) } else { cache.get("warm") };
        get().unwrap_err();
        server.resume();
        let (begun, mut failed) = (Instant::now(), 0);
        while get().is_err() {
            failed += 1;
        }
        let took = begun.elapsed();
        record(12, backend, 1, failed, &format!("continued: {failed} calls failed, working after {took:?}"));
        assert!(failed <= 1 && took < Duration::from_secs(1), "{failed} calls failed in {took:?}");
    }
    all_work(&cache);
}

#[test]
fn a_server_that_dribbles() {
    let Some((_server, proxy, cache)) = behind_proxy() else { return };
    proxy.set(Fault::Dribble(T / 2));
    all_fail_in_time(&cache, 15, "dribbling");
    proxy.set(Fault::None);
    all_work(&cache);
}

#[test]
fn waiting_connecting_and_asking_have_one_budget() {
    let Some(server) = server() else { return };
    let proxy = Proxy::start(server.address()).unwrap();
    let one = Cache::new(options(proxy.address()).max_connections(1).build().unwrap());
    proxy.set(Fault::Blackhole);
    // The second waits for the first's place, then connects, then asks.
    let one_after_another = || {
        std::thread::scope(|scope| {
            let first = scope.spawn(|| one.get::<i64>("k").unwrap_err());
            std::thread::sleep(T / 4);
            let begun = Instant::now();
            assert_eq!(one.get::<i64>("k").unwrap_err().kind(), ErrorKind::Unavailable);
            let took = begun.elapsed();
            assert_eq!(first.join().unwrap().kind(), ErrorKind::Unavailable);
            took
        })
    };
    // A busy machine makes one late: the quickest of a few counts.
    let took = (0..3).map(|_| one_after_another()).min().unwrap();
    assert!(took <= AT_MOST, "{took:?} for a timeout of {T:?}");
    // Replies that come just in time each, the first word of a connection and then the answer.
    proxy.set(Fault::Delay(T * 7 / 10));
    let (result, took) = timed(|| one.get::<i64>("k"));
    assert!(result.is_err() && took <= AT_MOST, "{result:?} after {took:?}");
}

#[test]
fn a_restarted_server() {
    let Some(mut server) = server() else { return };
    let cache = cache(server.address());
    // Several connections of each half are idle.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|n| cache.set("k", &n, MINUTE).unwrap()));
        }
    });
    server.restart().unwrap();
    let begun = Instant::now();
    let failed =
        CALLS.iter().filter(|(_, call)| call(&cache).is_err_and(|e| e.kind() != ErrorKind::KeyNotFound));
    assert_eq!(failed.count(), 0, "the ended connections are noticed beforehand");
    // A call that waited for an ended connection would take all of its time.
    let took = begun.elapsed();
    assert!(took < T * CALLS.len() as u32 / 2, "{took:?} for {} calls", CALLS.len());
    server.kill();
    let (e, took) = timed(|| cache.get::<i64>("k").unwrap_err());
    assert_eq!(e.kind(), ErrorKind::Unavailable);
    assert!(e.to_string().contains(&server.address().to_string()), "{e}");
    assert!(took < AT_MOST);
    server.restart().unwrap();
    all_work(&cache);
}

#[test]
fn a_restart_costs_at_most_one_call_per_connection() {
    let Some(mut server) = server() else { return };
    restarts("memcached", &cache(server.address()), &mut server);
}

#[test]
fn connections_that_end_cost_no_call_that_may_be_sent_twice() {
    let Some((_server, proxy, cache)) = behind_proxy() else { return };
    ended_connections("memcached", &cache, &proxy);
}

#[test]
fn a_reply_cut_at_every_byte() {
    let Some((_server, proxy, cache)) = behind_proxy() else { return };
    let value = "0123456789";
    cache.set("k", value, MINUTE).unwrap();
    let runtime = runtime();
    let reply = "VA 10 f16\r\n0123456789\r\n".len();
    for cut in 0..reply {
        // A connection that was idle is replaced once; a new one is not.
        cache.get::<String>("k").unwrap();
        proxy.set(Fault::CutReply(cut));
        assert_eq!(cache.get::<String>("k").unwrap().as_deref(), Some(value), "after {cut} bytes");
        cache.close().unwrap();
        proxy.set(Fault::CutReply(cut));
        let e = cache.get::<String>("k").and_then(|_| cache.get::<String>("k")).err();
        // The cut may have hit the first exchange with the server; then this call fails as well.
        if let Some(e) = e {
            assert_eq!(e.kind(), ErrorKind::Unavailable, "after {cut} bytes: {e}");
        }
        proxy.set(Fault::None);
        assert_eq!(runtime.block_on(cache.aget::<String>("k")).unwrap().as_deref(), Some(value));
        proxy.set(Fault::CutReply(cut));
        assert_eq!(runtime.block_on(cache.aget::<String>("k")).unwrap().as_deref(), Some(value));
        proxy.set(Fault::None);
    }
}

/// A caller has the value, or an error, and never a part.
#[test]
fn no_cut_makes_a_truncated_value() {
    let Some((_server, proxy, cache)) = behind_proxy() else { return };
    let value = "0123456789";
    cache.set_many([("k", value), ("l", value)], MINUTE).unwrap();
    let runtime = runtime();
    // Longer than any of the replies.
    let cuts = 0..70;
    for (backend, is_async) in [("memcached", false), ("memcached async", true)] {
        let mut wrong = 0;
        for cut in cuts.clone() {
            proxy.set(Fault::CutReply(cut));
            let one = if is_async { runtime.block_on(cache.aget("k")) } else { cache.get::<String>("k") };
            wrong += u64::from(one.is_ok_and(|found| found.as_deref() != Some(value)));
            proxy.set(Fault::CutReply(cut));
            let many = if is_async {
                runtime.block_on(cache.aget_many::<String, _>(["k", "absent", "l"]))
            } else {
                cache.get_many(["k", "absent", "l"])
            };
            let whole = [("k", value.to_owned()), ("l", value.to_owned())];
            wrong += u64::from(many.is_ok_and(|found| found != whole));
            proxy.set(Fault::None);
        }
        // What may not be done twice is not: the counter is where the errors leave it.
        cache.set("n", &0, MINUTE).unwrap();
        let (mut done, mut unknown) = (0, 0);
        for cut in cuts.clone() {
            proxy.set(Fault::CutReply(cut));
            let counted = if is_async { runtime.block_on(cache.aincr("n")) } else { cache.incr("n") };
            proxy.set(Fault::None);
            let now = cache.get::<i64>("n").unwrap().unwrap();
            wrong += match counted {
                Ok(n) => u64::from(n != done + 1 || now != n),
                Err(e) => {
                    assert!(is_late("incr", e.kind()), "{e}");
                    unknown += 1;
                    u64::from(now != done && now != done + 1)
                }
            };
            done = now;
        }
        assert!(unknown > 0, "no cut hit the answer to incr");
        let tried = 3 * cuts.len() as u64;
        record(16, backend, tried, wrong, &format!("{wrong} truncated values or wrong counts"));
        assert_eq!(wrong, 0, "{backend}");
    }
}

#[test]
fn a_lost_answer_is_unknown_and_nothing_is_done_twice() {
    let Some((server, proxy, cache)) = behind_proxy() else { return };
    let fresh = || cache.get::<i64>("warm").unwrap();
    fresh();
    proxy.set(Fault::CutReply(0));
    assert_eq!(cache.add("new", "v", MINUTE).unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    assert!(
        raw(server.address(), b"get :1:new\r\n", "END\r\n").starts_with("VALUE"),
        "it was done all the same"
    );
    fresh();
    proxy.set(Fault::CutReply(0));
    let e = cache.delete("new").unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Unavailable);
    assert_eq!(raw(server.address(), b"get :1:new\r\n", "END\r\n"), "END\r\n");
    // What is the same twice is done twice.
    for call in ["set", "touch", "has_key", "get", "get_many", "set_many", "delete_many", "clear"] {
        fresh();
        proxy.set(Fault::CutReply(0));
        let (_, run) = CALLS.into_iter().find(|(name, _)| *name == call).unwrap();
        run(&cache).unwrap_or_else(|e| panic!("{call}: {e}"));
    }
}

/// Keys that only a value that was executed makes.
fn injected(server: &Server) -> u64 {
    let keys = ["injected", ":1:injected"];
    let found = keys.map(|key| raw(server.address(), format!("get {key}\r\n").as_bytes(), "END\r\n"));
    found.iter().map(|answer| u64::from(answer != "END\r\n")).sum()
}

/// A value that is a command wherever a server begins to read in it.
fn poison(times: usize) -> String {
    "x\r\nset injected 0 0 1\r\n1\r\nset :1:injected 0 0 1\r\n1\r\n".repeat(times)
}

#[test]
fn a_command_cut_half_way_injects_nothing() {
    let Some((server, proxy, _)) = behind_proxy() else { return };
    let value = poison(3);
    let command = format!("ms :1:k {} F16 T61\r\n", value.len()).len() + value.len() + 2;
    let quick = options(proxy.address()).operation_timeout(Duration::from_millis(30));
    let quick = Cache::new(quick.build().unwrap());
    let runtime = runtime();
    // Each stall ends with a timeout.
    let every = usize::try_from(effort(16, 1)).unwrap();
    for (backend, is_async) in [("memcached", false), ("memcached async", true)] {
        let mut tried = 0;
        for at in 0..=command {
            for fault in [Fault::CutRequest(at), Fault::StallRequest(at)] {
                if matches!(fault, Fault::StallRequest(_)) && at % every != 0 {
                    continue;
                }
                let set = |key: &str, value: &str| {
                    if is_async {
                        runtime.block_on(quick.aset(key, value, MINUTE))
                    } else {
                        quick.set(key, value, MINUTE)
                    }
                };
                // It may be too slow for thirty milliseconds now and then.
                until_ok(|| set("warm", "1"));
                proxy.set(fault);
                // Cut, it is done again on a new connection; stalled, it is not.
                let _ = set("k", &value);
                proxy.set(Fault::None);
                until_ok(|| set("next", &value));
                tried += 1;
            }
        }
        let injected = injected(&server);
        record(14, backend, tried, injected, &format!("{injected} injected keys, cut or stalled at a byte"));
        assert_eq!(injected, 0, "a value was executed");
        assert_eq!(quick.get::<String>("next").ok().flatten().unwrap_or_default(), value);
    }
}

/// Values that fill every buffer, so that it is the writing that takes too long.
#[test]
fn a_write_that_takes_too_long_injects_nothing() {
    let Some(server) = or_skip(Server::memcached(&["-I", "64m", "-m", "512"])) else { return };
    let cache = cache(server.address());
    let runtime = runtime();
    let value = poison((16 << 20) / 50);
    let rounds = effort(1, 10);
    for (backend, is_async) in [("memcached", false), ("memcached async", true)] {
        for _ in 0..rounds {
            cache.set("warm", &1, MINUTE).unwrap();
            server.pause();
            let late = if is_async {
                runtime.block_on(cache.aset("k", &value, MINUTE))
            } else {
                cache.set("k", &value, MINUTE)
            };
            assert_eq!(late.unwrap_err().kind(), ErrorKind::Unavailable);
            server.resume();
            for n in 0..10 {
                let next = || {
                    let (key, value) = (format!("next{n}"), poison(10));
                    if is_async {
                        runtime.block_on(cache.aset(&key, &value, MINUTE))
                    } else {
                        cache.set(&key, &value, MINUTE)
                    }
                };
                assert!((0..5).any(|_| next().is_ok()));
            }
        }
        let injected = injected(&server);
        record(14, backend, rounds, injected, &format!("{injected} injected keys, writing timed out"));
        assert_eq!(injected, 0, "a value was executed");
    }
}

#[test]
fn a_full_pool() {
    let Some(server) = server() else { return };
    let proxy = Proxy::start(server.address()).unwrap();
    let wait = T / 8;
    let build = || Cache::new(options(proxy.address()).max_connections(2).pool_wait(wait).build().unwrap());
    let cache = build();
    let runtime = runtime();
    let rounds = effort(2, 20);
    let mut longest = Duration::ZERO;
    for round in 0..rounds {
        cache.set("k", &round, MINUTE).unwrap();
        runtime.block_on(cache.aset("k", &round, MINUTE)).unwrap();
        proxy.set(Fault::Blackhole);
        std::thread::scope(|scope| {
            let stuck: Vec<_> = (0..2).map(|_| scope.spawn(|| cache.get::<i64>("k"))).collect();
            std::thread::sleep(T / 8);
            let begun = Instant::now();
            let e = cache.get::<i64>("k").unwrap_err();
            longest = longest.max(begun.elapsed());
            assert_eq!(e.kind(), ErrorKind::Unavailable);
            assert!(e.to_string().contains("max_connections"), "{e}");
            assert!(stuck.into_iter().all(|call| call.join().unwrap().is_err()));
        });
        // Tasks whose values are so long that they do not share one connection, dropped while they are stuck.
        let long = "x".repeat(100_000);
        runtime.block_on(async {
            let stuck: Vec<_> = (0..2)
                .map(|_| {
                    let (cache, long) = (cache.clone(), long.clone());
                    tokio::spawn(async move { cache.aset("long", &long, MINUTE).await })
                })
                .collect();
            tokio::time::sleep(T / 8).await;
            for call in stuck {
                call.abort();
                assert!(call.await.unwrap_err().is_cancelled());
            }
        });
        proxy.set(Fault::None);
        // No place is lost: two at a time go on at once, on both halves.
        proxy.set(Fault::Delay(T / 8));
        std::thread::scope(|scope| {
            let both: Vec<_> = (0..2).map(|_| scope.spawn(|| cache.get::<u64>("k"))).collect();
            both.into_iter().for_each(|call| assert_eq!(call.join().unwrap().unwrap(), Some(round)));
        });
        runtime.block_on(async {
            let (a, b) = tokio::join!(cache.aget::<u64>("k"), cache.aget::<u64>("k"));
            assert_eq!((a.unwrap(), b.unwrap()), (Some(round), Some(round)));
            let both = tokio::join!(cache.aset("long", &long, MINUTE), cache.aset("long", &long, MINUTE));
            both.0.and(both.1).unwrap();
        });
        proxy.set(Fault::None);
    }
    let late = u64::from(longest > wait + Duration::from_millis(60));
    record(17, "memcached", rounds, late, &format!("0 slots lost, refused after {longest:?} of {wait:?}"));
    assert_eq!(late, 0, "{longest:?}");
}

#[test]
fn refused_connections_lose_no_place() {
    let Some(mut server) = server() else { return };
    let cache = Cache::new(options(server.address()).max_connections(2).pool_wait(T / 8).build().unwrap());
    refusals("memcached", &cache, &mut server, 2);
}

#[test]
fn everybody_gets_a_turn() {
    let Some(server) = server() else { return };
    let cache = Cache::new(options(server.address()).max_connections(1).build().unwrap());
    let stop = AtomicBool::new(false);
    let fewest = std::thread::scope(|scope| {
        let count = || {
            let mut calls = 0_u32;
            while !stop.load(Ordering::Relaxed) {
                cache.get::<i64>("k").unwrap();
                calls += 1;
            }
            calls
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(count)).collect();
        std::thread::sleep(Duration::from_millis(500));
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().unwrap()).min().unwrap()
    });
    assert!(fewest > 10, "one had {fewest} calls in half a second");
}

#[test]
fn no_cancelled_call_hands_its_reply_to_another() {
    let Some(server) = server() else { return };
    let proxy = Proxy::start(server.address()).unwrap();
    let options = MemcachedCache::builder(proxy.address().to_string());
    let options = options.operation_timeout(MINUTE).connect_timeout(MINUTE).max_connections(16);
    cancel_calls("memcached async", &Cache::new(options.build().unwrap()), &proxy);
}

/// A server that answers each command twice, with other values.
fn talkative() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut piece = [0; 1_000];
                while let Ok(count @ 1..) = stream.read(&mut piece) {
                    let is_first = piece[..count].starts_with(b"version");
                    let twice = b"VA 3 f0\r\nown\r\nVA 7 f0\r\nforeign\r\n";
                    if stream.write_all(if is_first { b"VERSION 1.6.21\r\n" } else { twice }).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

#[test]
fn what_comes_behind_a_reply_is_not_the_next_one() {
    let cache = cache(talkative());
    let runtime = runtime();
    for (backend, is_async) in [("memcached", false), ("memcached async", true)] {
        let (mut own, mut foreign) = (0, 0);
        for _ in 0..50 {
            let get = if is_async { runtime.block_on(cache.aget_bytes("k")) } else { cache.get_bytes("k") };
            match get {
                Ok(found) => *(if found.unwrap() == "own" { &mut own } else { &mut foreign }) += 1,
                Err(e) => {
                    assert!([ErrorKind::Rejected, ErrorKind::Unavailable].contains(&e.kind()), "{e}");
                }
            }
        }
        let figure = format!("a server that answers each call twice: {own} own and {foreign} foreign values");
        record(13, backend, 50, foreign, &figure);
        assert_eq!(foreign, 0, "{backend}");
    }
}
