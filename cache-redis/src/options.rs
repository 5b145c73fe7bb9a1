//! [`RedisOptions`]: the settings of a cache, checked before any I/O.

use std::time::Duration;

use cache_core::{Error, Result};

use crate::backend::RedisCache;
use crate::location::{Server, Servers};

const SECOND: Duration = Duration::from_secs(1);

/// Beyond a day a wait is a hang; it also keeps every deadline within what the clock can hold.
const LONGEST: Duration = Duration::from_secs(86_400);

const DEFAULT_MAX_CONNECTIONS: usize = 50;

/// The settings of a [`RedisCache`]: see [`RedisCache::builder`]. Its `Debug` shows no password.
#[derive(Clone, Debug)]
pub struct RedisOptions {
    servers: Servers,
    operation_timeout: Duration,
    connect_timeout: Duration,
    max_connections: usize,
    pool_wait: Option<Duration>,
    #[cfg(feature = "tls")]
    tls: crate::tls::TlsOptions,
    #[cfg(feature = "cluster")]
    cluster: bool,
}

/// Checked settings.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) servers: Vec<Server>,
    pub(crate) operation_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) max_connections: usize,
    pub(crate) pool_wait: Duration,
    #[cfg(feature = "tls")]
    pub(crate) tls: crate::tls::Tls,
    #[cfg(feature = "cluster")]
    pub(crate) cluster: bool,
}

impl RedisOptions {
    pub(crate) fn new(servers: Servers) -> Self {
        Self {
            servers,
            operation_timeout: SECOND,
            connect_timeout: SECOND,
            max_connections: DEFAULT_MAX_CONNECTIONS,
            pool_wait: None,
            #[cfg(feature = "tls")]
            tls: crate::tls::TlsOptions::default(),
            #[cfg(feature = "cluster")]
            cluster: false,
        }
    }

    /// How long a call may take in all, 1 s by default: waiting for a connection, connecting,
    /// sending and reading. A many-operation has it once per batch of 1,000 keys. Not zero, at
    /// most a day.
    #[must_use]
    pub const fn operation_timeout(mut self, timeout: Duration) -> Self {
        self.operation_timeout = timeout;
        self
    }

    /// How long connecting may take within that time, names, TLS and log-in included; 1 s by
    /// default. Not zero, at most a day.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The most connections of sync callers to each server, 50 by default; not zero. Async callers
    /// have one more per server and runtime.
    #[must_use]
    pub const fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// How long a sync call waits for a connection when all are in use, before it is
    /// [`ErrorKind::Unavailable`](cache_core::ErrorKind::Unavailable). The whole
    /// [`RedisOptions::operation_timeout`] by default, and never longer than that. Zero: not at all.
    #[must_use]
    pub const fn pool_wait(mut self, wait: Duration) -> Self {
        self.pool_wait = Some(wait);
        self
    }

    /// The certificates in PEM that servers' certificates are checked against, in place of the
    /// system's.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls.roots = Some(pem.into());
        self
    }

    /// The certificate chain and the private key in PEM with which to log in to a server that
    /// asks its clients for one.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn client_certificate(mut self, chain_pem: impl Into<Vec<u8>>, key_pem: impl Into<Vec<u8>>) -> Self {
        self.tls.client = Some((chain_pem.into(), key_pem.into()));
        self
    }

    /// The servers are members of a Redis Cluster: any of them tells of the others, and each key
    /// is asked for where it is. Reads go to primaries too.
    ///
    /// `incr_version` is not atomic there: the two keys lie on different servers.
    #[cfg(feature = "cluster")]
    #[must_use]
    pub const fn cluster(mut self) -> Self {
        self.cluster = true;
        self
    }

    /// Checks the settings. No I/O: the first use connects.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheBackend`](cache_core::ErrorKind::InvalidCacheBackend) for a
    /// location that cannot be read, a time or a limit of zero, a certificate that cannot be
    /// read. The text never holds a password.
    pub fn build(self) -> Result<RedisCache> {
        for (name, timeout) in
            [("operation_timeout", self.operation_timeout), ("connect_timeout", self.connect_timeout)]
        {
            if timeout.is_zero() {
                return Err(Error::invalid_cache_backend(format!("{name} is zero; give a time to wait")));
            }
        }
        if self.max_connections == 0 {
            return Err(Error::invalid_cache_backend(
                "max_connections is zero; give the number of connections that may be opened",
            ));
        }
        let servers = self.servers.parse()?;
        #[cfg(feature = "cluster")]
        if self.cluster && servers.iter().any(|server| server.database != 0) {
            return Err(Error::invalid_cache_backend(
                "a Redis Cluster has database 0 only; leave the database out of the location",
            ));
        }
        RedisCache::from_settings(Settings {
            servers,
            operation_timeout: self.operation_timeout.min(LONGEST),
            connect_timeout: self.connect_timeout.min(LONGEST),
            max_connections: self.max_connections,
            pool_wait: self.pool_wait.unwrap_or(LONGEST).min(LONGEST),
            #[cfg(feature = "tls")]
            tls: self.tls.check()?,
            #[cfg(feature = "cluster")]
            cluster: self.cluster,
        })
    }
}
