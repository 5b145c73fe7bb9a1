//! Races of counters: no step is lost or counted twice, also beside `set` and `clear`.

use std::collections::BTreeSet;

use cache_core::{ErrorKind, Timeout};

use super::rounds::{Rounds, Until, mixed, racers};
use crate::checks::LONG;
use crate::context::TestContext;
use crate::outcome::Outcome;
use crate::workers::Worker;

pub(super) async fn incr_no_loss(t: &TestContext) -> Outcome {
    const MOST: i64 = 2_000;
    let cache = t.cache();
    cache.set("n", &0, LONG).await?;
    let (racing, until) = (cache.clone(), Until::new());
    let race = t.race(racers().max(4), move |racer, mut gate| {
        let (cache, until) = (mixed(&racing, racer), until.clone());
        async move {
            gate.wait().await?;
            let mut done = 0;
            while done < 50 || done < MOST && until.goes_on(&cache).await {
                // Both directions, and more than one at a time.
                cache.incr_by("n", 3).await?;
                cache.decr_by("n", 2).await?;
                done += 1;
            }
            Ok(done)
        }
    });
    let done: i64 = race.await?.iter().sum();
    ensure_eq!(cache.get("n").await?, Some(done), "the count after {done} steps");
    Ok(())
}

const PROCESS_STEPS: i64 = 1_000;

pub(super) async fn incr_no_loss_procs(t: &TestContext) -> Outcome {
    t.needs_processes()?;
    let spec = t.spec("shared")?;
    let cache = t.over(t.open(&spec)?)?;
    cache.set("n", &0, LONG).await?;
    let said = t.run_workers(8, &spec, "incr")?;
    let all = 8 * PROCESS_STEPS;
    let count: Option<i64> = cache.get("n").await?;
    let results: BTreeSet<&str> = said.iter().flat_map(|line| line.split(' ')).collect();
    let different = i64::try_from(results.len()).unwrap_or_default();
    let lost = all.abs_diff(count.unwrap_or_default()).max(all.abs_diff(different));
    t.record(8, all.unsigned_abs(), lost, &format!("{lost} of {all} steps of 8 processes lost"));
    ensure_eq!(count, Some(all), "the count after {all} steps of 8 processes");
    ensure_eq!(different, all, "different results");
    Ok(())
}

pub(super) async fn incr_worker(w: &Worker) -> Outcome<String> {
    w.rendezvous(0)?;
    let mut results = Vec::new();
    for _ in 0..PROCESS_STEPS {
        results.push(w.cache.incr("n").await?.to_string());
    }
    Ok(results.join(" "))
}

pub(super) async fn incr_results_unique(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("n", &0, LONG).await?;
    let (racing, until) = (cache.clone(), Until::new());
    let race = t.race(racers().max(3), move |racer, mut gate| {
        let (cache, until) = (mixed(&racing, racer), until.clone());
        async move {
            gate.wait().await?;
            let mut results: Vec<i64> = Vec::new();
            while results.len() < 50 || results.len() < 2_000 && until.goes_on(&cache).await {
                let sum = cache.incr("n").await?;
                ensure!(results.last().is_none_or(|last| *last < sum), "a count went back to {sum}");
                results.push(sum);
            }
            Ok(results)
        }
    });
    let mut results: Vec<i64> = race.await?.into_iter().flatten().collect();
    results.sort_unstable();
    let expected: Vec<i64> = (1..).take(results.len()).collect();
    ensure!(results == expected, "{} results are not 1, 2, 3, …, each once", results.len());
    Ok(())
}

pub(super) async fn incr_vs_set(t: &TestContext) -> Outcome {
    const BASE: i64 = 1_000_000;
    let cache = t.cache();
    cache.set("n", &0, LONG).await?;
    let (racing, rounds) = (cache.clone(), Rounds::new(50, 3_000));
    let race = t.race(2, move |racer, mut gate| {
        let (cache, rounds) = (mixed(&racing, racer), rounds.clone());
        async move {
            let mut base = 0;
            let mut counted = Vec::new();
            for round in 0.. {
                if !rounds.next(racer, round, &mut gate).await? {
                    break;
                }
                if racer == 1 {
                    counted.push(cache.incr("n").await?);
                    counted.push(cache.incr("n").await?);
                    gate.wait().await?;
                    continue;
                }
                base += BASE;
                cache.set("n", &base, LONG).await?;
                for when in ["right after it", "when the steps beside it have ended"] {
                    let seen = cache.get::<i64>("n").await?.unwrap_or_default();
                    let is_set = (base..base + 3).contains(&seen);
                    ensure!(is_set, "after set({base}), {when}, it reads {seen}: incr undid the set");
                    if when == "right after it" {
                        gate.wait().await?;
                    }
                }
            }
            Ok((base, counted))
        }
    });
    let results = race.await?;
    let (base, counted) = (results[0].0, &results[1].1);
    let after = counted.iter().filter(|sum| **sum > base).count();
    let expected = base + i64::try_from(after).unwrap_or_default();
    ensure_eq!(cache.get("n").await?, Some(expected), "the last set and the {after} steps after it");
    Ok(())
}

pub(super) async fn clear_vs_incr(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let rounds = Rounds::new(50, 1_500);
    let race = t.race(2, move |racer, mut gate| {
        let (cache, rounds) = (mixed(&cache, racer), rounds.clone());
        async move {
            for round in 0.. {
                if racer == 0 {
                    cache.set("n", &1_000, Timeout::Never).await?;
                }
                if !rounds.next(racer, round, &mut gate).await? {
                    break;
                }
                if racer == 0 {
                    cache.clear().await?;
                } else {
                    match cache.incr("n").await {
                        Ok(sum) => ensure_eq!(sum, 1_001, "an incr that met clear"),
                        Err(e) => ensure_eq!(e.kind(), ErrorKind::KeyNotFound, "an incr that met clear"),
                    }
                }
                gate.wait().await?;
                if racer == 0 {
                    ensure_eq!(cache.get::<i64>("n").await?, None, "the count after clear");
                    ensure!(!cache.has_key("n").await?, "the count survived clear");
                }
            }
            Ok(())
        }
    });
    race.await.map(drop)
}

pub(super) async fn monotonic_reads(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("n", &0, LONG).await?;
    let until = Until::new();
    let race = t.race(4, move |racer, mut gate| {
        let (cache, until) = (mixed(&cache, racer / 2), until.clone());
        async move {
            gate.wait().await?;
            let mut last = 0;
            let mut steps = 0;
            while steps < 50 || steps < 5_000 && until.goes_on(&cache).await {
                steps += 1;
                let seen = match (racer, steps % 2) {
                    (0 | 1, _) => cache.incr("n").await?,
                    (_, 0) => cache.get_many::<i64, _>(["n"]).await?.first().map_or(-1, |(_, n)| *n),
                    _ => cache.get::<i64>("n").await?.unwrap_or(-1),
                };
                ensure!(seen >= last, "the counter went from {last} back to {seen}");
                last = seen;
            }
            Ok(())
        }
    });
    race.await.map(drop)
}
