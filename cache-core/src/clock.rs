//! [`Clock`]: where a backend takes the time from, so that a test can control it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
#[cfg(not(target_os = "linux"))]
use std::time::Instant;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time, as a backend reads it: monotonic for what stays in this process, the wall clock for
/// deadlines that other processes read. Cheap to clone.
///
/// ```
/// use std::time::Duration;
/// use cache_core::Clock;
///
/// let (clock, hands) = Clock::manual();
/// let before = clock.monotonic_ns();
/// hands.advance(Duration::from_secs(1));
/// assert_eq!(clock.monotonic_ns() - before, 1_000_000_000);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<Hands>>);

/// Moves a [`Clock::manual`] clock. Clones move the same clock.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Hands>);

#[derive(Debug)]
struct Hands {
    monotonic_ns: AtomicU64,
    wall_us: AtomicI64,
}

/// No coarse clock lags further behind the precise one: a tick is 10 ms at the longest, and a virtual processor that
/// the host takes away for a while misses some ticks.
const FURTHEST_BEHIND_NS: u64 = 100_000_000;

/// Where this process's monotonic time starts, on systems without a clock id to ask.
#[cfg(not(target_os = "linux"))]
static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();

impl Clock {
    /// Returns the machine's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(None)
    }

    /// Returns a clock that stands still until its [`ManualClock`] is moved. It starts at today's date.
    #[must_use]
    pub fn manual() -> (Self, ManualClock) {
        let hands = Arc::new(Hands {
            monotonic_ns: AtomicU64::new(1_000_000_000),
            wall_us: AtomicI64::new(Self::system().wall_ms() * 1_000),
        });
        (Self(Some(Arc::clone(&hands))), ManualClock(hands))
    }

    /// Returns monotonic nanoseconds since some fixed moment. Takes about 17 ns.
    #[must_use]
    pub fn monotonic_ns(&self) -> u64 {
        match &self.0 {
            None => precise_ns(),
            Some(hands) => hands.monotonic_ns.load(Ordering::SeqCst),
        }
    }

    /// Like [`Clock::monotonic_ns`], but up to one scheduler tick (4 ms on common Linux) behind it and about
    /// four times cheaper. For "has this expired?" see [`Clock::has_passed`].
    #[must_use]
    pub fn coarse_ns(&self) -> u64 {
        match &self.0 {
            None => coarse_ns(),
            Some(hands) => hands.monotonic_ns.load(Ordering::SeqCst),
        }
    }

    /// Returns whether the monotonic clock has reached `deadline_ns`. Exact, and as cheap as
    /// [`Clock::coarse_ns`] until the deadline is near.
    ///
    /// ```
    /// use cache_core::Clock;
    ///
    /// let clock = Clock::system();
    /// let deadline = clock.monotonic_ns() + 1_000_000;
    /// while !clock.has_passed(deadline) {}
    /// assert!(clock.monotonic_ns() >= deadline);
    /// ```
    #[inline]
    #[must_use]
    pub fn has_passed(&self, deadline_ns: u64) -> bool {
        // The coarse clock is behind, so what it has reached the precise one has too.
        let coarse_ns = self.coarse_ns();
        deadline_ns <= coarse_ns
            || deadline_ns - coarse_ns < FURTHEST_BEHIND_NS && deadline_ns <= self.monotonic_ns()
    }

    /// Returns milliseconds since the Unix epoch by the wall clock, rounded down; negative before it.
    #[must_use]
    pub fn wall_ms(&self) -> i64 {
        self.wall_us().div_euclid(1_000)
    }

    /// Returns microseconds since the Unix epoch by the wall clock, rounded down; negative before it.
    #[must_use]
    pub fn wall_us(&self) -> i64 {
        match &self.0 {
            None => system_wall_us(),
            Some(hands) => hands.wall_us.load(Ordering::SeqCst),
        }
    }
}

impl ManualClock {
    /// Lets time pass: moves both the monotonic and the wall clock forward, to their ends and no further.
    pub fn advance(&self, by: Duration) {
        let ns = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let on = |now: u64| Some(now.saturating_add(ns));
        // It always succeeds.
        let _ = self.0.monotonic_ns.fetch_update(Ordering::SeqCst, Ordering::SeqCst, on);
        self.step_wall_us(i64::try_from(by.as_micros()).unwrap_or(i64::MAX));
    }

    /// Sets the wall clock forward or, with a negative number, back. No time passes.
    pub fn step_wall_ms(&self, by: i64) {
        self.step_wall_us(by.saturating_mul(1_000));
    }

    fn step_wall_us(&self, by: i64) {
        let on = |now: i64| Some(now.saturating_add(by));
        let _ = self.0.wall_us.fetch_update(Ordering::SeqCst, Ordering::SeqCst, on);
    }
}

fn system_wall_us() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        Err(before) => {
            let before = before.duration().as_nanos().div_ceil(1_000);
            i64::try_from(before).map_or(i64::MIN, |us| -us)
        }
    }
}

#[cfg(target_os = "linux")]
fn read_ns(id: rustix::time::ClockId) -> u64 {
    let now = rustix::time::clock_gettime(id);
    // The monotonic clocks count up from the machine's start: never negative, never near 2^64 ns.
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

#[cfg(target_os = "linux")]
fn precise_ns() -> u64 {
    read_ns(rustix::time::ClockId::Monotonic)
}

#[cfg(target_os = "linux")]
fn coarse_ns() -> u64 {
    read_ns(rustix::time::ClockId::MonotonicCoarse)
}

#[cfg(not(target_os = "linux"))]
fn precise_ns() -> u64 {
    let since = START.get_or_init(Instant::now).elapsed();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(not(target_os = "linux"))]
fn coarse_ns() -> u64 {
    precise_ns()
}
