//! [`RedisCacheBuilder`]: the settings of a cache, checked before any I/O.

use cache_core::{Error, Location, Result};
use cache_net::Limits;
#[cfg(feature = "tls")]
use cache_net::tls::TlsOptions;

use crate::backend::RedisCache;
use crate::config::Config;
use crate::location::{Secret, Server, Servers};

/// The settings of a [`RedisCache`]: see [`RedisCache::builder`]. Its `Debug` shows no password.
#[derive(Clone, Debug)]
pub struct RedisCacheBuilder {
    servers: Servers,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) sentinel_user: Option<String>,
    pub(crate) sentinel_password: Option<Secret>,
    pub(crate) database: Option<u32>,
    pub(crate) limits: Limits,
    #[cfg(feature = "tls")]
    pub(crate) tls: TlsOptions,
    #[cfg(feature = "cluster")]
    pub(crate) cluster: bool,
    #[cfg(feature = "cluster")]
    pub(crate) read_from_replicas: bool,
}

impl RedisCache {
    /// Makes a cache at `location`, Django's `LOCATION`, with the default settings. No I/O.
    ///
    /// ```
    /// # use cache_core::Cache;
    /// # use cache_redis::RedisCache;
    /// let cache = Cache::new(RedisCache::new("redis://cache.example.com/1")?); // connects on first use
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheBackend`](cache_core::ErrorKind::InvalidCacheBackend) for a
    /// location that cannot be read.
    pub fn new(location: impl Into<Location>) -> Result<Self> {
        Self::builder(location).build()
    }

    /// Starts a builder for a cache at `location`, Django's `LOCATION`: one URL, several in one string separated by
    /// `;` or `,`, or a list of them.
    ///
    /// | URL | |
    /// |---|---|
    /// | `redis://[[user]:password@]host[:port][/database]` | TCP, port 6379 and database 0 by default |
    /// | `rediss://…` | the same over TLS (feature `tls`) |
    /// | `redis+sentinel://[[user]:password@]host[:port][,host[:port]…]/name[/database]` | the primary that the sentinels at these hosts call `name`; port 26379 by default. User, password and database are the primary's. `rediss+sentinel` is TLS, to both |
    /// | `unix:///path/to/socket[?db=1&username=…&password=…]` | a Unix socket; `redis+unix://` too |
    ///
    /// `valkey`, `valkeys` and `valkey+unix` mean the same. `db`, `username` and `password` may stand in the query of
    /// any of them. In a password, percent-encode characters that mean something in a URL, and `;` and `,`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cache_redis::RedisCache;
    ///
    /// let backend = RedisCache::builder(["redis://primary:6379/1", "redis://replica:6379/1"])
    ///     .operation_timeout(Duration::from_millis(250))
    ///     .max_connections(20)
    ///     .build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn builder(location: impl Into<Location>) -> RedisCacheBuilder {
        RedisCacheBuilder::new(Servers::new(location))
    }
}

impl RedisCacheBuilder {
    pub(crate) fn new(servers: Servers) -> Self {
        Self {
            servers,
            user: None,
            password: None,
            sentinel_user: None,
            sentinel_password: None,
            database: None,
            limits: Limits::default(),
            #[cfg(feature = "tls")]
            tls: TlsOptions::default(),
            #[cfg(feature = "cluster")]
            cluster: false,
            #[cfg(feature = "cluster")]
            read_from_replicas: false,
        }
    }

    /// Sets the user to log in as, on every server of the location, in place of one in its URLs.
    ///
    /// ```
    /// # use cache_redis::RedisCache;
    /// let backend = RedisCache::builder("redis://cache.example.com/1").username("app").password("secret").build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn username(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Sets the password to log in with, on every server of the location, in place of one in its URLs. It is
    /// used as it is, without percent-decoding.
    ///
    /// ```
    /// # use cache_redis::RedisCache;
    /// let password = std::env::var("REDIS_PASSWORD").unwrap_or_default();
    /// let backend = RedisCache::builder("redis://cache.example.com/1").password(password).build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(Secret(password.into()));
        self
    }

    /// Sets the user to log in as on every sentinel of a `redis+sentinel` location. Sentinels have their own
    /// users.
    ///
    /// ```
    /// # use cache_redis::RedisCache;
    /// let backend = RedisCache::builder("redis+sentinel://sentinel1,sentinel2/primary")
    ///     .sentinel_username("watcher")
    ///     .sentinel_password("secret of the sentinels")
    ///     .build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn sentinel_username(mut self, user: impl Into<String>) -> Self {
        self.sentinel_user = Some(user.into());
        self
    }

    /// Sets the password to log in with on every sentinel of a `redis+sentinel` location.
    ///
    /// ```
    /// # use cache_redis::RedisCache;
    /// let backend = RedisCache::builder("redis+sentinel://sentinel1,sentinel2/primary")
    ///     .password("secret of the primary")
    ///     .sentinel_password("secret of the sentinels")
    ///     .build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn sentinel_password(mut self, password: impl Into<String>) -> Self {
        self.sentinel_password = Some(Secret(password.into()));
        self
    }

    /// Sets the database, on every server of the location, in place of one in its URLs.
    ///
    /// ```
    /// # use cache_redis::RedisCache;
    /// let backend = RedisCache::builder("redis://cache.example.com").database(1).build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn database(mut self, database: u32) -> Self {
        self.database = Some(database);
        self
    }

    cache_net::limit_setters!(50, "cache_redis::RedisCache::builder(\"redis://cache.example.com\")");

    /// Sets the certificates in PEM that servers' certificates are checked against, in place of the system's.
    /// A server's self-signed certificate may be its own root.
    ///
    /// ```no_run
    /// # use cache_redis::RedisCache;
    /// let backend = RedisCache::builder("rediss://cache.example.com")
    ///     .root_certificates(std::fs::read("/etc/app/redis-ca.pem")?)
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls.root_certificates = Some(pem.into());
        self
    }

    /// Sets the certificate chain and the private key in PEM with which to log in to a server that asks its
    /// clients for one.
    ///
    /// ```no_run
    /// # use cache_redis::RedisCache;
    /// let chain = std::fs::read("/etc/app/client.pem")?;
    /// let key = std::fs::read("/etc/app/client.key")?;
    /// let backend = RedisCache::builder("rediss://cache.example.com").client_certificate(chain, key).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn client_certificate(mut self, chain_pem: impl Into<Vec<u8>>, key_pem: impl Into<Vec<u8>>) -> Self {
        self.tls.client_certificate = Some((chain_pem.into(), key_pem.into()));
        self
    }

    /// Declares that the servers are members of a Redis Cluster: any of them tells of the others, and each
    /// key is asked for where it is. Reads go to primaries too, but see
    /// [`read_from_replicas`](Self::read_from_replicas).
    ///
    /// `incr_version` is not atomic there: the two keys lie on different servers.
    ///
    /// ```
    /// # use cache_redis::RedisCache;
    /// let backend = RedisCache::builder(["redis://node1:6379", "redis://node2:6379"]).cluster().build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[cfg(feature = "cluster")]
    #[must_use]
    pub const fn cluster(mut self) -> Self {
        self.cluster = true;
        self
    }

    /// Sends reads to the replicas of a cluster, at random, and to the primary if none of them answers. Replicas lag:
    /// a value that was just written may not be read yet. For a list of servers without `cluster` this is always so.
    ///
    /// ```
    /// # use cache_redis::RedisCache;
    /// let backend = RedisCache::builder("redis://node1:6379").cluster().read_from_replicas().build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[cfg(feature = "cluster")]
    #[must_use]
    pub const fn read_from_replicas(mut self) -> Self {
        self.read_from_replicas = true;
        self
    }

    /// Checks the settings. No I/O: the first use connects.
    ///
    /// ```
    /// # use cache_core::ErrorKind;
    /// # use cache_redis::RedisCache;
    /// let backend = RedisCache::builder("redis://cache.example.com/1").build()?; // no connection yet
    /// let error = RedisCache::builder("http://cache.example.com").build().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidCacheBackend);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheBackend`](cache_core::ErrorKind::InvalidCacheBackend) for a
    /// location that cannot be read, a user, password or database that is given twice, a time or a
    /// limit of zero, a certificate that cannot be read. The text never holds a password.
    pub fn build(self) -> Result<RedisCache> {
        let limits = self.limits.check()?;
        let (mut servers, mut sentinel) = self.servers.parse()?;
        for server in &mut servers {
            log_in(server, self.user.as_ref(), self.password.as_ref(), self.database)?;
        }
        match &mut sentinel {
            Some(watch) => watch.sentinels.iter_mut().for_each(|server| {
                server.user = self.sentinel_user.clone();
                server.password = self.sentinel_password.clone();
            }),
            None if self.sentinel_user.is_some() || self.sentinel_password.is_some() => {
                return Err(Error::invalid_cache_backend(
                    "sentinel_username and sentinel_password are for a location of sentinels, \
                     redis+sentinel://host/name; leave them out",
                ));
            }
            None => {}
        }
        #[cfg(feature = "cluster")]
        if self.cluster && sentinel.is_some() {
            return Err(Error::invalid_cache_backend(
                "a Redis Cluster has no sentinels; name its members as redis://host, or leave `cluster` out",
            ));
        }
        #[cfg(feature = "cluster")]
        if self.read_from_replicas && !self.cluster {
            return Err(Error::invalid_cache_backend(
                "read_from_replicas is for a Redis Cluster; set `cluster`, or name the replicas behind the primary in the \
                 location: reads go to them then",
            ));
        }
        #[cfg(feature = "cluster")]
        if self.cluster && servers.iter().any(|server| server.database != 0) {
            return Err(Error::invalid_cache_backend(
                "a Redis Cluster has database 0 only; leave the database out of the location",
            ));
        }
        Ok(RedisCache::from_config(Config {
            servers,
            sentinel,
            limits,
            #[cfg(feature = "tls")]
            tls: self.tls.check()?,
            #[cfg(feature = "cluster")]
            cluster: self.cluster,
            #[cfg(feature = "cluster")]
            read_from_replicas: self.read_from_replicas,
        }))
    }
}

/// Gives a server what its URL leaves out. Two values would make it unclear which of them is meant.
fn log_in(
    server: &mut Server,
    user: Option<&String>,
    password: Option<&Secret>,
    database: Option<u32>,
) -> Result<()> {
    let twice = |what| {
        Err(Error::invalid_cache_backend(format!(
            "the {what} is given twice, in the Redis location and as an option; leave one of them out"
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
                "the database {database} is not a Redis database; give a number from 0 on"
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
        Servers::new([url]).parse().unwrap().0.remove(0)
    }

    #[test]
    fn a_log_in_beside_the_location_goes_to_every_server() {
        let (user, password) = ("ada".to_owned(), Secret("p@ss".to_owned()));
        let mut server = one("redis://h");
        log_in(&mut server, Some(&user), Some(&password), Some(3)).unwrap();
        assert_eq!(server, one("redis://ada:p%40ss@h/3"));
        log_in(&mut server, None, None, Some(3)).unwrap();
        assert_eq!(server.database, 3, "the same database twice is not a contradiction");
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
