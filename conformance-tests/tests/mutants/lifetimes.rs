//! Bugs of lifetimes: what a mutant does to a lifetime.

use std::time::Duration;

use cache_core::{Error, ErrorKind, Expiry, Result};

use crate::bug::Bug;
use crate::reference_store::Store;

const DAYS_30: u64 = 30 * 86_400;
/// The last second of the year 9999, in seconds since 1970.
const YEAR_9999: u64 = 253_402_300_799;

/// The deadline that a mutant gives; one that has passed where it loses the entry.
pub(crate) fn deadline(store: &Store, expiry: Expiry) -> Result<Option<u64>> {
    let start = store.start();
    let raised = |what: &str| Err(Error::new(ErrorKind::Storage, what));
    let after = match expiry {
        Expiry::Never if store.bug == Bug::NeverIs300Seconds => Duration::from_secs(300),
        Expiry::Never => return Ok(None),
        Expiry::After(after) => after,
    };
    let wall_ms = u128::from(store.clock.wall_ms().unsigned_abs());
    let wall_s = u64::try_from(wall_ms / 1_000).unwrap_or(u64::MAX);
    let seconds = after.as_secs();
    let after = match store.bug {
        Bug::DeadlinesRoundedDown => {
            let end = (wall_ms + after.as_millis()) / 1_000 * 1_000;
            Duration::from_millis(u64::try_from(end.saturating_sub(wall_ms)).unwrap_or(u64::MAX))
        }
        Bug::LifetimesTruncated => Duration::from_secs(seconds),
        Bug::ExpiresLate => after.saturating_add(Duration::from_secs(1)),
        Bug::ExpiresATickLate => after.saturating_add(Duration::from_millis(4)),
        Bug::Over30DaysAbsolute if seconds > DAYS_30 => Duration::from_secs(seconds.saturating_sub(wall_s)),
        Bug::Over31BitsLost if seconds >= 1 << 31 => Duration::ZERO,
        Bug::BeyondYear9999Raises if seconds.saturating_add(wall_s) > YEAR_9999 => {
            return raised("the year is out of range");
        }
        Bug::LongLifetimesRaise if u64::try_from(after.as_nanos()).is_err() => {
            return raised("the timeout is out of range");
        }
        Bug::LongLifetimesWrap => Duration::from_nanos(after.as_nanos() as u64),
        Bug::LifetimesIn32BitMillis => Duration::from_millis(u64::from(after.as_millis() as u32)),
        _ => after,
    };
    Ok(u64::try_from(after.as_nanos()).ok().and_then(|ns| start.checked_add(ns)))
}
