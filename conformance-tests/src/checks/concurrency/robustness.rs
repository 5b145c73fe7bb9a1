//! Checks what must not take a cache down: lock orders, panics, dropped handles, too many callers at once.

use std::time::{Duration, Instant};

use cache_core::ErrorKind;
use serde::de::Deserializer;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::rounds::{Until, mixed};
use crate::checks::LONG;
use crate::checks::isolation::network;
use crate::context::TestContext;
use crate::mode::Mode;
use crate::outcome::Outcome;
use crate::test_cache::TestCache;

/// The runner's watchdog ends a check that hangs.
pub(super) async fn deadlock_watchdog(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let until = Until::new();
    let race = t.race(4, move |racer, mut gate| {
        let (cache, until) = (mixed(&cache, racer), until.clone());
        async move {
            let mut random = fastrand::Rng::with_seed(racer as u64);
            gate.wait().await?;
            let mut steps = 0;
            while steps < 50 || steps < 3_000 && until.goes_on(&cache).await {
                steps += 1;
                mixed_bag(&cache, racer, &mut random).await?;
            }
            Ok(steps)
        }
    });
    let steps = race.await?;
    ensure!(steps.iter().all(|steps| *steps >= 50), "a racer got nowhere: {steps:?}");
    Ok(())
}

/// One step that takes several locks, in an order that differs from racer to racer.
async fn mixed_bag(cache: &TestCache, racer: usize, random: &mut fastrand::Rng) -> Outcome {
    let mut keys: Vec<String> = (0..6).map(|n| format!("k{n}")).collect();
    if racer % 2 == 1 {
        keys.reverse();
    }
    let key = &keys[random.usize(0..keys.len())];
    // Another racer may have had it.
    let if_there = |result: Result<i64, cache_core::Error>| match result {
        Err(e) if e.kind() != ErrorKind::KeyNotFound => Err(e),
        _ => Ok(()),
    };
    match random.u32(0..10) {
        0 => drop(cache.set_many(keys.iter().map(|key| (key, 1)), LONG).await?),
        1 => cache.delete_many(&keys).await?,
        2 => drop(cache.get_many::<i64, _>(&keys).await?),
        3 => if_there(cache.incr_version(key).await)?,
        4 => if_there(cache.with_version(2).decr_version(key).await)?,
        5 => if_there(cache.incr(key).await)?,
        6 => cache.clear().await?,
        7 => {
            // From inside the function, for the same key and another.
            let inner = cache.cache.clone();
            let (key, other) = (key.clone(), keys[0].clone());
            let made = |key: &str| inner.get_or_set(key, LONG, || 5).unwrap_or(5);
            if cache.mode == Mode::Sync {
                cache.get_or_set(&key, LONG, || made(&key) + made(&other)).await?;
            } else {
                let nested = || async {
                    let first = inner.aget_or_set(&key, LONG, || async { 5 }).await.unwrap_or(5);
                    first + inner.aget_or_set("nested", LONG, || async { 5 }).await.unwrap_or(5)
                };
                cache.cache.aget_or_set(&key, LONG, nested).await?;
            }
        }
        8 => cache.close().await?,
        _ => drop(cache.touch(key, LONG).await?),
    }
    Ok(())
}

/// A value that panics on its way in or out.
struct Grenade;

/// Without the panic hook, which would print.
fn bang() -> ! {
    std::panic::resume_unwind(Box::new("a deliberate panic of the suite"))
}

impl Serialize for Grenade {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        bang()
    }
}

impl<'de> Deserialize<'de> for Grenade {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        bang()
    }
}

pub(super) async fn poison_recovery(t: &TestContext) -> Outcome {
    let cache = t.build(|builder| builder.single_flight_timeout(Duration::from_secs(30)))?;
    cache.set("k", &1, LONG).await?;
    for way in 0..7 {
        let victim = cache.clone();
        let race = t.race(1, move |_, _| {
            let cache = victim.clone();
            async move {
                match way {
                    0 => cache.set("k", &Grenade, LONG).await?,
                    1 => drop(cache.add("k", &Grenade, LONG).await?),
                    2 => drop(cache.set_many([("k", Grenade)], LONG).await?),
                    3 => ensure!(cache.get::<Grenade>("k").await?.is_none()),
                    4 => drop(cache.get_many::<Grenade, _>(["k"]).await?),
                    5 => ensure_eq!(cache.get_or_set("absent", LONG, || -> i64 { bang() }).await?, 0),
                    _ => {
                        let _: Grenade = cache.get_or_set("absent", LONG, || Grenade).await?;
                    }
                }
                Ok(())
            }
        });
        ensure!(race.await.is_err(), "panic {way} did not reach its caller");
        // From another thread or task than the one that panicked.
        ensure_eq!(cache.get("k").await?, Some(1), "the value after panic {way}");
        ensure_eq!(cache.incr("k").await?, 2, "incr after panic {way}");
        ensure!(cache.touch("k", LONG).await?, "touch after panic {way}");
        ensure!(!cache.has_key("absent").await?, "panic {way} stored something");
        ensure_eq!(cache.get_or_set("absent", LONG, || 3).await?, 3, "get_or_set after panic {way}");
        ensure!(cache.delete("absent").await?, "delete after panic {way}");
        cache.clear().await?;
        ensure!(cache.add("k", &1, LONG).await?, "add after panic {way}");
    }
    Ok(())
}

pub(super) async fn handle_outlives_sibling(t: &TestContext) -> Outcome {
    let cache = t.cache_at("own")?;
    let sibling = cache.clone();
    let versioned = cache.with_version(2);
    cache.set("k", &1, LONG).await?;
    drop(sibling);
    ensure_eq!(cache.get("k").await?, Some(1), "after a clone was dropped");
    let sibling = cache.clone();
    sibling.close().await?;
    drop(sibling);
    ensure_eq!(cache.incr("k").await?, 2, "after a clone was closed and dropped");
    drop(cache);
    versioned.set("k", &3, LONG).await?;
    ensure_eq!(versioned.get("k").await?, Some(3), "after the handle that it was made from was dropped");
    ensure_eq!(versioned.with_version(1).get("k").await?, Some(2), "the first handle's entry");

    // A handle dropped in the middle of another's work.
    let racing = versioned.clone();
    drop(versioned);
    let race = t.race(4, move |racer, mut gate| {
        let cache = racing.clone();
        async move {
            gate.wait().await?;
            for n in 0..50 {
                let sibling = cache.clone();
                sibling.set(&format!("r{racer}"), &n, LONG).await?;
                drop(sibling);
                ensure_eq!(cache.get(&format!("r{racer}")).await?, Some(n));
            }
            Ok(())
        }
    });
    race.await?;

    if t.needs_shared_locations().is_ok() {
        let spec = t.spec("shared")?;
        let (one, other) = (t.over(t.open(&spec)?)?, t.over(t.open(&spec)?)?);
        one.set("k", &1, LONG).await?;
        one.close().await?;
        drop(one);
        ensure_eq!(other.get("k").await?, Some(1), "after another opening of the location was dropped");
        ensure!(other.delete("k").await?);
    }
    Ok(())
}

pub(super) async fn pool_exhaustion(t: &TestContext) -> Outcome {
    const CALLERS: usize = 48;
    let cache = t.cache();
    let begun = Instant::now();
    let racing = cache.clone();
    let race = t.race(CALLERS, move |caller, _| {
        let cache = racing.clone();
        async move {
            let key = format!("caller{caller}");
            let mut refused = 0;
            for n in 0..20 {
                match cache.set(&key, &n, LONG).await {
                    Ok(()) => ensure_eq!(cache.get(&key).await?, Some(n), "{key}"),
                    // A pool may refuse after its waiting time, in these words only.
                    Err(e) if e.kind() == ErrorKind::Unavailable => refused += 1,
                    Err(e) => return Err(e.into()),
                }
            }
            Ok(refused)
        }
    });
    let refused: usize = race.await?.iter().sum();
    let took = begun.elapsed();
    ensure!(took < Duration::from_secs(60), "{CALLERS} callers took {took:?}");
    ensure!(refused < CALLERS * 20 / 2, "{refused} of {} calls were refused", CALLERS * 20);
    // No place in the pool is lost.
    for n in 0..CALLERS {
        cache.set("after", &n, LONG).await?;
        ensure_eq!(cache.get("after").await?, Some(n), "after the rush");
    }
    if t.suite.servers.is_some() {
        network::hanging_pool(t).await?;
    }
    Ok(())
}
