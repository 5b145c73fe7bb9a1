//! Compares the backend with models: racers on one key with a linearizability checker, long traces with a plain map.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cache_core::{Error, ErrorKind};

use super::rounds::{BUDGET, Rounds, mixed};
use crate::checks::LONG;
use crate::checks::model::{DEFAULT_LIFE, MapCache, Reference, Side, run_seeds};
use crate::context::TestContext;
use crate::effort::effort;
use crate::linearizability::{Call, Event, linearizable};
use crate::outcome::{Outcome, Stop};
use crate::test_cache::TestCache;

/// In each half of the API: 1,000 of a backend on each commit.
const HISTORIES: u64 = 500;
const HISTORIES_LONG: u64 = 5_000;
const RACERS: usize = 3;
const CALLS: usize = 6;

pub(super) async fn linearizable_per_key(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let histories = effort(HISTORIES, HISTORIES_LONG);
    let most = usize::try_from(histories).unwrap_or(usize::MAX);
    let (rounds, ticks) = (Rounds::new(most, most), Arc::new(AtomicU64::new(0)));
    let race = t.race(RACERS, move |racer, mut gate| {
        let (cache, rounds, ticks) = (mixed(&cache, racer), rounds.clone(), Arc::clone(&ticks));
        async move {
            let mut random = fastrand::Rng::with_seed(racer as u64);
            let mut histories = Vec::new();
            for round in 0.. {
                if !rounds.next(racer, round, &mut gate).await? {
                    break;
                }
                let key = format!("k{round}");
                let mut events = Vec::with_capacity(CALLS);
                for number in 0..CALLS {
                    // A value of its own, so that a reader knows whose it is.
                    let value = i64::try_from((racer + 1) * 1_000 + number * 100).unwrap_or_default();
                    let begin = ticks.fetch_add(1, Ordering::SeqCst);
                    let call = call(&cache, &key, value, &mut random).await?;
                    let end = ticks.fetch_add(1, Ordering::SeqCst);
                    events.push(Event { call, begin, end });
                }
                histories.push(events);
            }
            Ok(histories)
        }
    });
    let racers = race.await?;
    ensure_eq!(racers[0].len(), most, "recorded histories");
    let mut unexplained = Vec::new();
    for round in 0..most {
        let mut events: Vec<Event> = racers.iter().flat_map(|histories| histories[round].clone()).collect();
        events.sort_unstable_by_key(|event| event.begin);
        if !linearizable(&events) {
            unexplained.push(events);
        }
    }
    let failures = unexplained.len() as u64;
    t.record(20, histories, failures, &format!("{failures} histories that no order explains"));
    ensure!(failures == 0, "no order of the calls explains {failures} histories: {:#?}", unexplained[0]);
    Ok(())
}

async fn call(cache: &TestCache, key: &str, value: i64, random: &mut fastrand::Rng) -> Outcome<Call> {
    let found = |result: Result<i64, Error>| match result {
        Ok(sum) => Ok(Some(sum)),
        Err(e) if e.kind() == ErrorKind::KeyNotFound => Ok(None),
        Err(e) => Err(Stop::from(e)),
    };
    Ok(match random.u32(0..14) {
        0 | 1 => Call::Get(cache.get(key).await?),
        2 => Call::HasKey(cache.has_key(key).await?),
        3 | 4 => {
            cache.set(key, &value, LONG).await?;
            Call::Set(value)
        }
        5..8 => Call::Add(value, cache.add(key, &value, LONG).await?),
        8..11 => Call::Incr(1, found(cache.incr(key).await)?),
        11 | 12 => Call::Delete(cache.delete(key).await?),
        _ => Call::Touch(cache.touch(key, LONG).await?),
    })
}

/// A trace's cache: on `name`, with the default lifetime of traces.
fn side(t: &TestContext, name: &str) -> Outcome<Side> {
    let backend = t.open(&t.spec(name)?)?;
    let cache = t.suite.builder(backend).timeout(DEFAULT_LIFE).build()?;
    Ok(Side::Cache(TestCache { cache, mode: t.mode() }))
}

const TRACES: u64 = 240;
const STEPS: usize = 40;

pub(super) async fn model_sequential(t: &TestContext) -> Outcome {
    let mut cache = side(t, "traced")?;
    let mut reference = Side::Reference(Reference::default());
    run_seeds(&mut cache, &mut reference, t.hands().ok(), 0..TRACES, STEPS).await?;
    // And a few long ones.
    run_seeds(&mut cache, &mut reference, t.hands().ok(), TRACES..TRACES + 5, 600).await
}

pub(super) async fn model_differential(t: &TestContext) -> Outcome {
    let mut cache = side(t, "traced")?;
    let plain = Arc::new(MapCache::new(t.spec("plain")?.clock));
    let plain = t.suite.builder(plain).timeout(DEFAULT_LIFE).build()?;
    let mut plain = Side::Cache(TestCache { cache: plain, mode: t.mode() });
    let begun = std::time::Instant::now();
    for part in 0..10 {
        let seeds = 1_000 + part * 20..1_020 + part * 20;
        run_seeds(&mut cache, &mut plain, t.hands().ok(), seeds, 60).await?;
        if begun.elapsed() > 2 * BUDGET {
            break;
        }
    }
    Ok(())
}
