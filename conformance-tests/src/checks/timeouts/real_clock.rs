//! Checks expiry to the moment by the machine's own clocks: a manual clock has no ticks to be late by.

use std::time::Duration;

use super::{WAYS, write};
use crate::checks::absence::ensure_absent;
use crate::context::TestContext;
use crate::outcome::Outcome;

/// What is seldom late is found in one of several rounds; where a store counts seconds, one shows it.
const ROUNDS: u32 = 8;
const SLOW: Duration = Duration::from_millis(100);

/// An entry whose lifetime has passed since it was written, and not a moment more than the declared
/// resolution, is absent: `set; sleep; get` never hits.
pub(super) async fn to_the_moment(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let resolution = t.capabilities().ttl_resolution;
    let lifetime = Duration::from_millis(50);
    for round in 0..if resolution < SLOW { ROUNDS } else { 1 } {
        let mut keys = Vec::new();
        for way in WAYS {
            keys.push(write(&cache, way, &format!("moment{round}"), lifetime.into()).await?);
        }
        t.wait(lifetime + resolution).await;
        // Of each the first question is the one that is asked soonest.
        for key in &keys {
            let found = cache.get::<i64>(key).await?;
            ensure!(
                found.is_none(),
                "{key}: a hit after its {lifetime:?} and the {resolution:?} that the store may be late by \
                 (Capabilities::ttl_resolution): a clock that lags, or a deadline that was rounded up"
            );
        }
        for key in &keys {
            ensure_absent(&cache, key, &format!("{key} after {lifetime:?}")).await?;
        }
    }
    Ok(())
}
