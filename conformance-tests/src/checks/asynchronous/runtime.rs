//! Checks the async API on its runtimes: no call blocks one, and none hangs when one is shut down.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cache_core::{BaseCache, Cache};
use tokio::runtime::Builder;

use crate::checks::LONG;
use crate::checks::concurrency::patterned_values::size;
use crate::context::TestContext;
use crate::outcome::{Outcome, Stop};

/// The longest a task may keep others from running.
const GAP: Duration = Duration::from_millis(50);

/// How often that is tried.
const TRIES: usize = 6;

pub(super) async fn executor_not_blocked(t: &TestContext) -> Outcome {
    let cache = t.cache().cache;
    let len = size(t, 4 << 20);
    let mut seen: Option<(Duration, Duration)> = None;
    // A busy machine makes gaps by itself: the best of several tries counts, less what a
    // runtime without work had to wait in the same try.
    for _ in 0..TRIES {
        let cache = cache.clone();
        let measured = on_own_thread(move || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let idle = runtime.block_on(longest_gap(async {
                tokio::time::sleep(Duration::from_millis(60)).await;
                Ok(())
            }))?;
            let busy = runtime.block_on(longest_gap(work(cache, len)))?;
            Ok((busy, idle))
        });
        let (busy, idle) = measured?;
        if busy <= GAP + idle {
            return Ok(());
        }
        let best =
            seen.is_none_or(|(before, without)| busy.saturating_sub(idle) < before.saturating_sub(without));
        if best {
            seen = Some((busy, idle));
        }
    }
    let (busy, idle) = seen.unwrap_or_default();
    Err(Stop::unexpected(
        "how long a task on a runtime of one thread waits while another task calls the cache",
        format_args!("at most {GAP:?} more than without calls, in one of {TRIES} tries"),
        format_args!("{busy:?} beside calls and {idle:?} without, in the best try"),
    ))
}

/// The longest time that a heartbeat task on the same thread had to wait while `work` ran.
async fn longest_gap(work: impl Future<Output = Outcome>) -> Outcome<Duration> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let heartbeat = tokio::spawn(async move {
        let (mut longest, mut last, mut waited) = (Duration::ZERO, Instant::now(), waited_for_cpu());
        while !stopped.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let waiting = waited_for_cpu();
            longest = longest.max(last.elapsed().saturating_sub(waiting.saturating_sub(waited)));
            (last, waited) = (Instant::now(), waiting);
        }
        longest
    });
    tokio::task::yield_now().await;
    work.await?;
    stop.store(true, Ordering::SeqCst);
    heartbeat.await.map_err(Stop::broken)
}

/// How long this thread could have run and got no processor so far: no fault of the backend's.
/// Zero where the system does not say.
fn waited_for_cpu() -> Duration {
    let said = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = said.split_ascii_whitespace().nth(1).and_then(|number| number.parse().ok());
    nanoseconds.map(Duration::from_nanos).unwrap_or_default()
}

/// Slow operations: big values, and many keys.
async fn work(cache: Cache<dyn BaseCache>, len: usize) -> Outcome {
    let big = vec![7_u8; len];
    let keys: Vec<String> = (0..500).map(|n| format!("k{n}")).collect();
    for _ in 0..3 {
        // A call that never suspends is one step: the heartbeat runs between two.
        cache.aset_bytes("big", big.clone(), LONG).await?;
        tokio::task::yield_now().await;
        cache.aget_bytes("big").await?;
        tokio::task::yield_now().await;
        cache.aset_many(keys.iter().map(|key| (key, 1)), LONG).await?;
        tokio::task::yield_now().await;
        cache.aget_many::<i64, _>(&keys).await?;
        tokio::task::yield_now().await;
        cache.aincr("k0").await?;
        cache.atouch("k1", LONG).await?;
        cache.aadd("new", &1, LONG).await?;
        tokio::task::yield_now().await;
        cache.adelete_many(&keys).await?;
        tokio::task::yield_now().await;
        cache.aclear().await?;
    }
    Ok(())
}

/// Runs `body` on a thread without a runtime.
fn on_own_thread<R: Send + 'static>(body: impl FnOnce() -> Outcome<R> + Send + 'static) -> Outcome<R> {
    tokio::task::block_in_place(|| {
        std::thread::spawn(body)
            .join()
            .unwrap_or_else(|_| Err(Stop::unexpected("a thread with a runtime", "that it ends", "a panic")))
    })
}

pub(super) async fn runtime_shutdown(t: &TestContext) -> Outcome {
    const TASKS: usize = 40;
    let cache = t.cache().cache;
    cache.aset("n", &0, LONG).await?;
    let mut random = fastrand::Rng::with_seed(1);
    for round in 0..12 {
        for task in 0..TASKS {
            cache.aset(&format!("k{task}"), "old", LONG).await?;
        }
        let inside = cache.clone();
        let pause = Duration::from_micros(random.u64(0..3_000));
        let took = on_own_thread(move || {
            let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            for task in 0..TASKS {
                let cache = inside.clone();
                runtime.spawn(async move {
                    let key = format!("k{task}");
                    for step in 0.. {
                        cache.aset(&key, &format!("new{step}"), LONG).await?;
                        cache.aget::<String>(&key).await?;
                        cache.aincr("n").await?;
                        cache.aget_or_set("shared", LONG, || async { 1 }).await?;
                        cache.adelete("shared").await?;
                        tokio::task::yield_now().await;
                    }
                    Ok::<_, cache_core::Error>(())
                });
            }
            std::thread::sleep(pause);
            let begun = Instant::now();
            drop(runtime);
            Ok(begun.elapsed())
        })?;
        ensure!(took < Duration::from_secs(20), "round {round}: the runtime took {took:?} to go");
        // The cache belongs to no runtime: this one and the sync API go on with it.
        for task in 0..TASKS {
            let value = cache.aget::<String>(&format!("k{task}")).await?;
            let is_old_or_new = value.as_ref().is_some_and(|v| v == "old" || v.starts_with("new"));
            ensure!(is_old_or_new, got value, "round {round}: k{task} after its runtime was shut down");
        }
        let made =
            tokio::time::timeout(Duration::from_secs(20), cache.aget_or_set("shared", LONG, || async { 1 }));
        let waiting = |_| {
            let got = "it waits for a task of a runtime that is gone";
            Stop::unexpected("get_or_set after a runtime was shut down", "a value within 20 s", got)
        };
        let made = made.await.map_err(waiting)?;
        ensure_eq!(made?, 1);
        let before = cache.aget::<i64>("n").await?.unwrap_or(-1);
        ensure!(cache.incr("n")? > before && before >= 0, "round {round}: the counter");
    }
    Ok(())
}
