//! The names of Django's backends over other clients: one that means what is done here is taken, one that promises
//! more is refused by an error that says why and what to write.

#![cfg(feature = "settings")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use cache_core::{Caches, Error, ErrorKind};
use cache_memcached::MemcachedCache;

/// Each name, and the client whose rules spread keys in Django.
const SPREAD_OTHERWISE: [(&str, &str); 5] = [
    ("django.core.cache.backends.memcached.PyLibMCCache", "libmemcached"),
    ("django_pylibmc.memcached.PyLibMCCache", "libmemcached"),
    ("django.core.cache.backends.memcached.MemcachedCache", "python-memcached"),
    ("pylibmc", "libmemcached"),
    ("djangopylibmc", "libmemcached"),
];

const SPREAD_AS_HERE: [&str; 5] = [
    "django.core.cache.backends.memcached.PyMemcacheCache",
    "memcached",
    "memcache",
    "pymemcache",
    "pymemcached",
];

/// A way to write two servers down. No server is asked.
const TWO: [&str; 4] =
    ["\"h1:11211,h2:11211\"", "\"h1;h2\"", "[\"h1:11211\", \"h2:11211\"]", "[\"h1\", \"unix:/run/m.sock\"]"];

/// One server, also where it is named twice.
const ONE: [&str; 4] = ["\"h1:11211\"", "[\"h1\"]", "\"unix:/run/m.sock\"", "[\"h1:11211\", \"h1\"]"];

/// As Django's settings name it.
fn of_django(backend: &str, location: &str) -> Result<(), Error> {
    let json = format!(r#"{{"default": {{"BACKEND": "{backend}", "LOCATION": {location}}}}}"#);
    built(Caches::builder().backend::<MemcachedCache>().json(&json).build())
}

/// As a URL.
fn of_url(url: &str) -> Result<(), Error> {
    built(Caches::builder().backend::<MemcachedCache>().url("default", url).build())
}

fn built(caches: Result<Caches, Error>) -> Result<(), Error> {
    caches?.default_cache().map(drop)
}

/// The error is of the settings, and its text has each of `words`.
fn is_refused(what: &str, made: Result<(), Error>, words: &[&str]) {
    let Err(error) = made else { panic!("{what}: expected an error, and it is accepted") };
    assert_eq!(error.kind(), ErrorKind::InvalidCacheBackend, "{what}: {error}");
    for word in words {
        assert!(error.to_string().contains(word), "{what}: expected {word:?} in: {error}");
    }
}

#[test]
fn several_servers_under_a_name_that_spreads_keys_otherwise() {
    for (name, client) in SPREAD_OTHERWISE {
        for servers in TWO {
            let words =
                ["cache \"default\"", name, "2 servers", client, "Name one server", "PyMemcacheCache"];
            is_refused(&format!("{name} at {servers}"), of_django(name, servers), &words);
        }
    }
    for scheme in ["pylibmc", "djangopylibmc"] {
        let words = [scheme, "3 servers", "libmemcached", "Name one server", "PyMemcacheCache"];
        let url = format!("{scheme}://h1:11211,h2:11211,h3");
        is_refused(&url, of_url(&url), &words);
    }
}

#[test]
fn one_server_has_all_keys_under_each_name() {
    for (name, _) in SPREAD_OTHERWISE {
        for server in ONE {
            of_django(name, server).unwrap_or_else(|e| panic!("{name} at {server}: {e}"));
        }
    }
    of_url("pylibmc://h1:11211").unwrap();
}

#[test]
fn several_servers_under_a_name_that_spreads_keys_as_here() {
    for name in SPREAD_AS_HERE {
        for servers in TWO {
            of_django(name, servers).unwrap_or_else(|e| panic!("{name} at {servers}: {e}"));
        }
    }
    of_url("pymemcache://h1:11211,h2:11211").unwrap();
}

/// They ask the one server that is named for the others, which is not done here.
#[test]
fn a_name_that_discovers_its_servers() {
    let endpoint = "my.cfg.cache.example.com:11211";
    let words = ["configuration endpoint", "libmemcached", "name each node under \"memcached\""];
    for name in ["django_elasticache.memcached.ElastiCache", "elasticache"] {
        for location in [format!("\"{endpoint}\""), "[\"h1\", \"h2\"]".to_owned()] {
            is_refused(&format!("{name} at {location}"), of_django(name, &location), &words);
        }
    }
    is_refused("its URL", of_url(&format!("elasticache://{endpoint}")), &words);
}

/// Options that the other clients understand, and nothing here does what they promise.
#[test]
fn an_option_that_promises_more() {
    for (option, way_out) in [
        (r#""binary": true"#, "leave it out"),
        (r#""behaviors": {"ketama": true}"#, "leave it out"),
        (r#""ignore_exc": true"#, "on_error"),
        (r#""tls_context": {}"#, "without TLS"),
        (r#""username": "app""#, "leave it out"),
        (r#""serde": "json""#, "codec"),
        (r#""default_noreply": true"#, "every reply is read"),
    ] {
        let json = format!(
            r#"{{"default": {{"BACKEND": "django.core.cache.backends.memcached.PyLibMCCache", "LOCATION": "h1", "OPTIONS": {{{option}}}}}}}"#
        );
        let made = built(Caches::builder().backend::<MemcachedCache>().json(&json).build());
        let name = option.split('"').nth(1).unwrap();
        is_refused(option, made, &["cache \"default\"", name, way_out]);
    }
}
