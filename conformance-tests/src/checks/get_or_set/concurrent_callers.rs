//! Checks `get_or_set` with several callers of one key at once: one computes, and the others wait.

use std::future::pending;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_lite::FutureExt;

use super::{computing, sleep, slowly, until};
use crate::checks::MINUTE;
use crate::context::TestContext;
use crate::mode::Mode;
use crate::outcome::{Outcome, Stop};
use crate::watched_backend::{Act, Watched};

/// Long enough for the others to arrive.
const WORK: Duration = Duration::from_millis(8);

/// All callers of one round get one value, and it is the one that is stored: whether they wait
/// for one another or, with single flight off, race to store theirs.
pub(super) async fn all_callers_agree(t: &TestContext) -> Outcome {
    for wait in [MINUTE, Duration::ZERO] {
        let rounds = if wait.is_zero() { 200 } else { 30 };
        let cache = t.build(|b| b.single_flight_timeout(wait).key_prefix(format!("w{}", wait.as_secs())))?;
        let racers = cache.clone();
        let got = t
            .race(4, move |number, mut gate| {
                let cache = racers.clone();
                async move {
                    let mut got = Vec::new();
                    for round in 0..rounds {
                        gate.wait().await?;
                        let time = if wait.is_zero() { Duration::ZERO } else { WORK / 4 };
                        let own = i64::try_from(number).unwrap_or_default();
                        got.push(slowly(&cache, &format!("k{round}"), time, || own).await?);
                    }
                    Ok(got)
                }
            })
            .await?;
        for round in 0..rounds {
            let values: Vec<i64> = got.iter().map(|got| got[round]).collect();
            let stored = cache.get::<i64>(&format!("k{round}")).await?;
            let agree = values.iter().all(|&value| Some(value) == stored);
            ensure!(agree, "round {round}: the callers got {values:?}, and {stored:?} is stored");
        }
    }
    Ok(())
}

pub(super) async fn single_flight(t: &TestContext) -> Outcome {
    const ROUNDS: usize = 25;
    const CALLERS: usize = 16;
    let cache = t.build(|b| b.single_flight_timeout(MINUTE))?;
    let calls: Arc<Vec<AtomicI64>> = Arc::new((0..ROUNDS).map(|_| AtomicI64::new(0)).collect());
    let (racers, counters) = (cache.clone(), Arc::clone(&calls));
    let got = t
        .race(CALLERS, move |number, mut gate| {
            let (cache, calls) = (racers.clone(), Arc::clone(&counters));
            async move {
                let mut got = Vec::new();
                for (round, calls) in calls.iter().enumerate() {
                    gate.wait().await?;
                    // Late ones come during the work, and right after it.
                    if number % 4 == 3 {
                        sleep(cache.mode, WORK * u32::try_from(number / 4).unwrap_or(0) / 2).await;
                    }
                    let call = || calls.fetch_add(1, Ordering::SeqCst) + 100;
                    got.push(slowly(&cache, &format!("k{round}"), WORK, call).await?);
                }
                Ok(got)
            }
        })
        .await?;
    let calls: Vec<i64> = calls.iter().map(|calls| calls.load(Ordering::SeqCst)).collect();
    ensure_eq!(calls, [1; ROUNDS], "calls of the function, by round");
    ensure!(got.iter().flatten().all(|&value| value == 100), "not all callers got the value");
    a_late_leader_looks_again(t).await?;
    across_caches(t).await
}

/// One looks, finds nothing, and comes for the lead only when another's flight has begun and
/// ended: it must look again before it computes.
async fn a_late_leader_looks_again(t: &TestContext) -> Outcome {
    let state = Arc::new((AtomicUsize::new(0), AtomicBool::new(false)));
    let shared = Arc::clone(&state);
    let late = Watched::over(t.cache().cache.backend(), move |method, _| {
        let (gets, stored) = (&shared.0, &shared.1);
        if method != "get" || gets.fetch_add(1, Ordering::SeqCst) > 0 {
            return Act::Forward;
        }
        let wait = || {
            let start = Instant::now();
            while !stored.load(Ordering::SeqCst) && start.elapsed() < MINUTE / 6 {
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        // In a task it would hold a worker, which may have what the other caller waits for.
        tokio::task::block_in_place(wait);
        Act::FindNothing
    });
    let cache = t.over(late)?;
    t.race(2, move |number, _| {
        let (cache, state) = (cache.clone(), Arc::clone(&state));
        async move {
            if number == 0 {
                until(cache.mode, || state.0.load(Ordering::SeqCst) > 0).await;
            }
            let own = i64::try_from(number).unwrap_or_default();
            let mut called = false;
            let function = || {
                called = true;
                own
            };
            let got = cache.get_or_set("late", MINUTE, function).await?;
            state.1.store(true, Ordering::SeqCst);
            ensure_eq!((got, called), (0, number == 0), "what caller {number} got, and whether it computed");
            Ok(())
        }
    })
    .await
    .map(drop)
}

/// A function that asks a second cache waits for the flight there as anybody does: it is inside a
/// flight, but not inside that one.
async fn across_caches(t: &TestContext) -> Outcome {
    let outer = t.build(|b| b.single_flight_timeout(MINUTE).key_prefix("outer"))?;
    let inner = t.build(|b| b.single_flight_timeout(MINUTE).key_prefix("inner"))?;
    let state = Arc::new((AtomicBool::new(false), AtomicI64::new(0)));
    let shared = Arc::clone(&state);
    t.race(2, move |number, _| {
        let (outer, inner, shared) = (outer.clone(), inner.clone(), Arc::clone(&shared));
        async move {
            let (leading, calls) = (&shared.0, &shared.1);
            let work = async {
                leading.store(true, Ordering::SeqCst);
                sleep(inner.mode, 5 * WORK).await;
                Ok(calls.fetch_add(1, Ordering::SeqCst))
            };
            if number == 0 {
                computing(&inner, "k", work).await?;
            } else {
                until(inner.mode, || leading.load(Ordering::SeqCst)).await;
                computing(&outer, "k", computing(&inner, "k", work)).await?;
            }
            Ok(())
        }
    })
    .await?;
    ensure_eq!(
        state.1.load(Ordering::SeqCst),
        1,
        "calls where one comes from inside another cache's function"
    );
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    Error,
    Panic,
    Cancelled,
}

pub(super) async fn leader_failure_wakes_waiters(t: &TestContext) -> Outcome {
    next_waiter_leads(t, Failure::Error).await?;
    next_waiter_leads(t, Failure::Panic).await?;
    // A thread cannot be cancelled.
    if t.mode() == Mode::Async {
        next_waiter_leads(t, Failure::Cancelled).await?;
    }
    the_wait_is_bounded(t).await
}

/// One leads and fails while three wait: one of them computes then, and all three get its value.
async fn next_waiter_leads(t: &TestContext, failure: Failure) -> Outcome {
    let cache = t.build(|b| b.single_flight_timeout(MINUTE).key_prefix(format!("{failure:?}")))?;
    let state = Arc::new((AtomicBool::new(false), AtomicI64::new(0)));
    let (racers, shared) = (cache.clone(), Arc::clone(&state));
    let start = Instant::now();
    t.race(4, move |number, _| {
        let (cache, shared) = (racers.clone(), Arc::clone(&shared));
        async move {
            let (leading, calls) = (&shared.0, &shared.1);
            if number > 0 {
                until(cache.mode, || leading.load(Ordering::SeqCst)).await;
                let got = slowly(&cache, "k", WORK, || calls.fetch_add(1, Ordering::SeqCst) + 100).await?;
                ensure_eq!(got, 100, "what a waiter gets after {failure:?}");
                return Ok(());
            }
            let work = async {
                leading.store(true, Ordering::SeqCst);
                sleep(cache.mode, 5 * WORK).await;
                match failure {
                    Failure::Error => Err(Stop::broken("planned")),
                    // As a panic does, but without its message on the terminal.
                    Failure::Panic => resume_unwind(Box::new("planned")),
                    Failure::Cancelled => pending().await,
                }
            };
            let call = AssertUnwindSafe(computing(&cache, "k", work)).catch_unwind();
            let as_planned = match failure {
                Failure::Cancelled => tokio::time::timeout(10 * WORK, call).await.is_err(),
                Failure::Error => matches!(call.await, Ok(Err(stop)) if stop == Stop::broken("planned")),
                Failure::Panic => call.await.is_err(),
            };
            ensure!(as_planned, "the leader's {failure:?} did not come through");
            Ok(())
        }
    })
    .await?;
    ensure!(start.elapsed() < MINUTE / 2, "{failure:?} of the leader woke nobody");
    ensure_eq!(state.1.load(Ordering::SeqCst), 1, "calls after {failure:?} of the leader");
    ensure_eq!(cache.get::<i64>("k").await?, Some(100), "what is stored after {failure:?}");
    Ok(())
}

/// The leader hangs until the waiter has its value: which it computes itself, after a bounded
/// wait. The leader comes too late then, and goes on with the waiter's value.
async fn the_wait_is_bounded(t: &TestContext) -> Outcome {
    let wait = Duration::from_millis(60);
    let cache = t.build(|b| b.single_flight_timeout(wait).key_prefix("bounded"))?;
    let state = Arc::new((AtomicBool::new(false), AtomicBool::new(false)));
    t.race(2, move |number, _| {
        let (cache, state) = (cache.clone(), Arc::clone(&state));
        async move {
            let (leading, answered) = (&state.0, &state.1);
            if number == 0 {
                let work = async {
                    leading.store(true, Ordering::SeqCst);
                    let start = Instant::now();
                    until(cache.mode, || answered.load(Ordering::SeqCst) || start.elapsed() > MINUTE / 2)
                        .await;
                    Ok(1)
                };
                ensure_eq!(computing(&cache, "k", work).await?, 2, "what the leader gets in the end");
                return Ok(());
            }
            until(cache.mode, || leading.load(Ordering::SeqCst)).await;
            let start = Instant::now();
            let got = cache.get_or_set("k", MINUTE, || 2).await?;
            let took = start.elapsed();
            answered.store(true, Ordering::SeqCst);
            ensure_eq!(got, 2, "what the waiter gets");
            ensure!(took >= wait, "it waited for {took:?} instead of {wait:?}");
            Ok(())
        }
    })
    .await
    .map(drop)
}
