//! [`Call`]: whether a caller is sync or async, and until when it waits.

use std::io;
use std::time::{Duration, Instant};

use cache_core::Mode;

/// One call of a caller. However many exchanges it takes, they share its deadline.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Sync or async.
    pub mode: Mode,
    /// When the call gives up.
    pub deadline: Instant,
}

impl Call {
    /// Starts a call that gives up after `timeout`.
    #[must_use]
    pub fn new(mode: Mode, timeout: Duration) -> Self {
        Self { mode, deadline: Instant::now() + timeout }
    }

    /// The same call, which gives up after an even share of the time that is left.
    #[must_use]
    pub fn share(self, parts: usize) -> Self {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let parts = u32::try_from(parts).unwrap_or(u32::MAX).max(1);
        Self { deadline: Instant::now() + left / parts, ..self }
    }

    /// Sleeps for `time`, whatever the deadline is.
    pub async fn sleep(self, time: Duration) {
        match self.mode {
            Mode::Blocking => std::thread::sleep(time),
            Mode::Async => tokio::time::sleep(time).await,
        }
    }
}

/// Returns the time until `deadline`; an error where none is left.
pub(crate) fn time_left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}
