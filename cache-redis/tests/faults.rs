//! What a bad network and a bad moment do: no call hangs, no reply reaches the wrong caller,
//! no half-sent command is ever continued. The numbers are those of the project's table of faults.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use cache_core::{Cache, Error, ErrorKind, Timeout};
use cache_redis::RedisCache;
use common::{MINUTE, at, behind_proxy, bound, build, cache, inline, quickest, redis, runtime};
use conformance_tests::faults::{
    cancel_calls, effort, ended_connections, record, refusals, restarts, until_ok,
};
use conformance_tests::proxy::Fault;

const T: Duration = Duration::from_millis(400);

/// The two halves, as they are called in the report, and whether they are the async one.
const HALVES: [(&str, bool); 2] = [("redis", false), ("redis async", true)];

/// The operations.
const OPERATIONS: [&str; 13] = [
    "get",
    "set",
    "add",
    "touch",
    "persist",
    "delete",
    "incr",
    "incr_version",
    "has_key",
    "get_many",
    "set_many",
    "delete_many",
    "clear",
];

fn call(cache: &Cache<RedisCache>, name: &str) -> Result<(), Error> {
    match name {
        "get" => cache.get::<i64>("k").map(drop),
        "set" => cache.set("k", &1, MINUTE),
        "add" => cache.add("k", &1, MINUTE).map(drop),
        "touch" => cache.touch("k", MINUTE).map(drop),
        "persist" => cache.touch("k", Timeout::Never).map(drop),
        "delete" => cache.delete("k").map(drop),
        "incr" => cache.incr("k").map(drop),
        "incr_version" => cache.incr_version("k").map(drop),
        "has_key" => cache.has_key("k").map(drop),
        "get_many" => cache.get_many::<i64, _>(["k", "l"]).map(drop),
        "set_many" => cache.set_many([("k", 1), ("l", 2)], MINUTE).map(drop),
        "delete_many" => cache.delete_many(["k", "l"]),
        _ => cache.clear(),
    }
}

async fn call_async(cache: &Cache<RedisCache>, name: &str) -> Result<(), Error> {
    match name {
        "get" => cache.aget::<i64>("k").await.map(drop),
        "set" => cache.aset("k", &1, MINUTE).await,
        "add" => cache.aadd("k", &1, MINUTE).await.map(drop),
        "touch" => cache.atouch("k", MINUTE).await.map(drop),
        "persist" => cache.atouch("k", Timeout::Never).await.map(drop),
        "delete" => cache.adelete("k").await.map(drop),
        "incr" => cache.aincr("k").await.map(drop),
        "incr_version" => cache.aincr_version("k").await.map(drop),
        "has_key" => cache.ahas_key("k").await.map(drop),
        "get_many" => cache.aget_many::<i64, _>(["k", "l"]).await.map(drop),
        "set_many" => cache.aset_many([("k", 1), ("l", 2)], MINUTE).await.map(drop),
        "delete_many" => cache.adelete_many(["k", "l"]).await,
        _ => cache.aclear().await,
    }
}

/// Every operation of one half fails in time: what came of that is the table's `row`.
fn all_fail_in_time(
    cache: &Cache<RedisCache>,
    timeout: Duration,
    row: u8,
    (backend, is_async): (&str, bool),
) {
    let runtime = runtime();
    let (mut longest, mut late) = (Duration::ZERO, Vec::new());
    for name in OPERATIONS {
        let timed = || {
            let begun = Instant::now();
            let outcome =
                if is_async { runtime.block_on(call_async(cache, name)) } else { call(cache, name) };
            let took = begun.elapsed();
            // On a new connection: it is made, since the kernel does that, and never answers.
            let unknown = matches!(name, "add" | "incr" | "incr_version");
            let kind = if unknown { ErrorKind::OutcomeUnknown } else { ErrorKind::Unavailable };
            assert_eq!(outcome.unwrap_err().kind(), kind, "{backend} {name}");
            took
        };
        // The machine may be busy: what waits too long does so each time.
        let mut took = timed();
        for _ in 0..2 {
            if took > bound(timeout) {
                took = took.min(timed());
            }
        }
        longest = longest.max(took);
        if took > bound(timeout) {
            late.push((name, took));
        }
    }
    let figure = format!("longest call {longest:?} of {:?}", bound(timeout));
    record(row, backend, OPERATIONS.len() as u64, late.len() as u64, &figure);
    assert!(late.is_empty(), "{backend}: {late:?} for a timeout of {timeout:?}");
}

#[test]
fn a_stopped_server_costs_each_call_its_timeout() {
    let Some(server) = redis() else { return };
    let timeout = Duration::from_millis(250);
    let cache = build(at(server.address()).operation_timeout(timeout));
    let runtime = runtime();
    for half @ (backend, is_async) in HALVES {
        cache.set("k", &1, MINUTE).unwrap();
        server.pause();
        all_fail_in_time(&cache, timeout, 11, half);
        server.resume();
        let (begun, mut failed) = (Instant::now(), 0);
        for name in OPERATIONS {
            let outcome =
                if is_async { runtime.block_on(call_async(&cache, name)) } else { call(&cache, name) };
            failed += u64::from(outcome.is_err_and(|e| e.kind() != ErrorKind::KeyNotFound));
        }
        let took = begun.elapsed();
        record(12, backend, 1, failed, &format!("continued: {failed} calls failed, all done after {took:?}"));
        assert!(failed == 0 && took < Duration::from_secs(1), "{backend}: {failed} failed in {took:?}");
    }
}

#[test]
fn a_restart_costs_at_most_one_call_per_connection() {
    let Some(mut server) = redis() else { return };
    restarts("redis", &cache(server.address()), &mut server);
}

#[test]
fn connections_that_end_cost_no_call_that_may_be_sent_twice() {
    let Some((_server, proxy)) = behind_proxy() else { return };
    ended_connections("redis", &cache(proxy.address()), &proxy);
}

/// A restart so soon after the last calls that no connection is looked at before it is used.
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

#[test]
fn a_cancelled_call_hands_its_reply_to_nobody() {
    let Some((_server, proxy)) = behind_proxy() else { return };
    cancel_calls("redis async", &cache(proxy.address()), &proxy);
}

/// A value that is a command wherever a server begins to read in it.
fn poison(len: usize) -> String {
    "\r\nSET injected 1".repeat(len / 16)
}

#[test]
fn a_command_that_went_out_half_is_never_continued() {
    let Some((server, proxy)) = behind_proxy() else { return };
    let patient = build(at(proxy.address()).operation_timeout(T).max_connections(1));
    let quick = build(at(proxy.address()).operation_timeout(Duration::from_millis(30)).max_connections(1));
    let runtime = runtime();
    let (small, big) = (poison(64), poison(16 << 20));
    // Every byte of a small command, and stalls within a large one, whose writing takes too long.
    let every = usize::try_from(effort(16, 1)).unwrap();
    let cuts = (0..120).map(Fault::CutRequest);
    let stalls = (0..120).step_by(every).map(Fault::StallRequest);
    let faults: Vec<Fault> = cuts.chain(stalls).collect();
    let long = [1, 40, 1 << 20].map(Fault::StallRequest);
    for (backend, is_async) in HALVES {
        let (mut stalled, mut late) = (0, 0);
        for (cache, value, faults) in [(&quick, &small, &faults[..]), (&patient, &big, &long[..])] {
            let set = |key: &str, value: &str| {
                if is_async {
                    runtime.block_on(cache.aset(key, value, MINUTE))
                } else {
                    cache.set(key, value, MINUTE)
                }
            };
            for fault in faults {
                // In time at last, on a machine as busy as may be.
                until_ok(|| set("next", &small));
                proxy.set(*fault);
                let outcome = set("big", value);
                if matches!(fault, Fault::StallRequest(_)) {
                    stalled += 1;
                    late += u64::from(outcome.is_err_and(|e| e.kind() == ErrorKind::Unavailable));
                }
                proxy.set(Fault::None);
                // What comes next would be read as the rest of the value, and its rest as commands.
                for _ in 0..3 {
                    until_ok(|| set("next", &small));
                }
            }
        }
        // On a machine as busy as may be, a late request of another connection was stalled now and then.
        assert!(late * 2 > stalled, "{backend}: {late} of {stalled} were too late");
        let tried = (faults.len() + long.len()) as u64;
        let injected = u64::from(inline(server.address(), "EXISTS injected", "\r\n") != ":0\r\n");
        record(14, backend, tried, injected, &format!("{injected} injected keys"));
        assert_eq!(injected, 0, "{backend}");
    }
}

#[test]
fn a_dribbling_server_does_not_hold_a_call() {
    let Some((_server, proxy)) = behind_proxy() else { return };
    let timeout = Duration::from_millis(250);
    let cache = build(at(proxy.address()).operation_timeout(timeout).max_connections(2));
    cache.set("k", &1, MINUTE).unwrap();
    proxy.set(Fault::Dribble(timeout / 2));
    for half in HALVES {
        all_fail_in_time(&cache, timeout, 15, half);
    }
    proxy.set(Fault::None);
    assert!((0..5).any(|_| cache.get::<i64>("k").is_ok()));
}

#[test]
fn a_reply_cut_anywhere_is_no_value() {
    let Some((server, proxy)) = behind_proxy() else { return };
    let value = "0123456789".repeat(2);
    let whole = [("k", value.clone()), ("l", value.clone())];
    let direct = cache(server.address());
    direct.set_many(whole.clone(), MINUTE).unwrap();
    // The server knows the scripts: what is cut are the answers to them.
    direct.set("n", &0, MINUTE).unwrap();
    direct.incr_by("n", 0).unwrap();
    let runtime = runtime();
    for (backend, is_async) in HALVES {
        let (mut tried, mut wrong, mut unknown) = (0, Vec::new(), 0);
        // Longer than any of the replies. A connection that has not been used is not replaced by
        // another, and one that has been is.
        for (cut, used) in (0..80).flat_map(|cut| [(cut, false), (cut, true)]) {
            let cut_one = || {
                // A cut left over from the last one must not hit this one's first call.
                proxy.set(Fault::None);
                let fresh = cache(proxy.address());
                if used {
                    if is_async { runtime.block_on(fresh.ahas_key("k")) } else { fresh.has_key("k") }
                        .unwrap();
                }
                proxy.set(Fault::CutReply(cut));
                fresh
            };
            let fresh = cut_one();
            let one = if is_async { runtime.block_on(fresh.aget("k")) } else { fresh.get::<String>("k") };
            let fresh = cut_one();
            let many = if is_async {
                runtime.block_on(fresh.aget_many::<String, _>(["k", "absent", "l"]))
            } else {
                fresh.get_many(["k", "absent", "l"])
            };
            let before = direct.get::<i64>("n").unwrap().unwrap();
            let fresh = cut_one();
            let sum = if is_async { runtime.block_on(fresh.aincr("n")) } else { fresh.incr("n") };
            let after = direct.get::<i64>("n").unwrap().unwrap();
            let fresh = cut_one();
            let kept = if is_async {
                runtime.block_on(fresh.atouch("k", Timeout::Never))
            } else {
                fresh.touch("k", Timeout::Never)
            };
            proxy.set(Fault::None);
            tried += 4;
            let errors = [one.as_ref().err(), many.as_ref().err(), kept.as_ref().err()];
            assert!(errors.iter().flatten().all(|e| e.kind() == ErrorKind::Unavailable), "{errors:?}");
            // Within the shortest of the replies.
            assert!(used || cut >= 4 || errors.iter().flatten().count() == 3, "{backend}: answered, {cut}");
            let good = [
                one.is_err() || one.is_ok_and(|found| found.as_ref() == Some(&value)),
                many.is_err() || many.is_ok_and(|found| found == whole),
                kept.is_err() || kept.is_ok_and(|kept| kept),
                after == before + 1,
                match sum {
                    Ok(sum) => sum == after,
                    Err(e) => {
                        unknown += 1;
                        e.kind() == ErrorKind::OutcomeUnknown
                    }
                },
            ];
            if good != [true; 5] {
                wrong.push((cut, used, good));
            }
        }
        record(
            16,
            backend,
            tried,
            wrong.len() as u64,
            &format!("{} truncated values or wrong counts", wrong.len()),
        );
        assert!(wrong.is_empty(), "{backend}: {wrong:?}");
        assert!(unknown > 0, "no cut hit the answer to incr");
    }
}

/// `info` asks twice, and has the time of one call.
#[test]
fn info_has_one_deadline() {
    let Some((_server, proxy)) = behind_proxy() else { return };
    let timeout = Duration::from_secs(1);
    let cache = build(at(proxy.address()).operation_timeout(timeout));
    let runtime = runtime();
    until_ok(|| cache.info());
    until_ok(|| runtime.block_on(cache.ainfo()));
    // Each reply is in time, and both are not.
    proxy.set(Fault::Delay(timeout * 7 / 10));
    for info in [cache.info(), runtime.block_on(cache.ainfo())] {
        assert_eq!(info.map_err(|e| e.kind()).unwrap_err(), ErrorKind::Unavailable);
    }
}

/// What was sent and not answered may have happened: it is neither done twice nor said to be undone.
#[test]
fn a_count_without_a_reply_is_unknown() {
    let Some((server, proxy)) = behind_proxy() else { return };
    let direct = cache(server.address());
    direct.set("n", &0, MINUTE).unwrap();
    let runtime = runtime();
    let cache = cache(proxy.address());
    assert_eq!(cache.incr("n").unwrap(), 1);
    assert_eq!(runtime.block_on(cache.aincr("n")).unwrap(), 2);
    for (round, cut) in [0, 1, 3].into_iter().enumerate() {
        let before = direct.get::<i64>("n").unwrap().unwrap();
        proxy.set(Fault::CutReply(cut));
        let error = cache.incr("n").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        assert_eq!(error.key(), Some(":1:n"));
        proxy.set(Fault::CutReply(cut));
        let error = runtime.block_on(cache.aincr("n")).unwrap_err();
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

#[test]
fn an_exhausted_pool_says_so_and_loses_no_place() {
    let Some((server, proxy)) = behind_proxy() else { return };
    let wait = Duration::from_millis(50);
    let rounds = effort(2, 20);
    let cache = build(at(proxy.address()).max_connections(2).pool_wait(wait).operation_timeout(T * 2));
    let mut longest = Duration::ZERO;
    for _ in 0..rounds {
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
            assert!(refused >= wait, "{refused:?}");
            longest = longest.max(refused);
        });
        server.resume();
        // However a call ends, its place is free again.
        for fault in
            [Fault::CutReply(0), Fault::CutReply(2), Fault::CutRequest(3), Fault::Refuse, Fault::Blackhole]
        {
            let begun = Instant::now();
            while begun.elapsed() < T / 8 {
                proxy.set(fault);
                // Some succeed on the second attempt.
                let _ = cache.get::<i64>("k");
                let _ = cache.incr("k");
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
    let late = u64::from(longest >= wait + Duration::from_millis(100));
    record(17, "redis", rounds, late, &format!("0 slots lost, refused after {longest:?} of {wait:?}"));
    assert_eq!(late, 0, "{longest:?}");
}

#[test]
fn refused_connections_lose_no_place() {
    let Some(mut server) = redis() else { return };
    let options = at(server.address()).max_connections(2).pool_wait(Duration::from_millis(50));
    refusals("redis", &build(options), &mut server, 2);
}

/// More tasks ask than may be under way on their connection.
#[test]
fn more_tasks_than_places_end_in_time_and_lose_no_place() {
    const TASKS: usize = 1_500;
    let Some(server) = redis() else { return };
    let cache = build(at(server.address()).operation_timeout(T));
    let runtime = runtime();
    let rounds = effort(1, 10);
    let mut longest = Duration::ZERO;
    for round in 0..rounds {
        runtime.block_on(cache.aset("k", &1, MINUTE)).unwrap();
        server.pause();
        let ask = |leaves: bool| {
            let cache = cache.clone();
            let task = runtime.spawn(async move {
                let begun = Instant::now();
                (cache.aget::<i64>("k").await, begun.elapsed())
            });
            (task, leaves)
        };
        let tasks: Vec<_> = (0..TASKS).map(|n| ask(n % 3 == 0)).collect();
        thread::sleep(T / 4);
        for (task, leaves) in tasks {
            if leaves {
                task.abort();
                continue;
            }
            let (outcome, took) = runtime.block_on(task).unwrap();
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Unavailable);
            longest = longest.max(took);
        }
        server.resume();
        let tasks: Vec<_> = (0..TASKS).map(|_| ask(false).0).collect();
        let good = tasks.into_iter().filter_map(|task| runtime.block_on(task).ok()?.0.ok()?).count();
        assert_eq!(good, TASKS, "round {round}");
    }
    // This many tasks cannot all be told at once.
    let most = bound(T) + T / 2;
    let late = u64::from(longest > most);
    record(17, "redis async", rounds, late, &format!("0 places lost, refused after {longest:?} of {T:?}"));
    assert_eq!(late, 0, "{longest:?}");
}
