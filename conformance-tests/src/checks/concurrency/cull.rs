//! Checks the limit on entries while several racers write.

use cache_core::ErrorKind;

use super::rounds::{Until, mixed};
use crate::checks::LONG;
use crate::context::TestContext;
use crate::outcome::{Outcome, Stop};

pub(super) async fn cull_vs_get(t: &TestContext) -> Outcome {
    let cache = t.culling_cache("small", 50, 3)?;
    let until = Until::new();
    let race = t.race(4, move |racer, mut gate| {
        let (cache, until) = (mixed(&cache, racer), until.clone());
        async move {
            let mut random = fastrand::Rng::with_seed(racer as u64);
            gate.wait().await?;
            let mut steps = 0;
            while steps < 200 || steps < 6_000 && until.goes_on(&cache).await {
                steps += 1;
                // Twice the number of keys that fit, so that readers meet entries that are being culled.
                let key = format!("k{}", random.u8(0..100));
                if racer < 2 {
                    cache.set(&key, &format!("value of {key}"), LONG).await?;
                    continue;
                }
                match steps % 4 {
                    0 => drop(cache.has_key(&key).await?),
                    1 => {
                        let counter = format!("n{key}");
                        cache.add(&counter, &1, LONG).await?;
                        match cache.incr(&counter).await {
                            Ok(sum) => ensure!(sum >= 2, "a culled counter came back as {sum}"),
                            Err(e) => ensure_eq!(e.kind(), ErrorKind::KeyNotFound),
                        }
                    }
                    2 => drop(cache.touch(&key, LONG).await?),
                    _ => {
                        let value = cache.get::<String>(&key).await?;
                        let is_of_its_key = value.as_deref().is_none_or(|v| v == format!("value of {key}"));
                        ensure!(is_of_its_key, got value, "the value under {key}");
                    }
                }
            }
            Ok(())
        }
    });
    race.await.map(drop)
}

pub(super) async fn bound_under_load(t: &TestContext) -> Outcome {
    let written = fill_at_once(t).await;
    if !matches!(written, Err(Stop::Skipped(_))) {
        let tried = *written.as_ref().unwrap_or(&1);
        let figure = "new keys of 4 writers at once, never above max_entries";
        t.record(29, tried, u64::from(written.is_err()), figure);
    }
    written.map(drop)
}

/// How many keys were written.
async fn fill_at_once(t: &TestContext) -> Outcome<u64> {
    let mut written = 0;
    for (max, frequency) in [(1, 3), (10, 0), (40, 3)] {
        let cache = t.culling_cache(&format!("max{max}"), max, frequency)?;
        let (racing, until) = (cache.clone(), Until::new());
        let race = t.race(4, move |racer, mut gate| {
            let (cache, until) = (mixed(&racing, racer), until.clone());
            async move {
                gate.wait().await?;
                let mut steps = 0;
                while steps < 100 || steps < 1_000 && until.goes_on(&cache).await {
                    steps += 1;
                    let key = format!("r{racer}-{steps}");
                    match steps % 4 {
                        0 => drop(cache.add(&key, "value", LONG).await?),
                        1 => drop(cache.set_many([(&key, 1), (&format!("{key}b"), 2)], LONG).await?),
                        2 => drop(cache.get_or_set(&key, LONG, || 3).await?),
                        _ => cache.set(&key, "value", LONG).await?,
                    }
                    if let Some(entries) = cache.cache.backend().entries()? {
                        ensure!(entries <= max, "{entries} entries where {max} is the most");
                    }
                }
                Ok(steps)
            }
        });
        let mut left = 0;
        // A move makes a new key too.
        for n in 0..5 {
            let key = format!("r0-{}", n + 1);
            cache.set(&key, &n, LONG).await?;
            ensure_eq!(cache.incr_version(&key).await?, 2, "incr_version in a full store");
        }
        for (racer, steps) in race.await?.into_iter().enumerate() {
            written += steps;
            let keys: Vec<String> =
                (1..=steps).flat_map(|n| [format!("r{racer}-{n}"), format!("r{racer}-{n}b")]).collect();
            for version in [1, 2] {
                left +=
                    cache.with_version(version).get_many::<serde_json::Value, _>(&keys).await?.len() as u64;
            }
        }
        ensure!((1..=max).contains(&left), "{left} entries can be read where {max} is the most");
    }
    Ok(written)
}
