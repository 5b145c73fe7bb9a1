//! Checks `touch`: a new lifetime for an entry that is present, and nothing else.

use std::time::{Duration, Instant};

use cache_core::{DEFAULT_TIMEOUT, Timeout};

use super::{SHORT, YEAR, age, lives_for};
use crate::checks::MINUTE;
use crate::checks::absence::ensure_absent;
use crate::context::TestContext;
use crate::outcome::Outcome;

pub(super) async fn touch_extends(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let start = Instant::now();
    cache.set("touched", &1, SHORT).await?;
    cache.set("not", &1, SHORT).await?;
    t.wait(SHORT / 5).await;
    let touched = cache.touch("touched", MINUTE).await?;
    if t.overslept(start, SHORT) {
        return Ok(());
    }
    ensure!(touched);
    t.outlive(SHORT).await;
    if !t.overslept(start, MINUTE) {
        ensure_eq!(cache.get::<i64>("touched").await?, Some(1));
    }
    ensure_eq!(cache.get::<i64>("not").await?, None, "another key was touched");
    Ok(())
}

pub(super) async fn touch_shortens(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let start = Instant::now();
    cache.set("minute", &1, MINUTE).await?;
    cache.set("never", &1, Timeout::Never).await?;
    cache.set("other", &1, Timeout::Never).await?;
    for key in ["minute", "never"] {
        ensure!(cache.touch(key, SHORT).await?, "touch({key:?}) of a stored key returned false");
        let there = cache.has_key(key).await?;
        ensure!(there || t.overslept(start, SHORT), "{key}: gone at once");
    }
    t.outlive(SHORT).await;
    for key in ["minute", "never"] {
        ensure_absent(&cache, key, "after the shorter lifetime").await?;
    }
    ensure!(cache.has_key("other").await?, "another key was touched");
    Ok(())
}

pub(super) async fn touch_default(t: &TestContext) -> Outcome {
    let configured = t.build(|b| b.timeout(SHORT))?;
    configured.set("never", &1, Timeout::Never).await?;
    ensure!(configured.touch("never", DEFAULT_TIMEOUT).await?);
    t.outlive(SHORT).await;
    ensure_absent(&configured, "never", "after the configured lifetime").await?;
    let never = t.build(|b| b.timeout(Timeout::Never))?;
    never.set("short", &1, SHORT).await?;
    let start = Instant::now();
    let touched = never.touch("short", DEFAULT_TIMEOUT).await?;
    t.outlive(SHORT).await;
    ensure!(touched || t.overslept(start, SHORT));
    ensure_eq!(never.has_key("short").await?, touched, "the configured timeout is never");
    if t.hands().is_ok() {
        lives_for(t, &t.cache(), DEFAULT_TIMEOUT, Duration::from_secs(300)).await?;
    }
    Ok(())
}

pub(super) async fn touch_none_persists(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let start = Instant::now();
    cache.set("k", &1, SHORT).await?;
    let touched = cache.touch("k", Timeout::Never).await?;
    if !touched && t.overslept(start, SHORT) {
        return Ok(());
    }
    ensure!(touched);
    t.outlive(SHORT).await;
    age(t, 40 * YEAR).await;
    ensure_eq!(cache.get::<i64>("k").await?, Some(1));
    ensure_eq!(cache.incr("k").await?, 2);
    Ok(())
}

pub(super) async fn touch_none_on_persistent_true(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("k", &1, Timeout::Never).await?;
    for _ in 0..3 {
        ensure!(cache.touch("k", Timeout::Never).await?);
    }
    age(t, YEAR).await;
    ensure!(cache.touch("k", Timeout::Never).await?);
    ensure_eq!(cache.get::<i64>("k").await?, Some(1));
    Ok(())
}

pub(super) async fn touch_missing_false(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("other", &1, MINUTE).await?;
    for timeout in [MINUTE.into(), Timeout::Never, DEFAULT_TIMEOUT, Duration::ZERO.into()] {
        ensure!(!cache.touch("missing", timeout).await?, "touch({timeout:?}) of an absent key returned true");
        ensure!(!cache.with_version(2).touch("other", timeout).await?, "{timeout:?} in another version");
        ensure_absent(&cache, "missing", "touch made it").await?;
    }
    ensure_eq!(cache.get::<i64>("other").await?, Some(1));
    Ok(())
}

pub(super) async fn touch_expired_false(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let timeouts = [MINUTE.into(), Timeout::Never, DEFAULT_TIMEOUT, Duration::ZERO.into()];
    let key = |place: usize| format!("k{place}");
    for place in 0..timeouts.len() {
        cache.set(&key(place), &1, SHORT).await?;
    }
    t.outlive(SHORT).await;
    for (place, timeout) in timeouts.into_iter().enumerate() {
        for _ in 0..2 {
            ensure!(
                !cache.touch(&key(place), timeout).await?,
                "touch({timeout:?}) of an expired key returned true"
            );
            ensure!(!cache.has_key(&key(place)).await?, "{timeout:?} revived it");
        }
        ensure_absent(&cache, &key(place), &format!("touched with {timeout:?}")).await?;
    }
    Ok(())
}

pub(super) async fn touch_zero_negative(t: &TestContext) -> Outcome {
    let cache = t.cache();
    for timeout in [
        Duration::ZERO.into(),
        Timeout::from_secs(0),
        Timeout::from_secs(-1),
        Timeout::try_from_secs_f64(-0.1)?,
    ] {
        for lifetime in [MINUTE.into(), Timeout::Never] {
            cache.set("k", &1, lifetime).await?;
            ensure!(cache.touch("k", timeout).await?, "{timeout:?} on {lifetime:?}");
            ensure!(!cache.touch("k", timeout).await?, "{timeout:?} on {lifetime:?}: again");
            ensure_absent(&cache, "k", &format!("touched with {timeout:?}")).await?;
        }
    }
    Ok(())
}

pub(super) async fn touch_keeps_value(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let list = vec![Some(1.5), None];
    cache.set("int", &-7, MINUTE).await?;
    cache.set("text", "7", MINUTE).await?;
    cache.set("list", &list, MINUTE).await?;
    cache.set("null", &(), MINUTE).await?;
    cache.set_bytes("bytes", &b"\0\xff"[..], MINUTE).await?;
    for timeout in [Timeout::Never, (2 * MINUTE).into(), DEFAULT_TIMEOUT, MINUTE.into()] {
        for key in ["int", "text", "list", "null", "bytes"] {
            ensure!(
                cache.touch(key, timeout).await?,
                "touch({key:?}, {timeout:?}) of a stored key returned false"
            );
        }
        ensure_eq!(cache.get::<i64>("int").await?, Some(-7), "{timeout:?}");
        ensure_eq!(cache.get::<String>("text").await?.as_deref(), Some("7"), "{timeout:?}");
        ensure_eq!(cache.get::<Vec<Option<f64>>>("list").await?.as_ref(), Some(&list), "{timeout:?}");
        ensure_eq!(cache.get::<()>("null").await?, Some(()), "{timeout:?}");
        ensure_eq!(cache.get_bytes("bytes").await?.as_deref(), Some(&b"\0\xff"[..]), "{timeout:?}");
    }
    ensure_eq!(cache.incr("int").await?, -6, "it still counts");
    Ok(())
}
