//! [`Limits`]: how long calls may take, and how many connections they may use.

use std::time::Duration;

use cache_core::{Error, Result};

/// Beyond a day a wait is a hang. It also keeps every deadline within what the clock can hold.
const LONGEST: Duration = Duration::from_secs(86_400);

/// More connections than a server or a process has.
const MOST_CONNECTIONS: usize = 1 << 16;

const SECOND: Duration = Duration::from_secs(1);

/// How long calls to a server may take, and how many connections to each server they may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How long a call may take in all; 1 second.
    pub operation_timeout: Duration,
    /// How long connecting may take within that time: the name, TLS and the handshake included; 1 second.
    pub connect_timeout: Duration,
    /// How long a sync call waits for a free connection within that time. `None` is the whole of it.
    pub pool_wait: Option<Duration>,
    /// The most connections of sync callers to each server, and of the tasks of each runtime; 50.
    pub max_connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { operation_timeout: SECOND, connect_timeout: SECOND, pool_wait: None, max_connections: 50 }
    }
}

impl Limits {
    /// Checks the limits, and shortens times to a day.
    ///
    /// # Errors
    /// [`InvalidCacheBackend`](cache_core::ErrorKind::InvalidCacheBackend) for a timeout of zero and a number of connections
    /// outside of 1 to 65,536.
    pub fn check(self) -> Result<Self> {
        for (name, timeout) in
            [("operation_timeout", self.operation_timeout), ("connect_timeout", self.connect_timeout)]
        {
            if timeout.is_zero() {
                return Err(Error::invalid_cache_backend(format!("{name} must be greater than zero")));
            }
        }
        if self.max_connections == 0 || self.max_connections > MOST_CONNECTIONS {
            return Err(Error::invalid_cache_backend(format!(
                "max_connections is {}; give a number from 1 to {MOST_CONNECTIONS}",
                self.max_connections
            )));
        }
        Ok(Self {
            operation_timeout: self.operation_timeout.min(LONGEST),
            connect_timeout: self.connect_timeout.min(LONGEST),
            pool_wait: self.pool_wait.map(|wait| wait.min(LONGEST)),
            ..self
        })
    }

    /// Takes the options `operation_timeout`, `connect_timeout`, `pool_wait` and `max_connections` from `settings`. What
    /// they leave out stays as it is.
    ///
    /// # Errors
    /// [`InvalidCacheBackend`](cache_core::ErrorKind::InvalidCacheBackend) for one that is not a number.
    #[cfg(feature = "settings")]
    pub fn with_settings(self, settings: &mut cache_core::BackendSettings) -> Result<Self> {
        Ok(Self {
            operation_timeout: settings.duration("operation_timeout")?.unwrap_or(self.operation_timeout),
            connect_timeout: settings.duration("connect_timeout")?.unwrap_or(self.connect_timeout),
            pool_wait: settings.duration("pool_wait")?.or(self.pool_wait),
            max_connections: settings.number("max_connections")?.unwrap_or(self.max_connections),
        })
    }
}

/// Writes the setters of the limits for a builder whose field `limits` is a [`Limits`]. Takes its default of
/// `max_connections`, and the code that makes such a builder, for the examples.
#[macro_export]
macro_rules! limit_setters {
    ($connections:literal, $builder:literal) => {
        /// Limits how long a call may take in all, 1 s by default: waiting for a connection, connecting, sending and
        /// reading. A bulk operation has this time for each batch of 1,000 keys; with large values on a slow network it
        /// needs more. Not zero, at most a day.
        #[doc = concat!("\n```\n# use std::time::Duration;\nlet backend = ", $builder, ".operation_timeout(Duration::from_millis(250)).build()?;\n# Ok::<(), cache_core::Error>(())\n```")]
        #[must_use]
        pub const fn operation_timeout(mut self, timeout: ::std::time::Duration) -> Self {
            self.limits.operation_timeout = timeout;
            self
        }

        /// Limits how long connecting may take within that time, including the name, TLS and the first exchange with the
        /// server; 1 s by default. Not zero, at most a day.
        #[doc = concat!("\n```\n# use std::time::Duration;\nlet backend = ", $builder, ".connect_timeout(Duration::from_millis(100)).build()?;\n# Ok::<(), cache_core::Error>(())\n```")]
        #[must_use]
        pub const fn connect_timeout(mut self, timeout: ::std::time::Duration) -> Self {
            self.limits.connect_timeout = timeout;
            self
        }

        #[doc = concat!("Limits the connections of sync callers to each server, ", $connections, " by default; from 1 to 65,536.")]
        /// The tasks of a runtime share one connection, and use up to this many more while long values are on their way.
        #[doc = concat!("\n```\nlet backend = ", $builder, ".max_connections(20).build()?;\n# Ok::<(), cache_core::Error>(())\n```")]
        #[must_use]
        pub const fn max_connections(mut self, connections: usize) -> Self {
            self.limits.max_connections = connections;
            self
        }

        /// Limits how long a sync call waits for a connection when all are in use, before it fails with
        /// [`ErrorKind::Unavailable`](cache_core::ErrorKind::Unavailable). The whole
        /// [`operation_timeout`](Self::operation_timeout) by default, and never longer than that. With zero it does not wait.
        #[doc = concat!("\n```\n# use std::time::Duration;\nlet backend = ", $builder, ".pool_wait(Duration::from_millis(50)).build()?;\n# Ok::<(), cache_core::Error>(())\n```")]
        #[must_use]
        pub const fn pool_wait(mut self, wait: ::std::time::Duration) -> Self {
            self.limits.pool_wait = Some(wait);
            self
        }
    };
}
