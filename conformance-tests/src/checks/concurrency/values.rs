//! Checks values under load: never torn, never another key's, never absent for a moment.

use bytes::Bytes;
use cache_core::Timeout;

use super::patterned_values::{filled, filling, size};
use super::rounds::{Rounds, Until, mixed};
use crate::checks::LONG;
use crate::context::TestContext;
use crate::outcome::Outcome;

pub(super) async fn no_torn_read(t: &TestContext) -> Outcome {
    let (cache, len) = (t.cache(), size(t, 900 * 1024));
    cache.set_bytes("k", filled(0, len), LONG).await?;
    let until = Until::new();
    let race = t.race(4, move |racer, mut gate| {
        let (cache, until) = (mixed(&cache, racer / 2), until.clone());
        async move {
            gate.wait().await?;
            let mut steps = 0_u8;
            while steps < 20 || steps < 200 && until.goes_on(&cache).await {
                steps += 1;
                match racer {
                    0 => cache.set_bytes("k", filled(steps, len), LONG).await?,
                    1 => {
                        let value = filled(255 - steps, len);
                        let value = serde_bytes::Bytes::new(&value);
                        ensure!(cache.set_many([("k", value)], LONG).await?.is_empty(), "set_many refused");
                    }
                    2 => {
                        let value = cache.get_bytes("k").await?;
                        ensure!(value.is_some(), "an overwritten value is missing");
                        filling(&value.unwrap_or_default(), len)?;
                    }
                    _ => {
                        let found = cache.get_many::<serde_bytes::ByteBuf, _>(["k"]).await?;
                        ensure_eq!(found.len(), 1, "keys that get_many finds");
                        filling(&found[0].1, len)?;
                    }
                }
            }
            Ok(())
        }
    });
    race.await.map(drop)
}

/// A value that names its key.
fn naming(key: &str, note: usize) -> String {
    format!("{key}#{note}#{}", key.repeat(50))
}

fn ensure_names(key: &str, value: &str) -> Outcome {
    let is_whole_and_of_its_key =
        value.starts_with(&format!("{key}#")) && value.ends_with(&format!("#{}", key.repeat(50)));
    ensure!(is_whole_and_of_its_key, "under {key} there is {value:.40}");
    Ok(())
}

pub(super) async fn no_foreign_value(t: &TestContext) -> Outcome {
    let (cache, until) = (t.cache(), Until::new());
    let race = t.race(4, move |racer, mut gate| {
        let (cache, until) = (mixed(&cache, racer), until.clone());
        async move {
            let mut random = fastrand::Rng::with_seed(racer as u64);
            gate.wait().await?;
            let mut steps = 0;
            while steps < 100 || steps < 4_000 && until.goes_on(&cache).await {
                steps += 1;
                let keys: Vec<String> = (0..4).map(|_| format!("key{}", random.u8(0..32))).collect();
                let key = &keys[0];
                let value = naming(key, steps);
                match random.u32(0..9) {
                    0 => cache.set(key, &value, LONG).await?,
                    1 => drop(cache.add(key, &value, LONG).await?),
                    2 => drop(cache.delete(key).await?),
                    3 => {
                        let entries = keys.iter().map(|key| (key, naming(key, steps)));
                        drop(cache.set_many(entries, LONG).await?);
                    }
                    4 => {
                        for (key, value) in cache.get_many::<String, _>(&keys).await? {
                            ensure_names(key, &value)?;
                        }
                    }
                    5 => {
                        let made = cache.get_or_set(key, LONG, || naming(key, steps)).await?;
                        ensure_names(key, &made)?;
                    }
                    6 => drop(cache.touch(key, LONG).await?),
                    _ => {
                        if let Some(value) = cache.get::<String>(key).await? {
                            ensure_names(key, &value)?;
                        }
                    }
                }
            }
            Ok(())
        }
    });
    race.await.map(drop)
}

pub(super) async fn touch_vs_get(t: &TestContext) -> Outcome {
    let (cache, len) = (t.cache(), size(t, 64 * 1024));
    cache.set_bytes("k", filled(7, len), LONG).await?;
    let until = Until::new();
    let race = t.race(4, move |racer, mut gate| {
        let (cache, until) = (mixed(&cache, racer), until.clone());
        async move {
            gate.wait().await?;
            let mut steps = 0;
            while steps < 50 || steps < 2_000 && until.goes_on(&cache).await {
                steps += 1;
                let timeout = if steps % 2 == 0 { Timeout::Never } else { LONG.into() };
                match racer {
                    0 | 1 => ensure!(cache.touch("k", timeout).await?, "touch finds no key"),
                    2 => ensure!(cache.has_key("k").await?, "has_key finds no key"),
                    _ => {
                        let value = cache.get_bytes("k").await?;
                        ensure!(value.is_some(), "get finds no key");
                        ensure_eq!(filling(&value.unwrap_or_default(), len)?, 7);
                    }
                }
            }
            Ok(())
        }
    });
    race.await.map(drop)
}

pub(super) async fn touch_vs_set(t: &TestContext) -> Outcome {
    let (cache, len) = (t.cache(), size(t, 64 * 1024));
    cache.set_bytes("k", filled(0, len), LONG).await?;
    let rounds = Rounds::new(25, 1_500);
    let race = t.race(2, move |racer, mut gate| {
        let (cache, rounds) = (mixed(&cache, racer), rounds.clone());
        async move {
            for round in 0.. {
                if !rounds.next(racer, round, &mut gate).await? {
                    break;
                }
                if racer == 1 {
                    ensure!(cache.touch("k", LONG).await?, "touch finds no key");
                    gate.wait().await?;
                    continue;
                }
                let new = u8::try_from(round % 251).unwrap_or_default();
                cache.set_bytes("k", filled(new, len), LONG).await?;
                let value = cache.get_bytes("k").await?.unwrap_or_default();
                ensure_eq!(filling(&value, len)?, new, "right after set");
                gate.wait().await?;
                let value = cache.get_bytes("k").await?.unwrap_or_default();
                ensure_eq!(filling(&value, len)?, new, "when the touch beside the set has ended");
            }
            Ok(())
        }
    });
    race.await.map(drop)
}

pub(super) async fn delete_vs_set(t: &TestContext) -> Outcome {
    let (cache, len) = (t.cache(), size(t, 64 * 1024));
    let rounds = Rounds::new(25, 1_500);
    let race = t.race(2, move |racer, mut gate| {
        let (cache, rounds) = (mixed(&cache, racer), rounds.clone());
        async move {
            for round in 0.. {
                if racer == 0 {
                    cache.set_bytes("k", filled(1, len), LONG).await?;
                }
                if !rounds.next(racer, round, &mut gate).await? {
                    break;
                }
                if racer == 0 {
                    cache.set_bytes("k", filled(2, len), LONG).await?;
                } else {
                    // The key exists at every moment, with the old value or the new one.
                    ensure!(cache.delete("k").await?, "delete finds no key while set overwrites it");
                }
                gate.wait().await?;
                if racer == 0 {
                    let value = cache.get_bytes("k").await?;
                    ensure_eq!(cache.has_key("k").await?, value.is_some(), "has_key beside get");
                    if let Some(value) = value {
                        ensure_eq!(filling(&value, len)?, 2, "what is left is the new value");
                    }
                }
            }
            Ok(())
        }
    });
    race.await.map(drop)
}

pub(super) async fn overwrite_never_missing(t: &TestContext) -> Outcome {
    let (cache, len) = (t.cache(), size(t, 16 * 1024));
    cache.set_bytes("k", filled(1, len), LONG).await?;
    let until = Until::new();
    let race = t.race(4, move |racer, mut gate| {
        let (cache, until) = (mixed(&cache, racer / 2), until.clone());
        async move {
            gate.wait().await?;
            let value = filled(u8::try_from(racer).unwrap_or_default(), len);
            let value = serde_bytes::Bytes::new(&value);
            let mut steps = 0;
            while steps < 100 || steps < 4_000 && until.goes_on(&cache).await {
                steps += 1;
                match (racer, steps % 4) {
                    (0, 0) => ensure!(cache.touch("k", LONG).await?, "touch finds no key"),
                    (0, _) => cache.set("k", value, LONG).await?,
                    (1, _) => drop(cache.set_many([("k", value), ("other", value)], LONG).await?),
                    (_, 0) => ensure!(cache.has_key("k").await?, "has_key finds no key"),
                    (_, 1) => ensure!(!cache.add("k", value, LONG).await?, "add finds no key"),
                    (_, 2) => {
                        let found = cache.get_many::<serde_bytes::ByteBuf, _>(["k"]).await?;
                        ensure_eq!(found.len(), 1, "keys that get_many finds");
                    }
                    _ => ensure!(cache.get_bytes("k").await?.is_some(), "get finds no key"),
                }
            }
            Ok(())
        }
    });
    race.await.map(drop)
}

pub(super) async fn set_many_vs_get_many(t: &TestContext) -> Outcome {
    const KEYS: usize = 40;
    let (cache, len) = (t.cache(), size(t, 4 * 1024));
    let keys: Vec<String> = (0..KEYS).map(|n| format!("k{n}")).collect();
    let first = filled(0, len);
    cache.set_many(keys.iter().map(|key| (key, serde_bytes::Bytes::new(&first))), LONG).await?;
    let until = Until::new();
    let race = t.race(3, move |racer, mut gate| {
        let (cache, until, keys) = (mixed(&cache, racer), until.clone(), keys.clone());
        async move {
            gate.wait().await?;
            let mut last = [0; KEYS];
            for step in 1..=250_u8 {
                if racer == 0 {
                    let value: Bytes = filled(step, len);
                    let entries = keys.iter().map(|key| (key, serde_bytes::Bytes::new(&value)));
                    ensure!(cache.set_many(entries, LONG).await?.is_empty(), "set_many refused keys");
                } else {
                    let found = cache.get_many::<serde_bytes::ByteBuf, _>(&keys).await?;
                    ensure_eq!(found.len(), KEYS, "keys that get_many finds");
                    for (place, (key, value)) in found.iter().enumerate() {
                        let now = filling(value, len)?;
                        ensure!(now >= last[place], "{key} went from {} back to {now}", last[place]);
                        last[place] = now;
                    }
                }
                if step > 10 && !until.goes_on(&cache).await {
                    break;
                }
            }
            Ok(())
        }
    });
    race.await.map(drop)
}
