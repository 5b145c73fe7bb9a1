//! How long an entry lives: [`Timeout`] as a caller says it, [`Expiry`] as a backend gets it.

use std::time::Duration;

use crate::error::{Error, Result};

/// The lifetime a caller asks for, as Django's `timeout` argument.
///
/// A number alone is not a timeout, since it has no unit: [`Timeout::from_secs`] takes seconds.
///
/// Zero removes: `set` with a zero timeout deletes the key, `add` stores nothing, `touch`
/// expires the entry at once. Fractions of a second count.
///
/// ```
/// use std::time::Duration;
/// use cache_core::{DEFAULT_TIMEOUT, Timeout};
///
/// assert_eq!(Timeout::from(Duration::from_secs(5)), Timeout::After(Duration::from_secs(5)));
/// assert_eq!(Timeout::from_secs(5), Timeout::After(Duration::from_secs(5)));
/// assert_eq!(Timeout::from(None), Timeout::Never); // an `Option<Duration>`, as in `cache.set("k", &1, None)`
/// assert_eq!(Timeout::try_from_secs_f64(2.5)?, Timeout::After(Duration::from_millis(2500)));
/// assert_eq!(Timeout::try_from_secs_f64(-1.0)?, Timeout::After(Duration::ZERO));
/// assert!(Timeout::try_from_secs_f64(f64::NAN).is_err());
/// assert_eq!(DEFAULT_TIMEOUT, Timeout::Default);
/// # Ok::<(), cache_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timeout {
    /// The cache's own default timeout: 300 seconds unless it was built with another.
    #[default]
    Default,
    /// The entry does not expire (Django's `timeout=None`).
    Never,
    /// The entry expires this long from now. A duration that a backend cannot hold means [`Timeout::Never`].
    After(Duration),
}

/// The cache's own default timeout, under Django's name.
pub const DEFAULT_TIMEOUT: Timeout = Timeout::Default;

/// What [`DEFAULT_TIMEOUT`] means where a cache was built without a timeout: 300 seconds, as Django.
pub const DEFAULT_TIMEOUT_SECONDS: u64 = 300;

/// From here on a lifetime means "never": the longest that a signed 64-bit count of milliseconds can hold.
const LONGEST: Duration = Duration::from_millis(i64::MAX as u64);

impl Timeout {
    /// Makes a timeout of whole seconds; zero and negative mean "expire at once", as in Django.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self::After(Duration::from_secs(if seconds < 0 { 0 } else { seconds.unsigned_abs() }))
    }

    /// Makes a timeout of seconds with a fraction; zero and negative mean "expire at once", and more than a
    /// [`Duration`] can hold means never.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidTimeout`](crate::ErrorKind::InvalidTimeout) for NaN and the infinities.
    pub fn try_from_secs_f64(seconds: f64) -> Result<Self> {
        if !seconds.is_finite() {
            return Err(Error::invalid_timeout(format!(
                "the timeout {seconds} is not a number of seconds; say Timeout::Never for no expiry"
            )));
        }
        if seconds <= 0.0 {
            return Ok(Self::After(Duration::ZERO));
        }
        Ok(Duration::try_from_secs_f64(seconds).map_or(Self::Never, Self::After))
    }
}

impl From<Duration> for Timeout {
    fn from(after: Duration) -> Self {
        Self::After(after)
    }
}

impl From<Option<Duration>> for Timeout {
    /// `None` is [`Timeout::Never`], as in Django. For the cache's default, use [`DEFAULT_TIMEOUT`].
    fn from(after: Option<Duration>) -> Self {
        after.map_or(Self::Never, Self::After)
    }
}

/// The lifetime a backend is given: never zero, never beyond what milliseconds in an `i64` hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// The entry does not expire.
    Never,
    /// The entry expires this long from now; more than zero.
    After(Duration),
}

impl Expiry {
    /// Applies the backend-timeout rule: what `timeout` means if the default is `default`. `None` means
    /// "expire at once".
    #[must_use]
    pub fn resolve(timeout: Timeout, default: Timeout) -> Option<Self> {
        let after = match (timeout, default) {
            (Timeout::Never, _) | (Timeout::Default, Timeout::Never) => return Some(Self::Never),
            (Timeout::After(after), _) | (Timeout::Default, Timeout::After(after)) => after,
            (Timeout::Default, Timeout::Default) => Duration::from_secs(DEFAULT_TIMEOUT_SECONDS),
        };
        if after.is_zero() {
            None
        } else if after >= LONGEST {
            Some(Self::Never)
        } else {
            Some(Self::After(after))
        }
    }

    /// Returns the moment of expiry in milliseconds, for a store whose clock reads `now_ms`: expired when
    /// `deadline <= now`. `None` is never, also if the sum would overflow.
    ///
    /// Rounded up, and one more since `now_ms` was itself rounded down: nothing expires early, and nothing more
    /// than 2 ms late. [`Expiry::deadline_us`] is closer.
    #[must_use]
    pub fn deadline_ms(self, now_ms: i64) -> Option<i64> {
        self.deadline(now_ms, 1_000_000)
    }

    /// As [`Expiry::deadline_ms`] in microseconds, for [`Clock::wall_us`](crate::Clock::wall_us): up to 2 µs late.
    #[must_use]
    pub fn deadline_us(self, now_us: i64) -> Option<i64> {
        self.deadline(now_us, 1_000)
    }

    /// For a clock that counts `unit` nanoseconds.
    fn deadline(self, now: i64, unit: u128) -> Option<i64> {
        match self {
            Self::Never => None,
            Self::After(after) => {
                let after = i64::try_from(after.as_nanos().div_ceil(unit)).ok()?;
                now.checked_add(after)?.checked_add(1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_at_once_and_too_long_is_never() {
        let five = Timeout::After(Duration::from_secs(5));
        assert_eq!(Expiry::resolve(Timeout::from_secs(0), five), None);
        assert_eq!(Expiry::resolve(Timeout::from_secs(-3), five), None);
        let max = Timeout::After(Duration::MAX);
        assert_eq!(Expiry::resolve(max, five), Some(Expiry::Never));
        assert_eq!(Expiry::resolve(Timeout::Default, five), Some(Expiry::After(Duration::from_secs(5))));
        assert_eq!(Expiry::resolve(Timeout::Default, Timeout::Never), Some(Expiry::Never));
        assert_eq!(
            Expiry::resolve(Timeout::Default, Timeout::Default),
            Some(Expiry::After(Duration::from_secs(300)))
        );
    }

    #[test]
    fn deadlines_round_up_and_saturate() {
        let after = |d| Expiry::After(d);
        assert_eq!(after(Duration::from_nanos(1)).deadline_ms(10), Some(12));
        assert_eq!(after(Duration::from_millis(2)).deadline_ms(10), Some(13));
        assert_eq!(after(Duration::from_secs(1)).deadline_ms(i64::MAX), None);
        assert_eq!(Expiry::Never.deadline_ms(10), None);
        assert_eq!(after(Duration::from_nanos(1_001)).deadline_us(10), Some(13));
        assert_eq!(after(Duration::from_secs(1)).deadline_us(i64::MAX - 1_000_000), None);
    }

    #[test]
    fn seconds_beyond_a_duration_mean_never() {
        assert_eq!(Timeout::try_from_secs_f64(1e300).unwrap(), Timeout::Never);
        assert!(Timeout::try_from_secs_f64(f64::INFINITY).is_err());
    }
}
