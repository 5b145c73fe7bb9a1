//! Checks which timeout counts (the default, the configured one, or the call's own), and which floats are refused.

use std::time::Duration;

use cache_core::{DEFAULT_TIMEOUT, Timeout};

use super::{SHORT, WAYS, lives_for, lives_forever, write};
use crate::checks::MINUTE;
use crate::context::TestContext;
use crate::outcome::Outcome;

pub(super) async fn default_300(t: &TestContext) -> Outcome {
    let hands = t.hands()?;
    let cache = t.cache();
    let mut keys = Vec::new();
    for way in WAYS {
        keys.push(write(&cache, way, "default", DEFAULT_TIMEOUT).await?);
    }
    hands.advance(Duration::from_millis(299_999));
    for key in &keys {
        ensure!(cache.has_key(key).await?, "{key}: gone before 300 s");
    }
    t.outlive(Duration::from_millis(1)).await;
    for key in &keys {
        ensure!(!cache.has_key(key).await?, "{key}: there after 300 s");
    }
    lives_for(t, &cache, Timeout::default(), Duration::from_secs(300)).await
}

pub(super) async fn config_none_forever(t: &TestContext) -> Outcome {
    let cache = t.build(|b| b.timeout(Timeout::Never))?;
    lives_forever(t, &cache, DEFAULT_TIMEOUT).await
}

pub(super) async fn explicit_overrides(t: &TestContext) -> Outcome {
    let short = t.build(|b| b.timeout(SHORT))?;
    lives_for(t, &short, DEFAULT_TIMEOUT, SHORT).await?;
    let never = t.build(|b| b.timeout(Timeout::Never))?;
    lives_for(t, &never, SHORT.into(), SHORT).await?;
    let mut keys = Vec::new();
    for way in WAYS {
        keys.push(write(&short, way, "minute", MINUTE.into()).await?);
        keys.push(write(&short, way, "never", Timeout::Never).await?);
    }
    t.outlive(SHORT).await;
    for key in &keys {
        ensure!(short.has_key(key).await?, "{key}: it got the configured timeout");
    }
    let zero = t.build(|b| b.timeout(Duration::ZERO))?;
    zero.set("k", &1, DEFAULT_TIMEOUT).await?;
    ensure!(!zero.has_key("k").await?, "configured to expire at once");
    zero.set("k", &1, MINUTE).await?;
    ensure!(zero.has_key("k").await?);
    Ok(())
}

pub(super) async fn never_survives(t: &TestContext) -> Outcome {
    lives_forever(t, &t.cache(), Timeout::Never).await
}

pub(super) async fn nan_inf_rejected(t: &TestContext) -> Outcome {
    for seconds in [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        ensure_err!(Timeout::try_from_secs_f64(seconds), InvalidTimeout, "{seconds}");
    }
    // What is a number, however odd, is a timeout, and the cache takes it.
    let cache = t.cache();
    for seconds in [f64::MAX, 1e20, 3.2e9] {
        cache.set("k", &1, Timeout::try_from_secs_f64(seconds)?).await?;
        ensure!(cache.has_key("k").await?, "{seconds} s");
    }
    for seconds in [f64::MIN, -0.0, -1e-300] {
        cache.set("k", &1, Timeout::try_from_secs_f64(seconds)?).await?;
        ensure!(!cache.has_key("k").await?, "{seconds} s");
    }
    Ok(())
}
