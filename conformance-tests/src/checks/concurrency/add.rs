//! Races of `add`: one winner between threads or tasks, between processes, and over expired entries.

use std::time::Duration;

use super::patterned_values::{filled, filling, size};
use super::rounds::{BUDGET, Rounds, effort, mixed, racers};
use crate::checks::LONG;
use crate::context::TestContext;
use crate::outcome::Outcome;
use crate::workers::Worker;

pub(super) async fn add_one_winner(t: &TestContext) -> Outcome {
    let (cache, len) = (t.cache(), size(t, 64 * 1024));
    let rounds = Rounds::new(25, 2_000);
    let race = t.race(racers(), move |racer, mut gate| {
        let (cache, rounds) = (mixed(&cache, racer), rounds.clone());
        async move {
            let mark = u8::try_from(racer).unwrap_or_default() + 1;
            let value = filled(mark, len);
            let mut seen = Vec::new();
            for round in 0.. {
                if racer == 0 && round >= 2 {
                    // All racers have come out of that round.
                    cache.delete(&format!("k{}", round - 2)).await?;
                }
                if !rounds.next(racer, round, &mut gate).await? {
                    break;
                }
                let key = format!("k{round}");
                let won = cache.add(&key, serde_bytes::Bytes::new(&value), LONG).await?;
                let there = cache.get_bytes(&key).await?;
                ensure!(there.is_some(), "after add the key is absent");
                seen.push((won, filling(&there.unwrap_or_default(), len)?, mark));
            }
            Ok(seen)
        }
    });
    judge(&race.await?)
}

/// One winner in each round, and everybody sees the winner's value.
fn judge(racers: &[Vec<(bool, u8, u8)>]) -> Outcome {
    for round in 0..racers[0].len() {
        let winners: Vec<u8> = racers.iter().filter(|seen| seen[round].0).map(|seen| seen[round].2).collect();
        ensure_eq!(winners.len(), 1, "winners of round {round}");
        for seen in racers {
            ensure_eq!(seen[round].1, winners[0], "whose value was stored in round {round}");
        }
    }
    Ok(())
}

const PROCESSES: usize = 8;

fn process_rounds() -> u64 {
    250 * effort()
}

pub(super) async fn add_one_winner_procs(t: &TestContext) -> Outcome {
    t.needs_processes()?;
    let spec = t.spec("shared")?;
    let cache = t.over(t.open(&spec)?)?;
    cache.clear().await?;
    let said = t.run_workers(PROCESSES, &spec, "add")?;
    let mut wrong = Vec::new();
    for round in 0..process_rounds() {
        let place = usize::try_from(round).unwrap_or_default();
        let won = |line: &String| line.as_bytes().get(place) == Some(&b'1');
        let winners: Vec<usize> = (0..said.len()).filter(|&number| won(&said[number])).collect();
        let there: Option<usize> = cache.get(&format!("k{round}")).await?;
        if winners.len() != 1 || there != Some(winners[0]) {
            wrong.push(format!("round {round}: won by {winners:?}, and the value there is of {there:?}"));
        }
    }
    let figure = format!("{} of {} rounds without one winner", wrong.len(), process_rounds());
    t.record(9, process_rounds(), wrong.len() as u64, &figure);
    ensure!(wrong.is_empty(), "{figure} among {PROCESSES} processes; {}", wrong[0]);
    Ok(())
}

pub(super) async fn add_worker(w: &Worker) -> Outcome<String> {
    let mut said = String::new();
    for round in 0..process_rounds() {
        w.rendezvous(round)?;
        said.push(if w.cache.add(&format!("k{round}"), &w.number, LONG).await? { '1' } else { '0' });
    }
    Ok(said)
}

pub(super) async fn add_one_winner_on_expiry(t: &TestContext) -> Outcome {
    const KEYS: usize = 100;
    let cache = t.cache();
    let lifetime = Duration::from_millis(30);
    let begun = std::time::Instant::now();
    for batch in 0..40 {
        // A backend under the machine's clock waits for each batch.
        if batch > 0 && (begun.elapsed() > BUDGET || t.hands().is_err() && batch > 2) {
            break;
        }
        let keys: Vec<String> = (0..KEYS).map(|n| format!("b{batch}-{n}")).collect();
        cache.set_many(keys.iter().map(|key| (key, "old")), lifetime).await?;
        t.outlive(lifetime).await;
        let racing = cache.clone();
        let race = t.race(racers(), move |racer, mut gate| {
            let (cache, keys) = (mixed(&racing, racer), keys.clone());
            async move {
                let mark = u8::try_from(racer).unwrap_or_default() + 1;
                let mut seen = Vec::new();
                for key in &keys {
                    gate.wait().await?;
                    let won = cache.add(key, &mark, LONG).await?;
                    let there = cache.get::<u8>(key).await?;
                    seen.push((won, there.unwrap_or_default(), mark));
                }
                Ok(seen)
            }
        });
        judge(&race.await?)?;
    }
    Ok(())
}
