//! Locations: the URL of another store is refused by every backend, and no text shows a password.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use polycache::{CachesBuilder, DatabaseCache, ErrorKind, FileCache, MemcachedCache, RedisCache, Setting};

/// In each location the password is `hunter2`, or `hunter%32`.
const LOCATIONS: [&str; 14] = [
    "redis://:hunter2@h",
    "REDIS://:hunter2@h:6379/1",
    " rediss://user:hunter2@h",
    "memcached://user:hunter2@h:11211",
    "file:///var/tmp/hunter2",
    "sqlite:///hunter2",
    "locmem://hunter2",
    "http://h/?password=hunter2",
    "https://user:hunter%32@h",
    "postgres://user:hunter2@h/db",
    "mysql+pymysql://user:hunter2@h/db",
    "\"redis://:hunter2@h\"",
    "hunter2://h",
    "ws://hunter2",
];

fn one(backend: &str, location: Setting) -> CachesBuilder {
    let mut entries = vec![("backend".to_owned(), backend.into()), ("location".to_owned(), location)];
    if backend.ends_with("DatabaseCache") {
        let path = ("path".to_owned(), "cache.db".into());
        entries.push(("options".to_owned(), Setting::Table(vec![path])));
    }
    let caches = Setting::Table(vec![("default".to_owned(), Setting::Table(entries))]);
    common::registered().settings(caches)
}

/// What is said of settings that must not be taken.
fn refused(builder: CachesBuilder, what: &str) -> String {
    let Err(error) = builder.build() else { panic!("{what} was taken") };
    assert_eq!(error.kind(), ErrorKind::InvalidCacheBackend, "{what}");
    let shown = format!("{error} {error:?} {error:#?}");
    assert!(!shown.contains("hunter"), "{what}: {shown}");
    shown
}

#[test]
fn every_backend_refuses_the_url_of_another_store() {
    for backend in [
        "locmem",
        "file",
        "django.core.cache.backends.filebased.FileBasedCache",
        "sqlite",
        "django.core.cache.backends.db.DatabaseCache",
        "memcached",
        "django.core.cache.backends.memcached.PyMemcacheCache",
        "redis",
        "django.core.cache.backends.redis.RedisCache",
    ] {
        for location in LOCATIONS {
            let own = backend.to_lowercase().contains("redis")
                && location.trim().to_lowercase().starts_with("redis");
            if own {
                continue;
            }
            let what = format!("{backend} with {location}");
            let said = refused(one(backend, location.into()), &what);
            if !backend.to_lowercase().contains("redis") && location.contains("postgres") {
                assert!(said.contains("PostgreSQL is not supported yet"), "{said}");
            }
            for list in [vec![location.into()], vec!["127.0.0.1:11211".into(), location.into()]] {
                refused(one(backend, Setting::List(list)), &format!("{what} in a list"));
            }
        }
    }
    assert!(!std::path::Path::new("redis:").exists(), "nothing of that name was made");
}

/// A cache is switched off by its backend alone, as in Django.
#[test]
fn the_dummy_takes_any_location() {
    for location in LOCATIONS {
        one("dummy", location.into()).build().unwrap();
    }
}

#[test]
fn builders_refuse_them_too() {
    for location in LOCATIONS {
        let files = FileCache::builder(location);
        let database = DatabaseCache::builder(location);
        let memcached = MemcachedCache::builder(location);
        let shown = format!("{files:?} {database:?} {memcached:?} {files:#?} {database:#?} {memcached:#?}");
        assert!(!shown.contains("hunter"), "{shown}");
        let table = DatabaseCache::builder("cache.db").table(location);
        let errors = [
            files.build().unwrap_err(),
            database.build().unwrap_err(),
            table.build().unwrap_err(),
            memcached.build().unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::InvalidCacheBackend);
            assert!(!format!("{error} {error:?} {error:#?}").contains("hunter"), "{error}");
        }
        if !location.trim().to_lowercase().starts_with("redis") {
            assert!(RedisCache::builder(location).build().is_err(), "{location}");
        }
    }
}

#[test]
fn a_log_in_where_there_is_none_is_refused_and_not_shown() {
    for url in [
        "locmem://user:hunter2@h",
        "file://user:hunter2@h/tmp",
        "file://user:hun/ter2@h/tmp",
        "sqlite://user:hunter2@h/c.db",
        "dbcache://user:hunter2@h?path=c.db",
        "memcached://user:hunter2@h",
        "memcached://user:hunter%32@h",
        "memcached://h,user:hunter2/x@i",
        "postgresql://user:hunter2@h/db",
        "redis://:hun,ter2@h",
        "redis://user:hunter2,x@h/1",
        "redis://a,b:hunter2@h",
        "redis://:hunter2@a,redis://:hunter2@b",
        "redis://:hunter2@a;redis://:hunter2@b",
        "'redis://:hunter2@h'",
    ] {
        let said = refused(common::registered().url("default", url), url);
        assert!(!said.contains("ter2@") && !said.contains("hun"), "{url}: {said}");
    }
}

#[test]
fn a_path_and_a_name_are_taken_as_before() {
    for (backend, location) in [
        ("locmem", "shop:pages"),
        ("file", "relative/dir"),
        ("file", "/var/tmp/redis://h"),
        ("sqlite", "./cache.db"),
        ("memcached", "h1:11211;unix:/run/m.sock"),
        ("redis", "redis://:secret@a:1,REDISS://b;valkey://c"),
    ] {
        one(backend, location.into()).build().unwrap_or_else(|e| panic!("{backend} {location}: {e}"));
    }
    for url in ["redis://:pw@a,b", "redis://u:p%2Cw@a,u:p%2Cw@b", "redis://a,b", "locmem://a%40b"] {
        common::registered().url("default", url).build().unwrap_or_else(|e| panic!("{url}: {e}"));
    }
}
