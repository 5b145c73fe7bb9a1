//! Races of expiry, `clear` and moves between versions, each against a write.

use std::time::{Duration, Instant};

use cache_core::{ErrorKind, Timeout};

use super::rounds::{BUDGET, Rounds, mixed};
use crate::checks::LONG;
use crate::context::TestContext;
use crate::outcome::Outcome;

pub(super) async fn expire_vs_add(t: &TestContext) -> Outcome {
    const KEYS: usize = 120;
    let cache = t.cache();
    let lifetime = Duration::from_millis(30);
    let begun = Instant::now();
    for batch in 0..40 {
        if batch > 0 && (begun.elapsed() > BUDGET || t.hands().is_err() && batch > 2) {
            break;
        }
        let keys: Vec<String> = (0..KEYS).map(|n| format!("b{batch}-{n}")).collect();
        cache.set_many(keys.iter().map(|key| (key, "old")), lifetime).await?;
        t.outlive(lifetime).await;
        let racing = cache.clone();
        let race = t.race(2, move |racer, mut gate| {
            let (cache, keys) = (mixed(&racing, racer), keys.clone());
            async move {
                for (n, key) in keys.iter().enumerate() {
                    gate.wait().await?;
                    if racer == 0 {
                        ensure!(cache.add(key, "new", LONG).await?, "add over an expired {key}");
                        let value = cache.get::<String>(key).await?;
                        ensure_eq!(value.as_deref(), Some("new"), "{key} right after add");
                    } else {
                        // A reader that finds the expired entry may remove it, but not the new one.
                        let seen = match n % 6 {
                            0 => cache.get::<String>(key).await?,
                            1 => cache.get_many::<String, _>([key]).await?.pop().map(|(_, value)| value),
                            2 => cache.has_key(key).await?.then(|| "new".to_owned()),
                            3 => cache.touch(key, LONG).await?.then(|| "new".to_owned()),
                            4 => {
                                let kind = cache.incr(key).await.map_err(|e| e.kind());
                                let legal = [ErrorKind::KeyNotFound, ErrorKind::NotAnInteger].map(Err);
                                ensure!(legal.contains(&kind), "incr of {key}: {kind:?}");
                                None
                            }
                            _ => {
                                // A write elsewhere, which may sweep.
                                cache.set("elsewhere", "new", LONG).await?;
                                None
                            }
                        };
                        ensure!(seen.as_deref() != Some("old"), "an expired {key} came back");
                    }
                    gate.wait().await?;
                    if racer == 0 {
                        let value = cache.get::<String>(key).await?;
                        ensure_eq!(
                            value.as_deref(),
                            Some("new"),
                            "{key} after a reader met the expired entry"
                        );
                    }
                }
                Ok(())
            }
        });
        race.await?;
    }
    Ok(())
}

pub(super) async fn clear_vs_set(t: &TestContext) -> Outcome {
    const OLD: usize = 8;
    let cache = t.cache();
    let rounds = Rounds::new(25, 800);
    let race = t.race(3, move |racer, mut gate| {
        let (cache, rounds) = (mixed(&cache, racer), rounds.clone());
        async move {
            let old: Vec<String> = (0..OLD).map(|n| format!("old{n}")).collect();
            for round in 0.. {
                if racer == 0 {
                    cache.set_many(old.iter().map(|key| (key, "before")), LONG).await?;
                    cache.set("new", "before", LONG).await?;
                }
                if !rounds.next(racer, round, &mut gate).await? {
                    break;
                }
                match racer {
                    0 => {
                        cache.clear().await?;
                        let left = cache.get_many::<String, _>(&old).await?;
                        ensure!(left.is_empty(), "clear left {left:?}");
                        let new = cache.get::<String>("new").await?;
                        ensure!(
                            new.as_deref() != Some("before"),
                            "clear left the older value of an overwritten key"
                        );
                    }
                    1 => cache.set("new", "after", LONG).await?,
                    // None of these may bring a value back.
                    _ => {
                        cache.touch(&old[round % OLD], Timeout::Never).await?;
                        cache.get::<String>(&old[(round + 1) % OLD]).await?;
                    }
                }
                gate.wait().await?;
                if racer == 0 {
                    let left = cache.get_many::<String, _>(&old).await?;
                    ensure!(left.is_empty(), "after clear and everything beside it there is {left:?}");
                    let new = cache.get::<String>("new").await?;
                    ensure!(new.as_deref() != Some("before"), "the value from before clear came back");
                }
            }
            Ok(())
        }
    });
    race.await.map(drop)
}

pub(super) async fn incr_version_race(t: &TestContext) -> Outcome {
    let (cache, rounds) = (t.cache(), Rounds::new(25, 1_500));
    let whole = t.capabilities().atomic_rename;
    let race = t.race(4, move |racer, mut gate| {
        let (cache, rounds) = (mixed(&cache, racer), rounds.clone());
        async move {
            let mut moved = Vec::new();
            for round in 0.. {
                let key = format!("k{round}");
                if racer == 0 {
                    cache.set(&key, "value", LONG).await?;
                    // All racers have come out of the round before the last.
                    if round >= 2 {
                        cache.with_version(2).delete(&format!("k{}", round - 2)).await?;
                    }
                }
                if !rounds.next(racer, round, &mut gate).await? {
                    break;
                }
                if racer == 3 {
                    let old = cache.get::<String>(&key).await?;
                    let found = match old {
                        Some(value) => Some(value),
                        None => cache.with_version(2).get::<String>(&key).await?,
                    };
                    ensure!(found.is_some() || !whole, "{key} is under neither version while it moves");
                    ensure!(found.is_none_or(|value| value == "value"), "{key} changed on its way");
                    moved.push(false);
                    continue;
                }
                let result = cache.incr_version(&key).await;
                match &result {
                    Ok(version) => ensure_eq!(*version, 2),
                    Err(e) => ensure_eq!(e.kind(), ErrorKind::KeyNotFound),
                }
                moved.push(result.is_ok());
                let there = cache.with_version(2).get::<String>(&key).await?;
                ensure!(result.is_err() || there.is_some(), "{key} is not where the mover put it");
                ensure!(
                    cache.get::<String>(&key).await?.is_none() || !whole,
                    "{key} is still at the old version"
                );
            }
            Ok(moved)
        }
    });
    let racers = race.await?;
    for round in 0..racers[0].len() {
        let movers = racers.iter().filter(|moved| moved[round]).count();
        ensure_eq!(movers, 1, "movers in round {round}");
    }
    Ok(())
}
