//! What bad servers, bad networks and callers that leave do to a connection that tasks share. The
//! rows are those of the project's table of faults.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use cache_net::{Failure, Link, Malformed, RetrySafety};
use common::{LONG, Lines, ask, call_async, connected, echo, is_end, is_late, server_at, two_threads};
use conformance_tests::faults::{cancelled, drop_calls, effort, record};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

const BACKEND: &str = "net async";

/// The timeout of calls that nobody answers.
const T: Duration = Duration::from_millis(200);

/// How long such a call may take.
const AT_MOST: Duration = Duration::from_millis(200 * 12 / 10 + 20);

/// The longest of the calls that `round` makes; again where the machine was too slow to tell.
fn longest(mut round: impl FnMut() -> Duration) -> Duration {
    let mut best = round();
    for _ in 0..2 {
        if best > AT_MOST {
            best = best.min(round());
        }
    }
    best
}

fn record_longest(row: u8, calls: u64, longest: Duration) {
    record(
        row,
        BACKEND,
        calls,
        u64::from(longest > AT_MOST),
        &format!("longest call {longest:?} of {AT_MOST:?}"),
    );
    assert!(longest >= T && longest <= AT_MOST, "{longest:?} for a timeout of {T:?}");
}

/// How long it takes until a call is told that it is too late.
async fn too_late(link: &Link<Lines>) -> Duration {
    let begun = Instant::now();
    let fault = ask(link, "k", T).await.unwrap_err();
    assert!(is_late(&fault), "{fault:?}");
    begun.elapsed()
}

#[test]
fn a_silent_server_costs_each_call_its_timeout() {
    const CALLS: u64 = 64;
    let longest = longest(|| {
        two_threads().block_on(async {
            let (link, _server) = connected().await;
            let link = Arc::new(link);
            let calls: Vec<_> = (0..CALLS)
                .map(|n| {
                    let link = Arc::clone(&link);
                    tokio::spawn(async move {
                        sleep(Duration::from_millis(n * 2)).await;
                        too_late(&link).await
                    })
                })
                .collect();
            let mut longest = Duration::ZERO;
            for call in calls {
                longest = longest.max(call.await.unwrap());
            }
            longest
        })
    });
    record_longest(11, CALLS, longest);
}

#[test]
fn calls_are_told_of_an_end_at_once_and_the_next_connection_works() {
    const CALLS: usize = 32;
    let rounds = effort(20, 500);
    let (mut slowest, mut failed) = (Duration::ZERO, 0);
    two_threads().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Arc::new(server_at(listener.local_addr().unwrap().port()));
        for _ in 0..rounds {
            let calls: Vec<_> = (0..CALLS)
                .map(|n| {
                    let server = Arc::clone(&server);
                    tokio::spawn(async move {
                        if let Ok(answer) = call_async(&server, &n.to_string(), RetrySafety::Once).await {
                            assert_eq!(answer, n.to_string());
                        }
                    })
                })
                .collect();
            let (mut broken, _) = listener.accept().await.unwrap();
            // Some have been sent by now, and some have not.
            broken.read_exact(&mut [0]).await.unwrap();
            let begun = Instant::now();
            drop(broken);
            // Calls that were not sent come on another connection, and so does the next one.
            let ended = async {
                for call in calls {
                    call.await.unwrap();
                }
                failed += u64::from(call_async(&server, "again", RetrySafety::Once).await.is_err());
                slowest = slowest.max(begun.elapsed());
                server.close();
            };
            let echoing = async { echo(listener.accept().await.unwrap().0).await };
            tokio::join!(ended, echoing);
        }
    });
    let figure = format!("{failed} calls failed on a new connection; slowest recovery {slowest:?}");
    record(12, BACKEND, rounds, failed, &figure);
    assert_eq!(failed, 0);
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}

/// Answers all that has come a moment later: many requests are on their way meanwhile.
async fn echo_later(mut server: TcpStream) {
    let mut piece = vec![0; 1 << 20];
    while let Ok(count @ 1..) = server.read(&mut piece).await {
        sleep(Duration::from_millis(1)).await;
        if server.write_all(&piece[..count]).await.is_err() {
            return;
        }
    }
}

#[test]
fn a_dropped_call_hands_its_answer_to_nobody() {
    let calls = effort(20_000, 200_000) / 2;
    two_threads().block_on(async {
        let mut sum = (0, 0);
        for later in [false, true] {
            let (link, server) = connected().await;
            let link = Arc::new(link);
            if later {
                tokio::spawn(echo_later(server))
            } else {
                tokio::spawn(echo(server))
            };
            let asked = Arc::clone(&link);
            let some = drop_calls(if later { 128 } else { 16 }, calls, move |mut random, polls| {
                let link = Arc::clone(&asked);
                async move {
                    let text = random.u64(..).to_string();
                    cancelled(polls, ask(&link, &text, LONG)).await.map(|answer| answer.unwrap() == text)
                }
            });
            let some = some.await;
            assert!(some.dropped > calls / 10, "{some:?} of {calls} calls");
            assert_eq!(ask(&link, "still good", LONG).await.unwrap(), "still good");
            assert!(link.is_usable());
            sum = (sum.0 + some.dropped, sum.1 + some.foreign);
        }
        let (dropped, foreign) = sum;
        record(
            13,
            BACKEND,
            dropped,
            foreign,
            &format!("{foreign} foreign answers, {dropped} calls cancelled"),
        );
        assert_eq!(foreign, 0, "answers to others");
    });
}

/// A cancelled call, where the server says more than it was asked.
#[test]
fn what_comes_behind_an_answer_is_not_the_next_one() {
    let rounds = effort(300, 10_000);
    let mut foreign = 0;
    two_threads().block_on(async {
        for _ in 0..rounds {
            let (link, mut server) = connected().await;
            let talkative = tokio::spawn(async move {
                let mut piece = [0; 100];
                while server.read(&mut piece).await.is_ok_and(|count| count > 0) {
                    // In one write, so that the second has arrived when the first is handed out.
                    if server.write_all(b"own\nforeign\n").await.is_err() {
                        return;
                    }
                }
            });
            let mut calls = 0;
            while let Ok(answer) = ask(&link, "k", LONG).await {
                foreign += u64::from(answer != "own");
                calls += 1;
            }
            assert!(calls > 0, "the first call has its answer");
            talkative.abort();
        }
    });
    record(13, BACKEND, rounds, foreign, &format!("{foreign} answers that came before their requests"));
    assert_eq!(foreign, 0, "answers to others");
}

/// A request that fills every buffer on its way; it ends after `within`.
async fn ask_long(link: &Link<Lines>, within: Duration) -> Failure<Malformed> {
    let write = |out: &mut Vec<u8>| {
        out.resize(out.len() + LENGTH - 1, b'x');
        out.push(b'\n');
    };
    let fault = link.exchange(write, None, Instant::now() + within).await.unwrap_err();
    assert!(is_late(&fault), "{fault:?}");
    assert!(fault.written < LENGTH && !link.is_usable());
    fault
}

/// The length of such a request.
const LENGTH: usize = 16 << 20;

#[test]
fn what_went_out_half_is_followed_by_nothing_else() {
    let rounds = effort(2, 20);
    let mut injected = 0;
    two_threads().block_on(async {
        for _ in 0..rounds {
            // Everybody leaves: the connection ends in the middle of the request.
            let (link, mut server) = connected().await;
            let (_, short) = tokio::join!(ask_long(&link, T / 2), ask(&link, "next", T / 2));
            let short = short.unwrap_err();
            // Where the machine is slow, the second comes when all is over.
            assert!(is_late(&short) || is_end(&short), "{short:?}");
            assert_eq!(short.written, 0);
            let mut came = Vec::new();
            // The end is an abrupt one.
            timeout(LONG, server.read_to_end(&mut came)).await.unwrap().ok();
            injected += u64::from(came.len() >= LENGTH || came.iter().any(|&byte| byte != b'x'));
            // Somebody stays: the rest comes first.
            let mut within = T;
            injected += loop {
                match stays_behind(within).await {
                    Some(injected) => break u64::from(injected),
                    None => within *= 2,
                }
                assert!(within < LONG, "the second call never came before the first one was too late");
            };
        }
    });
    record(14, BACKEND, rounds * 2, injected, &format!("{injected} requests continued with something else"));
    assert_eq!(injected, 0);
}

/// Whether a request that went out half was continued with something else, while somebody behind it stays. `None`
/// where the machine was too slow: the first was given up before the second came, and with it the connection.
async fn stays_behind(within: Duration) -> Option<bool> {
    let (link, mut server) = connected().await;
    let (given_up, gives_up) = tokio::sync::oneshot::channel();
    let long = async {
        ask_long(&link, within).await;
        given_up.send(()).unwrap();
    };
    let stays = async {
        let too_slow = |fault: &Failure<Malformed>| is_end(fault) && fault.length == 0;
        match ask(&link, "stays", LONG).await {
            Err(fault) if too_slow(&fault) => None,
            stays => Some(stays.unwrap()),
        }
    };
    let serve = async {
        gives_up.await.unwrap();
        let mut came = vec![0; LENGTH];
        server.read_exact(&mut came).await.ok()?;
        server.write_all(b"long\n").await.unwrap();
        tokio::spawn(echo(server));
        Some(came.iter().position(|&byte| byte != b'x') != Some(LENGTH - 1))
    };
    let ((), stays, continued) = tokio::join!(long, stays, serve);
    let stays = stays?;
    assert!(continued.is_some(), "the connection ended though a call on it was awaited");
    Some(continued? || stays != "stays")
}

#[test]
fn a_dribbling_server_does_not_hold_a_call() {
    let longest = longest(|| {
        two_threads().block_on(async {
            let (link, mut server) = connected().await;
            let dribble = tokio::spawn(async move {
                // What nobody has asked for is another matter.
                server.read_exact(&mut [0; 2]).await.unwrap();
                while server.write_all(b"x").await.is_ok() {
                    sleep(T / 2).await;
                }
            });
            let took = tokio::join!(too_late(&link), too_late(&link), too_late(&link));
            dribble.abort();
            took.0.max(took.1).max(took.2)
        })
    });
    record_longest(15, 3, longest);
}

#[test]
fn cut_at_every_byte_there_is_no_answer() {
    let answers = b"one\ntwo\n";
    let mut wrong = 0;
    two_threads().block_on(async {
        for cut in 0..answers.len() {
            let (link, mut server) = connected().await;
            let serve = async {
                let mut asked = [0; 8];
                server.read_exact(&mut asked).await.unwrap();
                server.write_all(&answers[..cut]).await.unwrap();
                drop(server);
            };
            let (one, two, ()) = tokio::join!(ask(&link, "one", LONG), ask(&link, "two", LONG), serve);
            wrong += u64::from(two.is_ok()) + u64::from(one.is_ok() != (cut >= 4));
            let fault = two.unwrap_err();
            assert_eq!((fault.written, fault.length, fault.used), (4, 4, true), "after {cut} bytes");
            if let Err(fault) = one {
                assert!(!fault.used && is_end(&fault));
            }
            let after = ask(&link, "three", LONG).await.unwrap_err();
            assert_eq!(after.written, 0, "nothing is sent on it any more");
        }
    });
    record(16, BACKEND, answers.len() as u64, wrong, &format!("{wrong} truncated answers"));
    assert_eq!(wrong, 0);
}

/// An exhausted pool: the calls under way on a connection are its places.
#[test]
fn so_many_at_once_and_the_next_one_waits_while_no_place_is_lost() {
    const PLACES: usize = 1024;
    let rounds = effort(3, 50);
    let mut longest = Duration::ZERO;
    two_threads().block_on(async {
        let (link, mut server) = connected().await;
        let link = Arc::new(link);
        for round in 0..rounds {
            let calls: Vec<_> = (0..PLACES)
                .map(|n| {
                    let link = Arc::clone(&link);
                    tokio::spawn(async move { ask(&link, &format!("{n:04}"), LONG).await })
                })
                .collect();
            let mut asked = vec![0; PLACES * 5];
            let all = timeout(LONG, server.read_exact(&mut asked)).await;
            assert!(all.is_ok(), "round {round}: a place was lost");
            let waiting = {
                let link = Arc::clone(&link);
                tokio::spawn(async move { ask(&link, "then", LONG).await })
            };
            let begun = Instant::now();
            let fault = ask(&link, "late", T).await.unwrap_err();
            longest = longest.max(begun.elapsed());
            assert!(is_late(&fault) && fault.written == 0, "{fault:?}");
            // It was not sent, so it does not show that the connection is broken.
            assert!(link.is_usable());
            // Callers that leave, both with a place and without, give it back.
            cancelled(Some(2), ask(&link, "gone", LONG)).await;
            calls[..PLACES / 2].iter().for_each(tokio::task::JoinHandle::abort);
            server.write_all(&asked).await.unwrap();
            let mut then = [0; 5];
            timeout(LONG, server.read_exact(&mut then)).await.unwrap().unwrap();
            server.write_all(&then).await.unwrap();
            assert_eq!(waiting.await.unwrap().unwrap(), "then");
            for (n, call) in calls.into_iter().enumerate().skip(PLACES / 2) {
                assert_eq!(call.await.unwrap().unwrap(), format!("{n:04}"));
            }
        }
    });
    let late = u64::from(longest > AT_MOST);
    record(
        17,
        BACKEND,
        rounds,
        late,
        &format!("0 of {PLACES} places lost; refused after {longest:?} of {T:?}"),
    );
    assert_eq!(late, 0, "{longest:?}");
}
