//! Family T: timeouts and expiry.

mod expiry;
mod long;
mod real_clock;
mod settings;
mod touch;
mod zero;

use std::time::{Duration, Instant};

use cache_core::Timeout;

use self::expiry::{
    absence_agrees, clock_step, expired_absent_in_get_many, fraction_1_9, get_not_sliding, half_second,
    many_ttl_each, never_early, not_late, ttl_survives_reopen,
};
use self::long::{days_30, days_30_plus_1s, duration_max_forever, ttl_2e31, years_100, years_9000};
use self::real_clock::to_the_moment;
use self::settings::{
    config_none_forever, default_300, explicit_overrides, nan_inf_rejected, never_survives,
};
use self::touch::{
    touch_default, touch_expired_false, touch_extends, touch_keeps_value, touch_missing_false,
    touch_none_on_persistent_true, touch_none_persists, touch_shortens, touch_zero_negative,
};
use self::zero::{
    negative_is_zero, zero_add_absent_true, zero_add_present_false, zero_not_stored, zero_removes_existing,
};
use super::MINUTE;
use super::absence::ensure_absent;
use crate::check::Check;
use crate::context::TestContext;
use crate::outcome::Outcome;
use crate::test_cache::TestCache;

pub(crate) const CHECKS: &[Check] = &[
    check!("T", default_300),
    check!("T", config_none_forever),
    check!("T", explicit_overrides),
    check!("T", never_survives),
    check!("T", zero_not_stored),
    check!("T", zero_removes_existing),
    check!("T", zero_add_absent_true),
    check!("T", zero_add_present_false),
    check!("T", negative_is_zero),
    check!("T", never_early),
    check!("T", not_late),
    check!("T", half_second),
    check!("T", fraction_1_9),
    check!("T", nan_inf_rejected),
    check!("T", duration_max_forever),
    check!("T", days_30),
    check!("T", days_30_plus_1s),
    check!("T", ttl_2e31),
    check!("T", years_100),
    check!("T", years_9000),
    check!("T", absence_agrees),
    check!("T", expired_absent_in_get_many),
    check!("T", touch_extends),
    check!("T", touch_shortens),
    check!("T", touch_default),
    check!("T", touch_none_persists),
    check!("T", touch_none_on_persistent_true),
    check!("T", touch_missing_false),
    check!("T", touch_expired_false),
    check!("T", touch_zero_negative),
    check!("T", touch_keeps_value),
    check!("T", get_not_sliding),
    check!("T", clock_step),
    check!("T", many_ttl_each),
    check!("T", ttl_survives_reopen),
    check!("T", to_the_moment).real_time(),
];

/// A lifetime that is over soon, and long enough to see the entry first.
const SHORT: Duration = Duration::from_millis(500);

const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// The operations that take a timeout.
const WAYS: [&str; 6] = ["set", "set_bytes", "add", "set_many", "get_or_set", "touch"];

/// Gives a key of its own, which it returns, this lifetime by the operation `way`.
async fn write(cache: &TestCache, way: &str, label: &str, timeout: Timeout) -> Outcome<String> {
    let key = format!("{way}-{label}");
    match way {
        "set" => cache.set(&key, &7, timeout).await?,
        "set_bytes" => cache.set_bytes(&key, &b"7"[..], timeout).await?,
        "add" => ensure!(cache.add(&key, &7, timeout).await?, "{key}: add said no"),
        "set_many" => ensure_eq!(cache.set_many([(&key, 7)], timeout).await?, Vec::<&String>::new()),
        "get_or_set" => ensure_eq!(cache.get_or_set(&key, timeout, || 7).await?, 7),
        _ => {
            cache.set(&key, &7, MINUTE).await?;
            ensure!(cache.touch(&key, timeout).await?, "{key}: touch said no");
        }
    }
    Ok(key)
}

/// Lets years pass where the clock can be moved, else just over a second: enough for a store
/// that took a lifetime for none, or for a date.
async fn age(t: &TestContext, time: Duration) {
    t.wait(if t.hands().is_ok() { time } else { Duration::from_millis(1_100) }).await;
}

/// Each way of writing with `timeout` gives an entry that is readable until `lifetime` has
/// passed since now, and gone afterwards.
async fn lives_for(t: &TestContext, cache: &TestCache, timeout: Timeout, lifetime: Duration) -> Outcome {
    let start = Instant::now();
    let mut keys = Vec::new();
    for way in WAYS {
        keys.push(write(cache, way, "lives", timeout).await?);
    }
    let margin = lifetime / 5;
    for part in [Duration::ZERO, lifetime - margin] {
        t.wait(part).await;
        for key in &keys {
            let there = cache.has_key(key).await?;
            ensure!(there || t.overslept(start, lifetime), "{key}: gone before {lifetime:?} had passed");
        }
    }
    t.outlive(margin).await;
    for key in &keys {
        ensure_absent(cache, key, &format!("{key} after {lifetime:?}")).await?;
    }
    Ok(())
}

/// Each way of writing with `timeout` gives an entry that does not expire.
async fn lives_forever(t: &TestContext, cache: &TestCache, timeout: Timeout) -> Outcome {
    let mut keys = Vec::new();
    for way in WAYS {
        keys.push(write(cache, way, "forever", timeout).await?);
    }
    for time in [Duration::ZERO, YEAR, 79 * YEAR] {
        if !time.is_zero() {
            age(t, time).await;
        }
        for key in &keys {
            ensure!(cache.has_key(key).await?, "{key}: it expired ({timeout:?})");
        }
    }
    Ok(())
}
