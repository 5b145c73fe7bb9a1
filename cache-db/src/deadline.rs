//! [`Deadline`]: until when a call may wait.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// How long a call waits in all. The clock is read when the call first has to wait.
#[derive(Debug)]
pub(crate) struct Deadline {
    timeout: Duration,
    at: Cell<Option<Instant>>,
}

impl Deadline {
    pub(crate) const fn new(timeout: Duration) -> Self {
        Self { timeout, at: Cell::new(None) }
    }

    /// The time that is left.
    pub(crate) fn left(&self) -> Duration {
        let at = self.at.get().unwrap_or_else(|| Instant::now() + self.timeout);
        self.at.set(Some(at));
        at.saturating_duration_since(Instant::now())
    }
}
