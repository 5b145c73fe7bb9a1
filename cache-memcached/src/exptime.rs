//! Lifetimes as memcached counts them: whole seconds of a clock that ticks once a second.

use cache_core::Expiry;

/// Up to here (30 days) a number of seconds counts from now; beyond, it is a date.
const LONGEST_RELATIVE: i64 = 60 * 60 * 24 * 30;

/// The number that means no expiry to memcached.
pub(crate) const NEVER: u32 = 0;

/// Returns the number to send for `expiry`, when the wall clock reads `wall_ms`.
///
/// The server's clock stands still for up to a second, so a second is added: entries never expire early. A
/// date beyond its signed 32-bit range (from 2038 on) means never.
pub(crate) fn of(expiry: Expiry, wall_ms: i64) -> u32 {
    match expiry {
        Expiry::Never => NEVER,
        Expiry::After(after) => {
            let nanos = after.as_nanos();
            let seconds = i64::try_from(nanos.div_ceil(1_000_000_000)).unwrap_or(i64::MAX);
            in_seconds(seconds.saturating_add(1), wall_ms)
        }
    }
}

/// Returns the number that keeps an entry for `seconds` more ticks of the server's clock; beyond a month it
/// is a date by this machine's wall clock.
fn in_seconds(seconds: i64, wall_ms: i64) -> u32 {
    relative(seconds).unwrap_or_else(|| date(wall_ms.div_euclid(1_000).saturating_add(1), seconds))
}

/// The same for a lifetime that is not sent as a date, or `None`.
pub(crate) fn relative(seconds: i64) -> Option<u32> {
    (seconds <= LONGEST_RELATIVE).then(|| clamped(seconds.max(1)))
}

/// The date that is `seconds` after `now`, as a number of seconds.
pub(crate) fn date(now: i64, seconds: i64) -> u32 {
    clamped(now.saturating_add(seconds))
}

/// The number itself, or [`NEVER`] beyond the range of memcached.
fn clamped(seconds: i64) -> u32 {
    i32::try_from(seconds).map_or(NEVER, i32::cast_unsigned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NOW: i64 = 1_700_000_000_250;

    fn after(duration: Duration) -> u32 {
        of(Expiry::After(duration), NOW)
    }

    #[test]
    fn rounded_up_and_one_more() {
        assert_eq!(of(Expiry::Never, NOW), 0);
        assert_eq!(after(Duration::from_nanos(1)), 2);
        assert_eq!(after(Duration::from_millis(2_700)), 4);
        assert_eq!(after(Duration::from_secs(300)), 301);
    }

    #[test]
    fn beyond_thirty_days_it_is_a_date() {
        let month = Duration::from_secs(2_592_000);
        assert_eq!(after(month - Duration::from_secs(1)), 2_592_000);
        assert_eq!(after(month), 1_702_592_002);
        assert_eq!(in_seconds(2_592_000, NOW), 2_592_000);
    }

    #[test]
    fn what_it_cannot_hold_is_never() {
        let most = 2_147_483_647 - 1_700_000_001;
        assert_eq!(in_seconds(most, NOW), 2_147_483_647);
        assert_eq!(in_seconds(most + 1, NOW), NEVER);
        assert_eq!(after(Duration::from_millis(i64::MAX.unsigned_abs() - 1)), NEVER);
        assert_eq!(in_seconds(i64::MAX, NOW), NEVER);
        // Zero would be "never": the shortest is one tick.
        assert_eq!(in_seconds(0, NOW), 1);
    }
}
