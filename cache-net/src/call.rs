//! [`Call`]: whether a caller is sync or async, and until when it waits.

use std::future::Future;
use std::io;
use std::time::{Duration, Instant};

use cache_core::Mode;
use tokio::time::timeout_at;

use crate::park::wait_in_place;

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

    /// Returns the time that is left.
    ///
    /// # Errors
    /// `TimedOut` where none is left.
    pub fn left(self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }

    /// The same call, which gives up after an even share of the time that is left.
    #[must_use]
    pub fn share(self, parts: usize) -> Self {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let parts = u32::try_from(parts).unwrap_or(u32::MAX).max(1);
        Self { deadline: Instant::now() + left / parts, ..self }
    }

    /// The same call, which gives up after `most` at the latest.
    #[must_use]
    pub fn at_most(self, most: Duration) -> Self {
        Self { deadline: self.deadline.min(Instant::now() + most), ..self }
    }

    /// Waits for what another thread or task will do. Returns `None` at the deadline.
    pub async fn wait<F: Future<Output: Send> + Send>(self, event: F) -> Option<F::Output> {
        match self.mode {
            Mode::Blocking => wait_in_place(event, self.deadline),
            Mode::Async => timeout_at(self.deadline.into(), event).await.ok(),
        }
    }

    /// Sleeps for `time`, whatever the deadline is.
    pub async fn sleep(self, time: Duration) {
        match self.mode {
            Mode::Blocking => std::thread::sleep(time),
            Mode::Async => tokio::time::sleep(time).await,
        }
    }
}
