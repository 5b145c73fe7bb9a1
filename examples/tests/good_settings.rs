//! Settings that every backend takes, in all the forms they come in.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::fmt::Write as _;
use std::sync::Arc;

use polycache::{Caches, Compat, DEFAULT_TIMEOUT, Setting, Timeout};

fn by_url(url: &str) -> Caches {
    common::registered().url("default", url).build().unwrap_or_else(|e| panic!("{url}: {e}"))
}

#[test]
fn a_dump_of_djangos_caches_is_taken_as_it_is() {
    let dump = r#"{
      "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "dump-default", "TIMEOUT": null, "KEY_PREFIX": "site", "VERSION": 2,
        "KEY_FUNCTION": "shop.keys.by_tenant", "OPTIONS": {"MAX_ENTRIES": 2, "CULL_FREQUENCY": 2}
      },
      "files": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": "/var/tmp/django_cache", "TIMEOUT": 60, "OPTIONS": {"MAX_ENTRIES": 1000}
      },
      "table": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "my_cache_table", "OPTIONS": {"MAX_ENTRIES": 1000, "CULL_FREQUENCY": 0}
      },
      "memcached": {
        "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
        "LOCATION": ["172.19.26.240:11211", "172.19.26.242:11212"], "KEY_FUNCTION": null,
        "OPTIONS": {
          "no_delay": true, "max_pool_size": 4, "use_pooling": true, "connect_timeout": 0.5, "timeout": 1,
          "retry_attempts": 1, "dead_timeout": 30
        }
      },
      "pylibmc": {
        "BACKEND": "django.core.cache.backends.memcached.PyLibMCCache", "LOCATION": "/tmp/memcached.sock"
      },
      "redis": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": ["redis://127.0.0.1:6379", "redis://127.0.0.1:6378"],
        "OPTIONS": {"db": "10", "username": "u", "password": "p@ss", "socket_timeout": 0.25, "max_connections": 9}
      },
      "django_redis": {
        "BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://127.0.0.1:6379/1",
        "OPTIONS": {"CLIENT_CLASS": "django_redis.client.DefaultClient", "SOCKET_CONNECT_TIMEOUT": 5}
      },
      "dummy": {"BACKEND": "django.core.cache.backends.dummy.DummyCache", "LOCATION": "any"}
    }"#;
    for text in [dump.to_owned(), format!("{{\"DEBUG\": false, \"CACHES\": {dump}}}")] {
        let caches = common::registered().database("/var/tmp/app.db").json(&text).build().unwrap();
        let aliases: Vec<&str> = caches.aliases().collect();
        let expected =
            ["default", "files", "table", "memcached", "pylibmc", "redis", "django_redis", "dummy"];
        assert_eq!(aliases, expected, "in the order of the dump");
        let cache = caches.default_cache().unwrap();
        assert_eq!(cache.make_key("k").unwrap(), "t7/site/2/k");
        for key in ["a", "b", "c", "d"] {
            cache.set(key, &1, DEFAULT_TIMEOUT).unwrap();
        }
        assert_eq!(cache.backend().entries().unwrap(), Some(2), "MAX_ENTRIES");
        cache.clear().unwrap();
        assert!(format!("{cache:?}").contains("timeout: Never"), "{cache:?}");
    }
}

#[test]
fn toml_json_and_any_serde_source_mean_the_same() {
    let toml = "[caches.default]\nbackend = \"locmem\"\nlocation = \"forms\"\ntimeout = \"1h30m\"\nkey_prefix = \"p\"\nversion = 3\n\
                key_policy = \"refuse\"\non_error = \"fallback\"\ncodec = \"json\"\nalso_decode = [\"messagepack\"]\n\
                [caches.default.options]\nmax_entries = \"unlimited\"\ncull_frequency = 4";
    let tree: Setting = serde_json::from_str(
        r#"{"CACHES": {"default": {"BACKEND": "locmem", "LOCATION": "forms", "TIMEOUT": 5400, "KEY_PREFIX": "p", "VERSION": "3",
            "key_policy": "refuse", "on_error": "fallback", "codec": "json", "also_decode": "messagepack",
            "OPTIONS": {"MAX_ENTRIES": "unlimited", "CULL_FREQUENCY": 4}}}}"#,
    )
    .unwrap();
    let url = "locmem://forms?timeout=5400&key_prefix=p&version=3&key_policy=refuse&on_error=fallback&codec=json\
               &also_decode=messagepack&max_entries=unlimited&cull_frequency=4&";
    let of_toml = common::registered().toml(toml).build().unwrap();
    let of_tree = common::registered().settings(tree).build().unwrap();
    for caches in [of_toml, of_tree, by_url(url)] {
        let cache = caches.default_cache().unwrap();
        assert_eq!(cache.make_key("k").unwrap(), "p:3:k");
        assert!(cache.set("a blank", &1, DEFAULT_TIMEOUT).is_err(), "refused");
        assert!(format!("{cache:?}").contains("timeout: After(5400s)"), "{cache:?}");
        assert!(!cache.backend().capabilities().evicting, "unlimited");
    }
}

#[test]
fn the_eviction_is_chosen_by_name() {
    for (name, lru) in [("lru", true), ("s3fifo", false)] {
        let caches = by_url(&format!("locmem://evicts-by-{name}?eviction={name}"));
        assert_eq!(caches.default_cache().unwrap().backend().capabilities().lru, lru);
    }
}

#[test]
fn a_codec_is_chosen_by_name() {
    let text = |codec: &str| {
        let url = format!("locmem://codec-by-name?codec={codec}&also_decode=messagepack,json");
        by_url(&url).default_cache().unwrap()
    };
    let (json, packed) = (text("json"), text("messagepack"));
    json.set("k", &vec![1.5, 2.5], DEFAULT_TIMEOUT).unwrap();
    assert_eq!(packed.get::<Vec<f64>>("k").unwrap().unwrap(), [1.5, 2.5], "also_decode");
    let alone = by_url("locmem://codec-by-name").default_cache().unwrap();
    assert!(alone.get::<Vec<f64>>("k").is_err(), "JSON was written");
}

#[test]
fn a_url_in_common_with_django_environ_makes_its_keys() {
    let made = |caches: &Caches| caches.default_cache().unwrap().make_key("k").unwrap();
    let query = "key_prefix=shop&version=7&timeout=5m";
    let as_django =
        |url: &str| common::registered().compat(Compat::DjangoEnviron).url("default", url).build().unwrap();
    for scheme in ["redis", "rediss", "rediscache"] {
        let url = format!("{scheme}://h/1?{query}");
        assert_eq!(made(&by_url(&url)), "shop:7:k");
        assert_eq!(made(&as_django(&url)), ":1:k");
    }
    // Every other backend of Django reads what django-environ writes.
    assert_eq!(made(&as_django(&format!("pymemcache://h?{query}"))), "shop:7:k");
    let url = format!("redis://h/1?{query}");
    // Django looks for this one in lower case too.
    assert!(format!("{:?}", as_django(&url).default_cache().unwrap()).contains("300s"));
    let table = format!("[default]\nurl = \"{url}\"\ncompat = \"django-environ\"\nversion = 3");
    let error = common::registered().toml(&table).build().unwrap_err().to_string();
    assert!(error.contains("\"version\" is given in the URL and beside it"), "{error}");
    let table = format!("[default]\nurl = \"{url}\"\ncompat = \"django-environ\"");
    assert_eq!(made(&common::registered().toml(&table).build().unwrap()), ":1:k");
}

#[test]
fn one_cache_each_time_made_on_first_use() {
    let caches = by_url("map://?capacity=8");
    let (one, same) = (caches.default_cache().unwrap(), caches.clone().default_cache().unwrap());
    assert!(Arc::ptr_eq(one.backend(), same.backend()));
    let fresh = by_url("map://");
    std::thread::scope(|scope| {
        let made: Vec<_> = (0..8).map(|_| scope.spawn(|| fresh.default_cache().unwrap())).collect();
        let made: Vec<_> = made.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(made.iter().all(|cache| Arc::ptr_eq(cache.backend(), made[0].backend())));
    });
    caches.close_all().unwrap();
    one.set("k", &1, Timeout::Never).unwrap();
    assert_eq!(same.get::<i64>("k").unwrap(), Some(1), "a closed cache opens again");
}

#[test]
fn a_later_source_replaces_a_cache_as_a_whole() {
    let variables = [
        ("CACHE_URL", "locmem://?version=7"),
        ("CACHE_API_V2_URL", "dummy://"),
        ("CACHE_DIR", "/tmp"),
        ("OTHER_CACHE_URL", "x"),
        ("CACHE__URL", "x"),
    ];
    let caches = common::registered()
        .toml("[default]\nbackend = \"locmem\"\nkey_prefix = \"p\"\n[sessions]\nurl = \"locmem://sessions\"")
        .variables(variables.map(|(name, value)| (name.into(), value.into())))
        .build()
        .unwrap();
    assert_eq!(caches.aliases().collect::<Vec<_>>(), ["default", "sessions", "api_v2"]);
    assert_eq!(caches.default_cache().unwrap().make_key("k").unwrap(), ":7:k");
}

/// Each line is one location: what is written by its first URL is read by all others.
#[test]
fn urls_of_stores_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap();
    let lines = [
        vec!["locmem://urls-of-stores".to_owned(), "locmemcache://urls-of-stores".to_owned()],
        vec!["locmem://".to_owned(), "locmemcache://".to_owned(), "LOCMEM://?timeout=None".to_owned()],
        vec![
            format!("file://{dir}/a%20directory"),
            format!("filecache://{dir}/a%20directory?lock_timeout=1s&max_entries=9"),
        ],
        vec![
            format!("sqlite://{dir}/c.db?table=t"),
            format!("sqlite3:///{dir}/c.db?table=t&busy_timeout=500ms"),
            format!("db://t?path={dir}/c.db"),
            format!("dbcache://t?path={dir}/c.db"),
        ],
        vec![format!("sqlite://{dir}/d.db"), format!("db://cache?path={dir}/d.db")],
    ];
    for urls in &lines {
        let writer = by_url(&urls[0]).default_cache().unwrap();
        writer.set("k", &urls[0], DEFAULT_TIMEOUT).unwrap();
        for url in urls {
            let read: Option<String> = by_url(url).default_cache().unwrap().get("k").unwrap();
            assert_eq!(read.as_deref(), Some(&*urls[0]), "{url}");
        }
    }
    assert!(std::fs::exists(format!("{dir}/a directory")).unwrap());
}

/// Nothing is sent: these name servers that are not there.
#[test]
fn urls_of_servers_are_taken_without_io() {
    let mut problems = String::new();
    for url in [
        "dummy://",
        "dummycache://?max_entries=5",
        "memcached://h1:11211,h2:11211,[::1]:11211?max_connections=4&ejection=true",
        "memcache://127.0.0.1:11211",
        "pymemcache://127.0.0.1:11211/?key_prefix=ci",
        "pymemcached:///run/memcached.sock",
        "pylibmc://127.0.0.1",
        "djangopylibmc://127.0.0.1:11211?operation_timeout=500ms&connect_timeout=0.2&pool_wait=0",
        "pylibmc://127.0.0.1:11211,127.0.0.1:11211",
        "redis://",
        "redis:///3",
        "redis://app:p%40ss@h:6379/1?timeout=5m&operation_timeout=250ms",
        "redis://primary:6379,replica:6379/1",
        "redis://h/0?db=4&username=u&password=a%26b",
        "rediss://h:6380/0",
        "rediscache://h:6379/1",
        "hiredis:///run/redis.sock/1",
        "redis:///run/redis.sock?db=1",
        "unix:///run/redis.sock?password=secret",
        "redis+socket:///run/redis.sock",
        "redis+unix:///run/redis.sock",
        "valkey://h",
        "valkeys://h",
        "valkey+unix:///run/valkey.sock",
        "map://?capacity=5&key_function=shop.keys.by_tenant",
    ] {
        if let Err(e) = common::registered().url("default", url).build() {
            writeln!(problems, "{url}: {e}").unwrap();
        }
    }
    assert!(problems.is_empty(), "{problems}");
}
