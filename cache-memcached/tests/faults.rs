//! A network and a server that fail: deadlines, cut connections, and what nobody may read.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use cache_core::{BaseCache, Cache, ErrorKind, KeyPolicy};
use cache_memcached::MemcachedCache;
use common::{
    AT_MOST, CALLS, MINUTE, Memcached, T, behind_proxy, cache, call_async, options, raw, runtime, server,
    timed,
};
use conformance_tests::proxy::{Fault, Proxy};

/// What a call may fail with when no answer comes.
fn is_late(name: &str, kind: ErrorKind) -> bool {
    kind == ErrorKind::Unavailable
        || kind == ErrorKind::OutcomeUnknown && ["add", "incr", "incr_version"].contains(&name)
}

/// Every operation of both halves fails in time.
fn all_fail_in_time(cache: &Memcached, what: &str) {
    let runtime = runtime();
    for (name, call) in CALLS {
        let asynchronous = || runtime.block_on(call_async(cache, name));
        for (half, (result, took)) in [("sync", timed(|| call(cache))), ("async", timed(asynchronous))] {
            let Err(e) = result else { panic!("{half} {name}, {what}: it was answered") };
            assert!(is_late(name, e.kind()), "{half} {name}, {what}: {e}");
            assert!(took <= AT_MOST, "{half} {name}, {what}: {took:?} for a timeout of {T:?}");
        }
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
    all_fail_in_time(&cache, "stopped");
    server.resume();
    let begun = Instant::now();
    while cache.get::<i64>("warm").is_err() {}
    assert!(begun.elapsed() < Duration::from_secs(1), "it takes {:?} to recover", begun.elapsed());
    all_work(&cache);
}

#[test]
fn a_server_that_dribbles() {
    let Some((_server, proxy, cache)) = behind_proxy() else { return };
    proxy.set(Fault::Dribble(T / 2));
    all_fail_in_time(&cache, "dribbling");
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
    std::thread::scope(|scope| {
        let first = scope.spawn(|| one.get::<i64>("k").unwrap_err());
        std::thread::sleep(T / 4);
        let begun = Instant::now();
        let e = one.get::<i64>("k").unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Unavailable);
        assert!(begun.elapsed() <= AT_MOST, "{:?}", begun.elapsed());
        assert_eq!(first.join().unwrap().kind(), ErrorKind::Unavailable);
    });
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
    assert!(begun.elapsed() < Duration::from_secs(1));
    server.kill();
    let (e, took) = timed(|| cache.get::<i64>("k").unwrap_err());
    assert_eq!(e.kind(), ErrorKind::Unavailable);
    assert!(e.to_string().contains(&server.address().to_string()), "{e}");
    assert!(took < AT_MOST);
    server.restart().unwrap();
    all_work(&cache);
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
        // The first word with the server may have been what was cut; then too there is no value.
        if let Some(e) = e {
            assert_eq!(e.kind(), ErrorKind::Unavailable, "after {cut} bytes: {e}");
        }
        proxy.set(Fault::None);
        assert_eq!(runtime.block_on(cache.aget::<String>("k")).unwrap().as_deref(), Some(value));
        proxy.set(Fault::CutReply(cut));
        assert_eq!(runtime.block_on(cache.aget::<String>("k")).unwrap().as_deref(), Some(value));
        proxy.set(Fault::None);
    }
    // What may not be done twice is not: the counter is where the errors leave it.
    cache.set("n", &0, MINUTE).unwrap();
    let mut done = 0;
    for cut in 0.."HD\r\n".len() {
        cache.get::<i64>("n").unwrap();
        let asked = "VA 1 f2 c1 t60\r\n0\r\n".len();
        proxy.set(Fault::CutReply(asked + cut));
        match cache.incr("n", 1) {
            Ok(n) => assert_eq!(n, done + 1),
            Err(e) => assert!(is_late("incr", e.kind()), "{e}"),
        }
        proxy.set(Fault::None);
        let now = cache.get::<i64>("n").unwrap().unwrap();
        assert!(now == done || now == done + 1, "{done} became {now}");
        done = now;
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

#[test]
fn a_command_cut_half_way_injects_nothing() {
    let Some((server, proxy, cache)) = behind_proxy() else { return };
    let value = "x\r\nset injected 0 0 1\r\n1\r\nset :1:injected 0 0 1\r\n1\r\n".repeat(3);
    let command = format!("ms :1:k {} F16 T61\r\n", value.len()).len() + value.len() + 2;
    let runtime = runtime();
    for at in 0..=command {
        for fault in [Fault::CutRequest(at), Fault::StallRequest(at)] {
            // Stalls end with a timeout: a few do.
            let quick = Cache::new(
                MemcachedCache::builder(proxy.address().to_string())
                    .timeout(Duration::from_millis(30))
                    .build()
                    .unwrap(),
            );
            if matches!(fault, Fault::StallRequest(_)) && at % 8 != 0 {
                continue;
            }
            // It may be too slow for thirty milliseconds now and then.
            while quick.set("warm", &1, MINUTE).is_err() {}
            proxy.set(fault);
            let sync = at % 2 == 0;
            // Cut, it is done again on a new connection; stalled, it is not.
            let _ = if sync {
                quick.set("k", &value, MINUTE)
            } else {
                runtime.block_on(quick.aset("k", &value, MINUTE))
            };
            proxy.set(Fault::None);
            while quick.set("next", &at, MINUTE).is_err() {}
        }
    }
    for key in ["injected", ":1:injected"] {
        let found = raw(server.address(), format!("get {key}\r\n").as_bytes(), "END\r\n");
        assert_eq!(found, "END\r\n", "a value was executed");
    }
    assert_eq!(cache.get::<usize>("next").unwrap(), Some(command));
}

#[test]
fn a_full_pool() {
    let Some(server) = server() else { return };
    let proxy = Proxy::start(server.address()).unwrap();
    let wait = T / 8;
    let build = || Cache::new(options(proxy.address()).max_connections(2).pool_wait(wait).build().unwrap());
    let cache = build();
    let runtime = runtime();
    for round in 0..3 {
        cache.set("k", &round, MINUTE).unwrap();
        runtime.block_on(cache.aset("k", &round, MINUTE)).unwrap();
        proxy.set(Fault::Blackhole);
        std::thread::scope(|scope| {
            let stuck: Vec<_> = (0..2).map(|_| scope.spawn(|| cache.get::<i64>("k"))).collect();
            std::thread::sleep(T / 8);
            let begun = Instant::now();
            let e = cache.get::<i64>("k").unwrap_err();
            assert!(begun.elapsed() < wait + Duration::from_millis(60), "{:?}", begun.elapsed());
            assert_eq!(e.kind(), ErrorKind::Unavailable);
            assert!(e.to_string().contains("max_connections"), "{e}");
            assert!(stuck.into_iter().all(|call| call.join().unwrap().is_err()));
        });
        // The same with tasks and values so long that they have connections of their own; two of
        // them are dropped while they are stuck.
        let long = "x".repeat(100_000);
        runtime.block_on(async {
            let stuck: Vec<_> = (0..2)
                .map(|_| {
                    let (cache, long) = (cache.clone(), long.clone());
                    tokio::spawn(async move { cache.aset("long", &long, MINUTE).await })
                })
                .collect();
            tokio::time::sleep(T / 8).await;
            let e = cache.aset("long", &long, MINUTE).await.unwrap_err();
            assert!(e.to_string().contains("max_connections"), "{e}");
            for call in stuck {
                call.abort();
                assert!(call.await.unwrap_err().is_cancelled());
            }
        });
        proxy.set(Fault::None);
        // No place is lost: two at a time go on at once, on both halves.
        proxy.set(Fault::Delay(T / 8));
        std::thread::scope(|scope| {
            let both: Vec<_> = (0..2).map(|_| scope.spawn(|| cache.get::<i64>("k"))).collect();
            both.into_iter().for_each(|call| assert_eq!(call.join().unwrap().unwrap(), Some(round)));
        });
        runtime.block_on(async {
            let (a, b) = tokio::join!(cache.aget::<i64>("k"), cache.aget::<i64>("k"));
            assert_eq!((a.unwrap(), b.unwrap()), (Some(round), Some(round)));
            let both = tokio::join!(cache.aset("long", &long, MINUTE), cache.aset("long", &long, MINUTE));
            both.0.and(both.1).unwrap();
        });
        proxy.set(Fault::None);
    }
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
fn hostile_keys_send_nothing() {
    let Some((_server, proxy, cache)) = behind_proxy() else { return };
    // Keys that a cache over another backend has let through are refused here too.
    let lax = Cache::builder(cache_locmem::LocMemCache::builder().build().unwrap());
    let lax = lax.key_policy(KeyPolicy::Allow).key_function(|key, _, _| Ok(key.to_owned())).build().unwrap();
    let mut keys: Vec<String> = (0..=0x20_u8).chain([0x7f]).map(|b| format!("a{}b", char::from(b))).collect();
    keys.extend(["k".repeat(251), "a\r\nflush_all\r\n".into(), "a b".into(), "\n".into(), String::new()]);
    let (connections, sent) = (proxy.accepted(), proxy.sent());
    let runtime = runtime();
    for key in &keys {
        let made = lax.make_and_validate_key(key).unwrap();
        let e = cache.backend().get(made.as_key()).unwrap_err();
        assert_eq!((e.kind(), e.key()), (ErrorKind::InvalidCacheKey, Some(key.as_str())));
        if !key.is_empty() {
            let refused = [
                cache.get::<i64>(key).map(drop),
                cache.set(key, &1, MINUTE),
                cache.add(key, &1, MINUTE).map(drop),
                cache.incr(key, 1).map(drop),
                cache.get_many::<i64, _>(["good", key]).map(drop),
                cache.set_many([("good", 1), (key, 1)], MINUTE).map(drop),
                cache.delete_many(["good", key]),
                runtime.block_on(cache.aset(key, &1, MINUTE)),
            ];
            for result in refused {
                assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidCacheKey, "{key:?}");
            }
        }
    }
    assert_eq!((proxy.accepted(), proxy.sent()), (connections, sent), "something was sent");
    assert_eq!(cache.get::<i64>("warm").unwrap(), Some(1));
}

/// Every value says which key it belongs to, and a cancelled call leaves a connection behind whose
/// reply is still to come.
#[test]
fn no_cancelled_call_hands_its_reply_to_another() {
    const CALLS: usize = 100_000;
    const TASKS: usize = 16;
    let Some(server) = server() else { return };
    let cache = Cache::new(
        MemcachedCache::builder(server.address().to_string())
            .timeout(MINUTE)
            .connect_timeout(MINUTE)
            .max_connections(TASKS)
            .build()
            .unwrap(),
    );
    let runtime = runtime();
    let keys: Arc<Vec<String>> = Arc::new((0..64).map(|n| format!("k{n}")).collect());
    cache.set_many(keys.iter().map(|key| (key, format!("value of {key}"))), MINUTE).unwrap();
    let [calls, cancelled, foreign] = [0; 3].map(|_| Arc::new(AtomicUsize::new(0)));
    runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let (cache, keys) = (cache.clone(), Arc::clone(&keys));
                let [calls, cancelled, foreign] = [&calls, &cancelled, &foreign].map(Arc::clone);
                tokio::spawn(async move {
                    let mut random = fastrand::Rng::with_seed(task as u64);
                    while calls.fetch_add(1, Ordering::Relaxed) < CALLS {
                        // Polled so many times and dropped: it stops at every place where it can.
                        // Some end, however busy the machine is.
                        let polls = if random.u8(..4) == 0 { None } else { Some(random.u32(1..8)) };
                        let key = &keys[random.usize(..keys.len())];
                        let found = if random.u8(..8) == 0 {
                            let many = [key.as_str(), keys[random.usize(..keys.len())].as_str()];
                            drop_after(polls, cache.aget_many::<String, _>(many)).await.map(|found| {
                                found
                                    .unwrap()
                                    .into_iter()
                                    .map(|(key, value)| (key.to_owned(), value))
                                    .collect()
                            })
                        } else {
                            drop_after(polls, cache.aget::<String>(key))
                                .await
                                .map(|found| vec![(key.clone(), found.unwrap().unwrap_or_default())])
                        };
                        match found {
                            None => _ = cancelled.fetch_add(1, Ordering::Relaxed),
                            Some(found) => {
                                let wrong =
                                    found.iter().filter(|(key, value)| *value != format!("value of {key}"));
                                foreign.fetch_add(wrong.count(), Ordering::Relaxed);
                            }
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    let cancelled = cancelled.load(Ordering::Relaxed);
    assert!((CALLS / 10..CALLS).contains(&cancelled), "{cancelled} of {CALLS} were cancelled");
    assert_eq!(foreign.load(Ordering::Relaxed), 0, "values of other keys");
    // And no place in the pool is lost.
    runtime.block_on(async {
        let calls = (0..TASKS).map(|_| cache.aget::<String>("k0"));
        for found in futures_util::future::join_all(calls).await {
            assert_eq!(found.unwrap().as_deref(), Some("value of k0"));
        }
    });
}

/// Polls `future` as often as said, with others in between, and drops it: `None` if it was not done.
async fn drop_after<F: Future>(polls: Option<u32>, future: F) -> Option<F::Output> {
    let Some(polls) = polls else { return Some(future.await) };
    let mut future = std::pin::pin!(future);
    for _ in 0..polls {
        let polled = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}
