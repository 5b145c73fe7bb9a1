//! [`Deadline`]: the one budget of a call, for waiting, connecting and the exchange together.

use std::io;
use std::time::{Duration, Instant};

/// How long each part of a call may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Looking the name up, connecting, and the first word with the server.
    pub(crate) connect: Duration,
    /// The whole call.
    pub(crate) operation: Duration,
    /// Waiting for a place in the pool.
    pub(crate) pool_wait: Duration,
}

/// When a call is over, whatever it is doing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    end: Instant,
    limits: Limits,
}

impl Deadline {
    /// The deadline of a call that begins now.
    pub(crate) fn start(limits: Limits) -> Self {
        Self { end: Instant::now() + limits.operation, limits }
    }

    pub(crate) const fn end(self) -> Instant {
        self.end
    }

    /// The time that is left; an error when there is none.
    pub(crate) fn left(self) -> io::Result<Duration> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }

    /// The same, not longer than connecting may take.
    pub(crate) fn for_connecting(self) -> Self {
        Self { end: self.end.min(Instant::now() + self.limits.connect), ..self }
    }

    /// The same, not longer than the wait for a connection may take.
    pub(crate) fn for_waiting(self) -> Self {
        Self { end: self.end.min(Instant::now() + self.limits.pool_wait), ..self }
    }

    /// The limit of the whole call, for how coarse a socket's own timeout may be.
    pub(crate) const fn operation(self) -> Duration {
        self.limits.operation
    }
}
