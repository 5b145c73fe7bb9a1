//! Checks all operations on many keys alike: the same outcome as single calls, few round trips, others are not blocked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cache_core::{MAX_BATCH_LEN, Timeout};
use serde_json::{Value, json};

use super::keys;
use crate::checks::LONG;
use crate::checks::isolation::network;
use crate::context::TestContext;
use crate::outcome::Outcome;
use crate::test_cache::TestCache;
use crate::watched_backend::{Act, Watched};

fn random_value(random: &mut fastrand::Rng) -> Value {
    match random.u8(0..7) {
        0 => json!(random.i64(..)),
        1 => json!(null),
        2 => json!(random.bool()),
        3 => json!(random.f64()),
        4 => json!([random.u8(..), "x", null]),
        5 => json!({"a": random.u32(..), "b": {}}),
        _ => json!("t".repeat(random.usize(0..300))),
    }
}

/// Random batches on one side and the same keys one by one on the other: after every step both
/// sides answer alike, in every way one can ask.
pub(super) async fn many_equals_singles(t: &TestContext) -> Outcome {
    let batch = t.build(|b| b.key_prefix("batch"))?;
    let single = t.build(|b| b.key_prefix("single"))?;
    let all: Vec<String> = keys(0..24).collect();
    for seed in 0..4 {
        let mut random = fastrand::Rng::with_seed(seed);
        for step in 0..60 {
            let chosen: Vec<&String> =
                (0..random.usize(0..12)).map(|_| &all[random.usize(..all.len())]).collect();
            match random.u8(0..10) {
                0..4 => {
                    let lifetimes = [Timeout::Never, Timeout::Default, LONG.into(), (LONG * 3).into()];
                    let timeout = if random.u8(0..6) == 0 {
                        Timeout::from_secs(0)
                    } else {
                        lifetimes[random.usize(..4)]
                    };
                    let entries: Vec<_> =
                        chosen.into_iter().map(|key| (key, random_value(&mut random))).collect();
                    for (key, value) in &entries {
                        single.set(key, value, timeout).await?;
                    }
                    let failed = batch.set_many(entries, timeout).await?;
                    ensure!(failed.is_empty(), "seed {seed}, step {step}: failed: {failed:?}");
                }
                4..6 => {
                    for key in &chosen {
                        single.delete(key).await?;
                    }
                    batch.delete_many(chosen).await?;
                }
                6..8 => {
                    for key in chosen {
                        let (left, right) = (batch.incr_by(key, 3).await, single.incr_by(key, 3).await);
                        let kinds = (left.map_err(|e| e.kind()), right.map_err(|e| e.kind()));
                        ensure_eq!(kinds.0, kinds.1, "seed {seed}, step {step}: incr of {key}");
                    }
                }
                _ => {
                    if let Ok(hands) = t.hands() {
                        hands.advance(random.u32(1..20) * Duration::from_secs(5));
                    }
                }
            }
            same_on_both_sides(&batch, &single, &all)
                .await
                .map_err(|stop| stop.during(format_args!("seed {seed}, step {step}")))?;
        }
        batch.delete_many(&all).await?;
        single.delete_many(&all).await?;
    }
    Ok(())
}

async fn same_on_both_sides(batch: &TestCache, single: &TestCache, all: &[String]) -> Outcome {
    let found = batch.get_many::<Value, _>(all).await?;
    let mut expected = Vec::new();
    for key in all {
        if let Some(value) = single.get::<Value>(key).await? {
            expected.push((key, value));
        }
        ensure_eq!(batch.has_key(key).await?, single.has_key(key).await?, "has_key of {key}");
    }
    ensure_eq!(found, expected);
    ensure_eq!(single.get_many::<Value, _>(all).await?, expected, "the same keys of the single side");
    Ok(())
}

/// One call of the backend per [`MAX_BATCH_LEN`] keys, and none for no keys.
pub(super) async fn round_trips_bounded(t: &TestContext) -> Outcome {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&calls);
    let cache = t.over(Watched::over(t.cache().cache.backend(), move |method, keys| {
        log.lock().unwrap_or_else(PoisonError::into_inner).push((method, keys));
        Act::Forward
    }))?;
    let since = || std::mem::take(&mut *calls.lock().unwrap_or_else(PoisonError::into_inner));
    let zero = Duration::ZERO;
    for (len, sizes) in [
        (0, vec![]),
        (1, vec![1]),
        (MAX_BATCH_LEN, vec![MAX_BATCH_LEN]),
        (2 * MAX_BATCH_LEN + 1, vec![MAX_BATCH_LEN, MAX_BATCH_LEN, 1]),
    ] {
        let expected = |method| sizes.iter().map(|&size| (method, size)).collect::<Vec<_>>();
        cache.set_many(keys(0..len).map(|key| (key, 1)), LONG).await?;
        ensure_eq!(since(), expected("set_many"), "set_many of {len}");
        cache.get_many::<i64, _>(keys(0..len)).await?;
        ensure_eq!(since(), expected("get_many"), "get_many of {len}");
        cache.delete_many(keys(0..len)).await?;
        ensure_eq!(since(), expected("delete_many"), "delete_many of {len}");
        cache.set_many(keys(0..len).map(|key| (key, 1)), zero).await?;
        ensure_eq!(since(), expected("delete_many"), "set_many of {len} with a zero timeout");
    }
    if t.suite.servers.is_some() {
        network::exchanges_bounded(t).await?;
    }
    Ok(())
}

/// While one works through a large batch, the other's reads go on: in some round, at least four of
/// them begin and end within the batch, and none takes half as long as it. A store that serves the
/// batch as a whole lets none through in any round; a busy machine spoils some rounds only.
pub(super) async fn large_batch_not_blocking_others(t: &TestContext) -> Outcome {
    const ROUNDS: usize = 30;
    let len = if t.capabilities().persistent { 3 * MAX_BATCH_LEN } else { 20 * MAX_BATCH_LEN };
    let cache = t.cache();
    // It outlives the slowest machine's rounds.
    cache.set("own", &7, Timeout::Never).await?;
    let shared = Arc::new((AtomicUsize::new(0), AtomicBool::new(false)));
    t.race(2, move |number, mut gate| {
        let (cache, shared) = (cache.clone(), Arc::clone(&shared));
        async move {
            let (ended, done) = (&shared.0, &shared.1);
            let mut why = Vec::new();
            for round in 1..=ROUNDS {
                gate.wait().await?;
                if done.load(Ordering::SeqCst) {
                    return Ok(());
                }
                let start = Instant::now();
                if number == 0 {
                    let failed = cache.set_many(keys(0..len).map(|key| (key, 1)), LONG).await?;
                    ensure!(failed.is_empty(), "{} keys failed", failed.len());
                    ended.store(round, Ordering::SeqCst);
                } else {
                    let (mut reads, mut longest, mut last) = (0, Duration::ZERO, start);
                    loop {
                        let value = cache.get::<i64>("own").await?;
                        ensure_eq!(value, Some(7), "a read beside a large batch");
                        let now = Instant::now();
                        let over = ended.load(Ordering::SeqCst) >= round;
                        longest = longest.max(now - last);
                        last = now;
                        if over {
                            break;
                        }
                        reads += 1;
                        futures_lite::future::yield_now().await;
                    }
                    let took = start.elapsed();
                    if reads >= 4 && longest * 2 < took {
                        done.store(true, Ordering::SeqCst);
                    }
                    why.push(format!("{reads} reads, the longest {longest:?} of {took:?}"));
                }
                gate.wait().await?;
            }
            ensure!(number == 0 || done.load(Ordering::SeqCst), "others wait for a large batch: {why:?}");
            Ok(())
        }
    })
    .await
    .map(drop)
}
