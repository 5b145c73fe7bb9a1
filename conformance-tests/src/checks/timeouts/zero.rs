//! Checks timeouts of zero and less: they expire at once.

use std::time::Duration;

use cache_core::{DEFAULT_TIMEOUT, Timeout};

use crate::checks::MINUTE;
use crate::checks::absence::ensure_absent;
use crate::context::TestContext;
use crate::outcome::Outcome;
use crate::test_cache::TestCache;

const ZERO: Timeout = Timeout::After(Duration::ZERO);

pub(super) async fn zero_not_stored(t: &TestContext) -> Outcome {
    not_stored(&t.cache(), ZERO).await
}

async fn not_stored(cache: &TestCache, timeout: Timeout) -> Outcome {
    cache.set("set", &1, timeout).await?;
    cache.set_bytes("bytes", &b"1"[..], timeout).await?;
    ensure!(cache.add("add", &1, timeout).await?, "add({timeout:?}) of an absent key returned false");
    ensure_eq!(cache.set_many([("many1", 1), ("many2", 2)], timeout).await?, Vec::<&str>::new());
    ensure_eq!(cache.get_or_set("computed", timeout, || 7).await?, 7, "{timeout:?}");
    for key in ["set", "bytes", "add", "many1", "many2", "computed"] {
        ensure_absent(cache, key, &format!("{key} with {timeout:?}")).await?;
    }
    Ok(())
}

pub(super) async fn zero_removes_existing(t: &TestContext) -> Outcome {
    removes_existing(&t.cache(), ZERO).await
}

async fn removes_existing(cache: &TestCache, timeout: Timeout) -> Outcome {
    for lifetime in [MINUTE.into(), Timeout::Never] {
        for key in ["set", "bytes", "many1", "many2", "other"] {
            cache.set(key, &1, lifetime).await?;
        }
        cache.set("set", &2, timeout).await?;
        cache.set_bytes("bytes", &b"2"[..], timeout).await?;
        cache.set_many([("many1", 1), ("many2", 2), ("many3", 3)], timeout).await?;
        for key in ["set", "bytes", "many1", "many2", "many3"] {
            ensure_absent(cache, key, &format!("{key} over {lifetime:?} with {timeout:?}")).await?;
        }
        ensure_eq!(cache.get::<i64>("other").await?, Some(1), "another key went too");
    }
    Ok(())
}

pub(super) async fn zero_add_absent_true(t: &TestContext) -> Outcome {
    add_absent_true(&t.cache(), ZERO).await
}

async fn add_absent_true(cache: &TestCache, timeout: Timeout) -> Outcome {
    for _ in 0..3 {
        ensure!(cache.add("absent", &1, timeout).await?, "add({timeout:?}) of an absent key returned false");
        ensure!(!cache.has_key("absent").await?, "{timeout:?}: it was stored");
    }
    ensure_absent(cache, "absent", "after add with a zero timeout").await
}

pub(super) async fn zero_add_present_false(t: &TestContext) -> Outcome {
    add_present_false(&t.cache(), ZERO).await?;
    let cache = t.cache();
    cache.set("short", &1, super::SHORT).await?;
    t.outlive(super::SHORT).await;
    ensure!(cache.add("short", &2, Duration::ZERO).await?, "an expired entry is not there");
    ensure_absent(&cache, "short", "after add with a zero timeout").await
}

async fn add_present_false(cache: &TestCache, timeout: Timeout) -> Outcome {
    cache.set("int", &1, MINUTE).await?;
    cache.set("null", &(), Timeout::Never).await?;
    for _ in 0..2 {
        ensure!(!cache.add("int", &2, timeout).await?, "add({timeout:?}) of a stored key returned true");
        ensure!(!cache.add("null", &2, timeout).await?, "add({timeout:?}) of a stored key returned true");
        ensure_eq!(cache.get::<i64>("int").await?, Some(1), "{timeout:?}");
        ensure_eq!(cache.get::<()>("null").await?, Some(()), "{timeout:?}");
    }
    Ok(())
}

pub(super) async fn negative_is_zero(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let fraction = Timeout::try_from_secs_f64(-0.5)?;
    for timeout in
        [Timeout::from_secs(-1), Timeout::from_secs(i64::MIN), fraction, Timeout::try_from_secs_f64(-1e300)?]
    {
        not_stored(&cache, timeout).await?;
        removes_existing(&cache, timeout).await?;
        add_absent_true(&cache, timeout).await?;
        add_present_false(&cache, timeout).await?;
    }
    let configured = t.build(|b| b.timeout(Timeout::from_secs(-1)))?;
    not_stored(&configured, DEFAULT_TIMEOUT).await?;
    removes_existing(&configured, DEFAULT_TIMEOUT).await
}
