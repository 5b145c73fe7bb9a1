//! The Redis backend by settings.

use cache_core::{BackendSettings, CacheUrl, Error, FromSettings, Location, Result};

use crate::backend::RedisCache;
use crate::location::{Secret, Servers};

impl FromSettings for RedisCache {
    const NAMES: &'static [&'static str] = &[
        "redis",
        "rediss",
        "rediscache",
        "hiredis",
        "valkey",
        "valkeys",
        "unix",
        "redis+unix",
        "redis+socket",
        "redis+sentinel",
        "rediss+sentinel",
        "valkey+sentinel",
        "valkeys+sentinel",
        "valkey+unix",
        "django.core.cache.backends.redis.RedisCache",
        "django_redis.cache.RedisCache",
        "redis_cache.RedisCache",
        "redis_cache.cache.RedisCache",
    ];

    /// One URL for each host: each has the user and password that stand with it.
    fn location_of_url(url: &CacheUrl<'_>) -> Result<Location> {
        let scheme = url.scheme().to_ascii_lowercase();
        let tls = is_tls(&scheme);
        let (authority, path) = (url.authority(), url.path());
        if scheme.ends_with("+sentinel") {
            return Ok(Location::Many(vec![format!("{scheme}://{authority}{path}")]));
        }
        let of_socket = scheme == "unix" || scheme.contains('+');
        if of_socket && !authority.is_empty() {
            return Err(Error::invalid_cache_backend(
                "names a host where a unix socket is meant; write it with three slashes, unix:///run/redis.sock",
            ));
        }
        if of_socket || (authority.is_empty() && !is_database(path)) {
            if tls {
                return Err(Error::invalid_cache_backend(
                    "names a unix socket, which has no TLS; write redis:///run/redis.sock or name a host",
                ));
            }
            // As django-cache-url writes the database of a socket.
            return Ok(Location::Many(vec![match path.rsplit_once('/') {
                Some((socket, database)) if !socket.is_empty() && is_number(database) => {
                    format!("unix://{socket}?db={database}")
                }
                _ => format!("unix://{path}"),
            }]));
        }
        if has_comma_in_login(authority) {
            return Err(Error::invalid_cache_backend(
                "has a server without a user and password before one that has them; write a comma in a password \
                 as %2C, or, if several servers are meant, give each its user and password, or give them as the \
                 options username and password",
            ));
        }
        let scheme = if tls { "rediss" } else { "redis" };
        Ok(Location::Many(authority.split(',').map(|host| format!("{scheme}://{host}{path}")).collect()))
    }

    fn from_settings(settings: &mut BackendSettings) -> Result<Self> {
        let location = settings.location().cloned().unwrap_or(Location::Many(Vec::new()));
        let servers = Servers::new(location.clone());
        if is_tls(settings.name()) && !servers.all_are_tls() {
            return Err(Error::invalid_cache_backend(format!(
                "the backend {:?} asks for TLS, and the location names a server without; write rediss:// there",
                settings.name()
            )));
        }
        let database = settings.number("db")?;
        if settings.name().starts_with("redis_cache.") {
            if database.is_none() && !servers.all_name_a_database() {
                return Err(Error::invalid_cache_backend(format!(
                    "the backend {:?} means database 1 if the location names none, but here that is database 0; name it, as redis://localhost:6379/1 or as the option db",
                    settings.name()
                )));
            }
            settings
                .refuse("master_cache", "the first server of the location takes the writes; name it first")?;
        }
        of_other_clients(settings)?;
        let mut builder = Self::builder(location);
        builder.limits = builder.limits.with_settings(settings)?;
        builder.user = settings.text("username")?;
        builder.password = settings.text("password")?.map(Secret);
        builder.sentinel_user = settings.text("sentinel_username")?;
        builder.sentinel_password = settings.text("sentinel_password")?.map(Secret);
        builder.database = database;
        #[cfg(feature = "cluster")]
        {
            builder.cluster = settings.flag("cluster")? == Some(true);
            builder.read_from_replicas = settings.flag("read_from_replicas")? == Some(true);
        }
        #[cfg(feature = "tls")]
        {
            builder.tls.root_certificates = settings.text("root_certificates")?.map(String::into_bytes);
            let (chain, key) = (settings.text("client_certificate")?, settings.text("client_key")?);
            if chain.is_some() != key.is_some() {
                return Err(Error::invalid_cache_backend(
                    "the options client_certificate and client_key belong together; give both, or neither",
                ));
            }
            builder.tls.client_certificate = chain.zip(key).map(|(chain, key)| (chain.into(), key.into()));
        }
        builder.build()
    }
}

/// The options of redis-py and django-redis, as a Django project has them, and features that are
/// not compiled in.
fn of_other_clients(settings: &mut BackendSettings) -> Result<()> {
    settings.alias("socket_timeout", "operation_timeout")?;
    settings.alias("socket_connect_timeout", "connect_timeout")?;
    let default_client = "django_redis.client.DefaultClient";
    settings.expect_value("client_class", default_client, "there is one client")?;
    settings.refuse(
        "serializer",
        "values are written by the cache's codec; set \"codec\" beside the options: \"pickle\" for \
         PickleSerializer, \"json\" for JSONSerializer",
    )?;
    settings.refuse(
        "compressor",
        "values are written by the cache's codec, without compression; what the ZlibCompressor wrote is \
         read by the codec `Zlib`, once the program registers one",
    )?;
    settings.refuse("ignore_exceptions", "set on_error = \"fallback\" beside the options")?;
    settings.refuse("connection_pool_kwargs", "put what it says among the options themselves")?;
    for theirs in
        ["pool_class", "connection_pool_class", "connection_class", "parser_class", "redis_client_class"]
    {
        settings.refuse(theirs, "connections and replies are this backend's own matter; leave it out")?;
    }
    for theirs in ["socket_keepalive", "health_check_interval", "retry_on_timeout", "retry"] {
        settings.refuse(theirs, "a call has one time limit, operation_timeout; leave it out")?;
    }
    for theirs in ["ssl_ca_certs", "ssl_certfile", "ssl_keyfile"] {
        settings.refuse(
            theirs,
            "no file is read when a cache is made; give the PEM text itself as root_certificates, or as \
             client_certificate and client_key",
        )?;
    }
    settings.refuse("ssl_cert_reqs", "the server's certificate is always checked; leave it out")?;
    for theirs in ["max_entries", "cull_frequency"] {
        settings.refuse(theirs, "the server decides when it is full, by its maxmemory")?;
    }
    #[cfg(not(feature = "cluster"))]
    for ours in ["cluster", "read_from_replicas"] {
        settings.refuse(
            ours,
            "this program was built without the feature `cluster` of polycache or cache-redis",
        )?;
    }
    #[cfg(not(feature = "tls"))]
    for ours in ["root_certificates", "client_certificate", "client_key"] {
        settings
            .refuse(ours, "this program was built without the feature `tls` of polycache or cache-redis")?;
    }
    Ok(())
}

fn is_tls(name: &str) -> bool {
    matches!(name, "rediss" | "valkeys")
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether a comma that separates servers may belong to a password: a server without a log-in stands before one
/// that has a log-in.
fn has_comma_in_login(authority: &str) -> bool {
    let mut servers = authority.split(',').skip_while(|server| server.contains('@'));
    servers.any(|server| server.contains('@'))
}

/// Whether a path without a host is one of the local server: nothing, or a database.
fn is_database(path: &str) -> bool {
    let path = path.trim_start_matches('/');
    path.is_empty() || is_number(path)
}
