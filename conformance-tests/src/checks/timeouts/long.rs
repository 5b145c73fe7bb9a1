//! Checks long lifetimes: kept where the store can, and never cut to a short one.

use std::time::Duration;

use cache_core::Timeout;

use super::{WAYS, YEAR, age, lives_forever, write};
use crate::context::TestContext;
use crate::outcome::Outcome;

const DAY: Duration = Duration::from_secs(86_400);

/// Every way of writing makes an entry that exists now and until just before its end, and that is gone
/// afterwards if the store `ends` it.
async fn long(t: &TestContext, lifetime: Duration, ends: bool) -> Outcome {
    let cache = t.cache();
    let mut keys = Vec::new();
    for way in WAYS {
        keys.push(write(&cache, way, "long", lifetime.into()).await?);
    }
    for key in &keys {
        ensure!(cache.has_key(key).await?, "{key}: {lifetime:?} was taken for nothing");
    }
    // Beyond that the clock itself ends.
    let end = lifetime.min(400 * YEAR);
    age(t, end - Duration::from_secs(1)).await;
    for key in &keys {
        ensure!(cache.has_key(key).await?, "{key}: gone before {lifetime:?}");
    }
    if ends && t.hands().is_ok() {
        t.outlive(Duration::from_secs(1)).await;
        for key in &keys {
            ensure!(!cache.has_key(key).await?, "{key}: there after {lifetime:?}");
        }
    }
    Ok(())
}

pub(super) async fn duration_max_forever(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let longest = Duration::from_millis(u64::try_from(i64::MAX).unwrap_or(u64::MAX));
    for lifetime in [Duration::MAX, Duration::from_secs(u64::MAX), Duration::from_millis(u64::MAX), longest] {
        lives_forever(t, &cache, lifetime.into()).await?;
        cache.clear().await?;
        if t.hands().is_err() {
            break;
        }
    }
    // The edges of what counts of milliseconds, microseconds and nanoseconds hold.
    let one = Duration::from_nanos(1);
    let micros = Duration::from_micros(u64::try_from(i64::MAX).unwrap_or(u64::MAX));
    let nanos = Duration::from_nanos(u64::try_from(i64::MAX).unwrap_or(u64::MAX));
    for edge in [longest, micros, nanos, Duration::from_nanos(u64::MAX), Duration::from_secs(u64::MAX)] {
        for lifetime in [edge - one, edge, edge.saturating_add(one), edge.saturating_add(DAY)] {
            cache.set("k", &1, lifetime).await?;
            ensure!(cache.has_key("k").await?, "has_key of a key set for {lifetime:?} returned false");
            ensure!(cache.touch("k", lifetime).await?, "touch({lifetime:?}) of a stored key returned false");
            ensure_eq!(cache.get::<i64>("k").await?, Some(1), "{lifetime:?}, touched");
        }
    }
    cache.set("k", &1, Timeout::from_secs(i64::MAX)).await?;
    ensure!(cache.has_key("k").await?, "i64::MAX seconds");
    Ok(())
}

pub(super) async fn days_30(t: &TestContext) -> Outcome {
    long(t, 30 * DAY, true).await
}

/// memcached takes a number of seconds above 30 days for a date.
pub(super) async fn days_30_plus_1s(t: &TestContext) -> Outcome {
    long(t, 30 * DAY + Duration::from_secs(1), true).await
}

pub(super) async fn ttl_2e31(t: &TestContext) -> Outcome {
    long(t, Duration::from_secs(1 << 31), false).await
}

pub(super) async fn years_100(t: &TestContext) -> Outcome {
    long(t, 100 * YEAR, false).await
}

pub(super) async fn years_9000(t: &TestContext) -> Outcome {
    long(t, 9_000 * YEAR, false).await
}
