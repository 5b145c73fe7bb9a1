//! [`RedisOptions`]: the settings of a cache, checked before any I/O.

use std::time::Duration;

use cache_core::{Error, Result};

use crate::backend::RedisCache;
use crate::location::{Secret, Server, Servers};

const SECOND: Duration = Duration::from_secs(1);

/// Beyond a day a wait is a hang; it also keeps every deadline within what the clock can hold.
const LONGEST: Duration = Duration::from_secs(86_400);

const DEFAULT_MAX_CONNECTIONS: usize = 50;

/// The settings of a [`RedisCache`]: see [`RedisCache::builder`]. Its `Debug` shows no password.
#[derive(Clone, Debug)]
pub struct RedisOptions {
    servers: Servers,
    user: Option<String>,
    password: Option<Secret>,
    database: Option<u32>,
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
            user: None,
            password: None,
            database: None,
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

    /// The user to log in as, on every server of the location, in place of one in its URLs.
    #[must_use]
    pub fn username(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// The password to log in with, on every server of the location, in place of one in its URLs:
    /// as it is, without percent-encoding.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(Secret(password.into()));
        self
    }

    /// The database, on every server of the location, in place of one in its URLs.
    #[must_use]
    pub const fn database(mut self, database: u32) -> Self {
        self.database = Some(database);
        self
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
    /// system's. A server's self-signed certificate may be its own root.
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
    /// location that cannot be read, a user, password or database that is given twice, a time or a
    /// limit of zero, a certificate that cannot be read. The text never holds a password.
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
        let mut servers = self.servers.parse()?;
        for server in &mut servers {
            log_in(server, self.user.as_ref(), self.password.as_ref(), self.database)?;
        }
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

/// Gives a server what its URL leaves out. Two values would leave open which of them is meant.
fn log_in(
    server: &mut Server,
    user: Option<&String>,
    password: Option<&Secret>,
    database: Option<u32>,
) -> Result<()> {
    let twice = |what| {
        Err(Error::invalid_cache_backend(format!(
            "the {what} is there twice, in the Redis location and as an option; leave one of them out"
        )))
    };
    if user.is_some() && server.user.is_some() {
        return twice("username");
    }
    if password.is_some() && server.password.is_some() {
        return twice("password");
    }
    if let Some(database) = database {
        if server.database != 0 && server.database != database {
            return twice("database");
        }
        if i32::try_from(database).is_err() {
            return Err(Error::invalid_cache_backend(format!(
                "the database {database} is none that Redis has; give a number from 0 on"
            )));
        }
        server.database = database;
    }
    server.user = server.user.take().or_else(|| user.cloned());
    server.password = server.password.take().or_else(|| password.cloned());
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn one(url: &str) -> Server {
        Servers::from([url]).parse().unwrap().remove(0)
    }

    #[test]
    fn a_log_in_beside_the_location_goes_to_every_server() {
        let (user, password) = ("ada".to_owned(), Secret("p@ss".to_owned()));
        let mut server = one("redis://h");
        log_in(&mut server, Some(&user), Some(&password), Some(3)).unwrap();
        assert_eq!(server, one("redis://ada:p%40ss@h/3"));
        log_in(&mut server, None, None, Some(3)).unwrap();
        assert_eq!(server.database, 3, "the same database twice is no contradiction");
    }

    #[test]
    fn what_is_said_twice_is_refused_without_the_password() {
        for options in [
            RedisCache::builder("redis://ada@h").username("bob"),
            RedisCache::builder("redis://:hunter1@h").password("hunter2"),
            RedisCache::builder("redis://h/1").database(2),
            RedisCache::builder("redis://h").database(u32::MAX),
        ] {
            let shown = format!("{options:?} {}", options.clone().build().unwrap_err());
            assert!(!shown.contains("hunter"), "{shown}");
        }
    }
}
