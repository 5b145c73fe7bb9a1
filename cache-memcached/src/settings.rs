//! `FromSettings`: Django's backend names, URLs and options, and those of other clients that are refused.

use cache_core::{BackendSettings, CacheUrl, Error, FromSettings, Location, Result};

use crate::backend::MemcachedCache;
use crate::builder::MemcachedCacheBuilder;
use crate::servers::{EjectionPolicy, Servers};

const NO_LOGIN: &str = "has a user or a password, and the protocol spoken here has neither; leave it out and \
                        let only the program's machines reach the server";

/// Names of Django's backends over other clients. With one server they find the same entries; with several they
/// spread the keys by other rules.
const SPREAD_OTHERWISE: [(&str, &str); 5] = [
    ("pylibmc", "libmemcached"),
    ("djangopylibmc", "libmemcached"),
    ("django.core.cache.backends.memcached.PyLibMCCache", "libmemcached"),
    ("django_pylibmc.memcached.PyLibMCCache", "libmemcached"),
    ("django.core.cache.backends.memcached.MemcachedCache", "python-memcached"),
];

/// Names of a backend that learns its servers from the one that it is given.
const DISCOVERING: [&str; 2] = ["elasticache", "django_elasticache.memcached.ElastiCache"];

impl FromSettings for MemcachedCache {
    const NAMES: &'static [&'static str] = &[
        "memcached",
        "memcache",
        "pymemcache",
        "pymemcached",
        "pylibmc",
        "djangopylibmc",
        "elasticache",
        "django.core.cache.backends.memcached.PyMemcacheCache",
        "django.core.cache.backends.memcached.PyLibMCCache",
        "django.core.cache.backends.memcached.MemcachedCache",
        "django_pylibmc.memcached.PyLibMCCache",
        "django_elasticache.memcached.ElastiCache",
    ];

    /// Servers separated by commas, or a unix socket by its path.
    fn location_of_url(url: &CacheUrl<'_>) -> Result<Location> {
        // Behind a slash too: in a password that is not percent-encoded.
        if url.authority().contains('@') || (!url.authority().is_empty() && url.path().contains('@')) {
            return Err(Error::invalid_cache_backend(NO_LOGIN));
        }
        match (url.authority(), url.path()) {
            ("", "" | "/") => Ok(Location::Many(Vec::new())),
            ("", _) => Ok(Location::Many(vec![format!("unix:{}", url.decoded()?)])),
            (servers, "" | "/") => Ok(Location::Many(servers.split(',').map(str::to_owned).collect())),
            (_, path) => Err(Error::invalid_cache_backend(format!(
                "has {path:?} behind the servers, which has no meaning here; a prefix is ?key_prefix=name"
            ))),
        }
    }

    fn from_settings(settings: &mut BackendSettings) -> Result<Self> {
        let location = settings.location().cloned().unwrap_or(Location::Many(Vec::new()));
        // Of a URL the builder says that it is one.
        let has_login = |server: &String| server.contains('@') && !server.contains("://");
        let has_login = match &location {
            Location::One(servers) => has_login(servers),
            Location::Many(servers) => servers.iter().any(has_login),
        };
        if has_login {
            return Err(Error::invalid_cache_backend(format!("the location {NO_LOGIN}")));
        }
        promises_no_more(settings.name(), &Servers::new(location.clone()))?;
        of_other_clients(settings)?;
        let mut builder = Self::builder(location);
        builder.limits = builder.limits.with_settings(settings)?;
        if let Some(bytes) = settings.number("max_inflated")? {
            builder = builder.max_inflated(bytes);
        }
        with_ejection(builder, settings)?.build()
    }
}

/// Refuses a name under which a Django project would ask other servers for the same keys.
fn promises_no_more(name: &str, servers: &Servers) -> Result<()> {
    if DISCOVERING.contains(&name) {
        return Err(Error::invalid_cache_backend(format!(
            "the backend {name:?} asks a configuration endpoint for its servers and spreads keys by libmemcached's rules, which this backend does not support; name each node under \"memcached\", and in Django under PyMemcacheCache"
        )));
    }
    let Some((_, client)) = SPREAD_OTHERWISE.iter().find(|(theirs, _)| *theirs == name) else {
        return Ok(());
    };
    let count = servers.parse()?.len();
    if count == 1 {
        return Ok(());
    }
    Err(Error::invalid_cache_backend(format!(
        "the backend {name:?} spreads keys over its {count} servers by the rules of {client}, but this backend follows pymemcache: it would look for most keys on another server than Django. Name one server, or use PyMemcacheCache in Django and \"memcached\" here"
    )))
}

/// The options of pymemcache and pylibmc, as a Django project has them.
fn of_other_clients(settings: &mut BackendSettings) -> Result<()> {
    settings.alias("timeout", "operation_timeout")?;
    settings.alias("max_pool_size", "max_connections")?;
    for (theirs, value, why) in [
        ("use_pooling", true, "connections are always pooled"),
        ("no_delay", true, "connections never wait for more to send"),
        ("allow_unicode_keys", true, "keys are UTF-8"),
        ("default_noreply", false, "every reply is read"),
    ] {
        settings.expect_value(theirs, value, why)?;
    }
    for theirs in ["serde", "serializer", "deserializer"] {
        settings
            .refuse(theirs, "values are written by the cache's codec; set \"codec\" beside the options")?;
    }
    settings.refuse("ignore_exc", "set on_error = \"fallback\" beside the options")?;
    settings.refuse("key_prefix", "set \"key_prefix\" beside the options")?;
    for theirs in ["max_entries", "cull_frequency"] {
        settings.refuse(theirs, "the server decides when it is full, by the memory it was started with")?;
    }
    for theirs in ["username", "password"] {
        settings.refuse(theirs, "the protocol spoken here has no log-in; leave it out")?;
    }
    for theirs in ["binary", "behaviors"] {
        settings.refuse(theirs, "it is pylibmc's; leave it out")?;
    }
    settings.refuse("tls_context", "the protocol is spoken without TLS")
}

/// pymemcache's rules by its names; to give one of them is to ask for ejection.
fn with_ejection(
    builder: MemcachedCacheBuilder,
    settings: &mut BackendSettings,
) -> Result<MemcachedCacheBuilder> {
    let asked = settings.flag("ejection")?;
    let attempts = settings.number("retry_attempts")?;
    let retry = settings.duration("retry_timeout")?;
    let dead = settings.duration("dead_timeout")?;
    let has_rules = attempts.is_some() || retry.is_some() || dead.is_some();
    if asked == Some(false) && has_rules {
        return Err(Error::invalid_cache_backend(
            "the option \"ejection\" is false, and retry_attempts, retry_timeout or dead_timeout says how it \
             works; leave them out, or ejection",
        ));
    }
    if !asked.unwrap_or(has_rules) {
        return Ok(builder);
    }
    let rules = EjectionPolicy::default();
    Ok(builder.ejection(EjectionPolicy {
        retry_attempts: attempts.unwrap_or(rules.retry_attempts),
        retry_timeout: retry.unwrap_or(rules.retry_timeout),
        dead_timeout: dead.unwrap_or(rules.dead_timeout),
    }))
}
