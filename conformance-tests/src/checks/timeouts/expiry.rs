//! Checks when an entry expires: never early, soon after; also after a step of the clock, a batch or a reopening.

use std::time::{Duration, Instant};

use cache_core::Timeout;

use super::{SHORT, WAYS, write};
use crate::checks::MINUTE;
use crate::checks::absence::ensure_absent;
use crate::context::TestContext;
use crate::outcome::Outcome;
use crate::test_cache::TestCache;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// Every operation that reads finds the integer under `key`.
async fn found(cache: &TestCache, key: &str) -> cache_core::Result<bool> {
    let there = cache.has_key(key).await?
        && cache.get::<i64>(key).await?.is_some()
        && !cache.get_many::<i64, _>([key]).await?.is_empty()
        && !cache.add(key, &0, MINUTE).await?;
    // The last: it is an error if the others would only say no.
    Ok(there && cache.incr_by(key, 0).await.is_ok())
}

pub(super) async fn never_early(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let Ok(hands) = t.hands() else { return never_early_by_the_real_clock(t, &cache).await };
    // 41 is prime to 1000: the phases are spread over the whole second.
    for phase in 0..100 {
        hands.advance(Duration::from_millis(41));
        for lifetime in [MS, 7 * MS, SHORT, SECOND, 1_900 * MS, 2 * SECOND] {
            let key = format!("k{phase}-{}", lifetime.as_millis());
            cache.set(&key, &1, lifetime).await?;
            ensure!(found(&cache, &key).await?, "{lifetime:?}: not readable at once, phase {phase}");
            hands.advance(lifetime - MS);
            ensure!(found(&cache, &key).await?, "{lifetime:?}: gone 1 ms before its end, phase {phase}");
        }
    }
    // A clock of milliseconds may have just ticked: less than one of them has no end in between.
    for ns in [1, 1_000, 999_999] {
        cache.set("tiny", &1, Duration::from_nanos(ns)).await?;
        ensure!(found(&cache, "tiny").await?, "{ns} ns");
    }
    Ok(())
}

/// Ten entries, a tenth of a second apart, live for a second each.
async fn never_early_by_the_real_clock(t: &TestContext, cache: &TestCache) -> Outcome {
    let start = Instant::now();
    let mut begun = Vec::new();
    for phase in 0..10_u32 {
        t.wait((phase * SECOND / 10).saturating_sub(start.elapsed())).await;
        begun.push(Instant::now());
        cache.set(&format!("k{phase}"), &1, SECOND).await?;
    }
    for (phase, begun) in begun.into_iter().enumerate() {
        t.wait((9 * SECOND / 10).saturating_sub(begun.elapsed())).await;
        let there = found(cache, &format!("k{phase}")).await?;
        ensure!(there || t.overslept(begun, SECOND), "gone before 1 s had passed, phase {phase}");
    }
    Ok(())
}

pub(super) async fn not_late(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let resolution = t.capabilities().ttl_resolution;
    let Ok(hands) = t.hands() else {
        let mut keys = Vec::new();
        for way in WAYS {
            keys.push(write(&cache, way, "late", SHORT.into()).await?);
        }
        t.outlive(SHORT).await;
        for key in keys {
            ensure_absent(&cache, &key, &format!("{key} after {SHORT:?}")).await?;
        }
        return Ok(());
    };
    for phase in 0..25 {
        hands.advance(Duration::from_millis(41));
        for lifetime in [MS, SHORT, SECOND, 1_900 * MS] {
            let mut keys = Vec::new();
            for way in WAYS {
                keys.push(write(&cache, way, "late", lifetime.into()).await?);
            }
            hands.advance(lifetime + resolution);
            for key in keys {
                ensure_absent(&cache, &key, &format!("{key} after {lifetime:?}, phase {phase}")).await?;
            }
        }
    }
    Ok(())
}

pub(super) async fn half_second(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let start = Instant::now();
    let mut keys = Vec::new();
    for way in WAYS {
        keys.push(write(&cache, way, "fraction", Timeout::try_from_secs_f64(0.5)?).await?);
        keys.push(write(&cache, way, "duration", SHORT.into()).await?);
    }
    for key in &keys {
        let there = cache.has_key(key).await?;
        ensure!(there || t.overslept(start, SHORT), "{key}: not readable at once");
    }
    t.outlive(SHORT).await;
    for key in &keys {
        ensure_absent(&cache, key, &format!("{key} after 0.5 s")).await?;
    }
    Ok(())
}

pub(super) async fn fraction_1_9(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let lifetime = Duration::from_millis(1_900);
    let start = Instant::now();
    cache.set("fraction", &1, Timeout::try_from_secs_f64(1.9)?).await?;
    cache.set("duration", &1, lifetime).await?;
    t.wait(Duration::from_millis(1_400)).await;
    for key in ["fraction", "duration"] {
        let there = found(&cache, key).await?;
        ensure!(there || t.overslept(start, lifetime), "{key}: gone after 1.4 s");
    }
    t.outlive(Duration::from_millis(500)).await;
    for key in ["fraction", "duration"] {
        ensure_absent(&cache, key, &format!("{key} after 1.9 s")).await?;
    }
    Ok(())
}

/// Around the deadline, again and again: as soon as one operation says no, all do.
pub(super) async fn absence_agrees(t: &TestContext) -> Outcome {
    const MOMENTS: u32 = 30;
    let cache = t.cache();
    let margin = if t.hands().is_ok() { 4 * MS } else { 50 * MS };
    for op in ["has_key", "get", "get_many", "touch", "incr", "delete", "add"] {
        let key = |moment: u32| format!("{op}{moment}");
        for moment in 0..MOMENTS {
            cache.set(&key(moment), &1, SHORT).await?;
        }
        t.wait(SHORT - margin).await;
        for moment in 0..MOMENTS {
            let key = key(moment);
            let absent = match op {
                "has_key" => !cache.has_key(&key).await?,
                "get" => cache.get::<i64>(&key).await?.is_none(),
                "get_many" => cache.get_many::<i64, _>([&key]).await?.is_empty(),
                "touch" => !cache.touch(&key, SHORT).await?,
                "incr" => cache.incr(&key).await.is_err(),
                "delete" => !cache.delete(&key).await?,
                _ => cache.add(&key, &2, Duration::ZERO).await?,
            };
            if absent {
                ensure_absent(&cache, &key, &format!("{op} said no")).await?;
            }
            t.wait((t.capabilities().ttl_resolution + 2 * margin) / MOMENTS).await;
        }
        // One operation shows it where every round takes real time.
        if t.hands().is_err() {
            break;
        }
    }
    Ok(())
}

pub(super) async fn expired_absent_in_get_many(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let start = Instant::now();
    for key in ["a", "c"] {
        cache.set(key, &1, SHORT).await?;
    }
    for key in ["b", "d"] {
        cache.set(key, &2, MINUTE).await?;
    }
    let keys = ["a", "b", "c", "d", "missing"];
    let all = cache.get_many::<i64, _>(keys).await?;
    if !t.overslept(start, SHORT) {
        ensure_eq!(all, [("a", 1), ("b", 2), ("c", 1), ("d", 2)]);
    }
    t.outlive(SHORT).await;
    for _ in 0..2 {
        ensure_eq!(cache.get_many::<i64, _>(keys).await?, [("b", 2), ("d", 2)]);
    }
    ensure_eq!(cache.get_many::<i64, _>(["a", "c"]).await?, []);
    Ok(())
}

pub(super) async fn get_not_sliding(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let start = Instant::now();
    for key in ["get", "many", "or_set", "has", "bytes"] {
        cache.set(key, "text", SHORT).await?;
    }
    for _ in 0..4 {
        cache.get::<String>("get").await?;
        cache.get_many::<String, _>(["many"]).await?;
        cache.has_key("has").await?;
        cache.get_bytes("bytes").await?;
        if !t.overslept(start, SHORT / 2) {
            cache.get_or_set("or_set", SHORT, || "text".to_owned()).await?;
        }
        t.wait(SHORT / 5).await;
    }
    t.outlive(SHORT / 5).await;
    for key in ["get", "many", "has", "bytes"] {
        ensure_absent(&cache, key, &format!("{key} made it live longer")).await?;
    }
    if t.hands().is_ok() {
        ensure_absent(&cache, "or_set", "get_or_set made it live longer").await?;
    }
    Ok(())
}

pub(super) async fn clock_step(t: &TestContext) -> Outcome {
    const HOUR_MS: i64 = 3_600_000;
    const HOUR: Duration = Duration::from_secs(3_600);
    let hands = t.hands()?;
    let cache = t.cache();
    for step in [HOUR_MS, -HOUR_MS] {
        cache.clear().await?;
        cache.set("hours", &1, 3 * HOUR).await?;
        cache.set("minute", &1, MINUTE).await?;
        cache.set("never", &1, Timeout::Never).await?;
        hands.step_wall_ms(step);
        let after = format!("after the wall clock stepped by {step} ms");
        ensure_eq!(cache.incr("hours").await?, 2, "an entry of three hours, {after}");
        ensure_eq!(cache.incr("never").await?, 2, "an entry without a deadline, {after}");
        // Whether or not the entry exists, the operations agree on it.
        if cache.has_key("minute").await? {
            ensure!(
                found(&cache, "minute").await?,
                "has_key finds an entry {after}, and not all operations do"
            );
        } else {
            ensure!(step > 0, "an entry of a minute is gone {after}: only a step forward may do that");
            ensure_absent(&cache, "minute", "after the clock went forward").await?;
        }
        // New entries are unaffected.
        cache.set("new", &1, SECOND).await?;
        hands.advance(SECOND - MS);
        ensure!(found(&cache, "new").await?, "a new entry of a second, 1 ms before its end, {after}");
        t.outlive(MS).await;
        ensure_absent(
            &cache,
            "new",
            &format!("a new entry of a second, 1 ms and the resolution after its end, {after}"),
        )
        .await?;
        // By the step at most, either way.
        hands.advance(2 * HOUR - MINUTE);
        ensure!(
            found(&cache, "hours").await?,
            "an entry of three hours is gone before two have passed, {after}"
        );
        t.outlive(2 * HOUR + MINUTE).await;
        for key in ["hours", "minute"] {
            ensure_absent(
                &cache,
                key,
                &format!("{key} lives longer than its lifetime and the step, {after}"),
            )
            .await?;
        }
        ensure_eq!(cache.get::<i64>("never").await?, Some(2), "an entry without a deadline, {after}");
    }
    Ok(())
}

pub(super) async fn many_ttl_each(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let start = Instant::now();
    // More than one batch.
    let keys: Vec<String> = (0..1_500).map(|n| format!("short{n}")).collect();
    let with = |value: i64| keys.iter().map(move |key| (key, value));
    cache.set_many(keys.iter().step_by(2).map(|key| (key, 1)), Timeout::Never).await?;
    cache.set_many([("minute1", 2), ("minute2", 2)], MINUTE).await?;
    cache.set_many([("never1", 3), ("never2", 3)], Timeout::Never).await?;
    let lifetime = 2 * SHORT;
    let begun = Instant::now();
    cache.set_many(with(4), lifetime).await?;
    let there = cache.get_many::<i64, _>(&keys).await?.len();
    ensure!(there == keys.len() || t.overslept(begun, lifetime), "found {there} of {}", keys.len());
    t.outlive(lifetime).await;
    ensure_eq!(cache.get_many::<i64, _>(&keys).await?, [], "some entry of the batch has another lifetime");
    ensure_eq!(cache.get_many::<i64, _>(["never1", "never2"]).await?.len(), 2);
    let minutes = cache.get_many::<i64, _>(["minute1", "minute2"]).await?.len();
    ensure!(minutes == 2 || t.overslept(start, MINUTE));
    if t.hands().is_ok() {
        t.outlive(MINUTE).await;
        ensure_eq!(cache.get_many::<i64, _>(["minute1", "minute2", "never1"]).await?, [("never1", 3)]);
    }
    Ok(())
}

pub(super) async fn ttl_survives_reopen(t: &TestContext) -> Outcome {
    t.needs_persistent()?;
    let spec = t.spec("reopened")?;
    let lifetime = 2 * SHORT;
    let start = Instant::now();
    let cache = t.over(t.open(&spec)?)?;
    cache.set("short", &1, lifetime).await?;
    cache.set("never", &1, Timeout::Never).await?;
    cache.set("touched", &1, MINUTE).await?;
    cache.touch("touched", lifetime).await?;
    t.wait(lifetime / 4).await;
    cache.close().await?;
    drop(cache);
    let cache = t.over(t.open(&spec)?)?;
    for key in ["short", "touched"] {
        let there = found(&cache, key).await?;
        ensure!(there || t.overslept(start, lifetime), "{key}: gone after reopening");
    }
    t.outlive(3 * lifetime / 4).await;
    for key in ["short", "touched"] {
        ensure_absent(&cache, key, &format!("{key}: its lifetime started again")).await?;
    }
    ensure_eq!(cache.get::<i64>("never").await?, Some(1));
    Ok(())
}
