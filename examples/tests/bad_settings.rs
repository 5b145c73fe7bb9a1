//! Bad settings and the errors they cause: `bad_settings.txt` has every pair, for a person to read.
//! `SNAPSHOTS=write cargo test -p examples --features servers --test bad_settings` writes it again.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::fmt::Write as _;

use polycache::{CachesBuilder, ErrorKind};

/// How a string is given to the program.
#[derive(Clone, Copy)]
enum Form {
    Toml,
    Json,
    Url,
    Environment,
    File,
}

use Form::{Environment, File, Json, Toml, Url};

const CASES: &[(Form, &str)] = &[
    // Names that nobody knows.
    (Toml, "[caches.default]\nbackend = \"redsi\""),
    (Toml, "[caches.default]\nbackend = \"django.core.cache.backends.locmem.LocmemCache\""),
    (Toml, "[caches.default]\nbackend = \"locmem\"\nkey_perfix = \"shop\""),
    (Toml, "[caches.default]\nbackend = \"locmem\"\nmax_entries = 10"),
    (Toml, "[caches.default]\nbackend = \"locmem\"\noptions = { max_entrys = 10 }"),
    (Toml, "[caches.default]\nbackend = \"locmem\"\nkey_function = \"by_tenant\""),
    (Toml, "[caches.default]\nbackend = \"locmem\"\nkey_validator = \"ascii\""),
    (Toml, "[caches.default]\nbackend = \"locmem\"\ncodec = \"pickel\""),
    (Toml, "[caches.default]\nbackend = \"locmem\"\nalso_decode = [\"yaml\"]"),
    (Toml, "[caches.default]\nbackend = \"map\"\noptions = { shards = 4 }"),
    (Url, "postgres://localhost/db"),
    (Url, "locmem://name?max_entrys=10"),
    (Url, "redis://h:6379/0?socket_timout=2"),
    (Url, "dummy://?table=t"),
    // Values that cannot be meant.
    (Toml, "[caches.default]\nbackend = \"locmem\"\ntimeout = \"5 minutes\""),
    (Toml, "[caches.default]\nbackend = \"locmem\"\ntimeout = true"),
    (Url, "locmem://?timeout=soon"),
    (Toml, "[caches.default]\nbackend = \"locmem\"\nversion = \"two\""),
    (Toml, "[caches.default]\nbackend = \"locmem\"\nversion = 1.5"),
    (Toml, "[caches.default]\nbackend = \"locmem\"\nkey_prefix = \"shop:1\""),
    (Toml, "[caches.default]\nbackend = \"locmem\"\nkey_prefix = 7"),
    (Toml, "[caches.default]\nbackend = \"locmem\"\non_error = \"ignore\""),
    (Toml, "[caches.default]\nbackend = \"locmem\"\nkey_policy = \"strict\""),
    (Toml, "[caches.default]\nurl = \"memcached://h\"\nkey_policy = \"warn\""),
    (Toml, "[caches.default]\nbackend = \"locmem\"\noptions = { max_entries = 0 }"),
    (Toml, "[caches.default]\nbackend = \"locmem\"\noptions = { max_entries = \"many\" }"),
    (Toml, "[caches.default]\nbackend = \"locmem\"\noptions = { max_entries = -1 }"),
    (Toml, "[caches.default]\nbackend = \"locmem\"\noptions = { cull_frequency = 9999999999 }"),
    (Toml, "[caches.default]\nbackend = \"locmem\"\noptions = { cull_frequency = 0.5 }"),
    (Toml, "[caches.default]\nbackend = \"locmem\"\noptions = { eviction = \"lfu\" }"),
    (Toml, "[caches.default]\nbackend = \"locmem\"\noptions = \"max_entries=10\""),
    (
        Toml,
        "[caches.default]\nbackend = \"file\"\nlocation = \"/var/tmp/c\"\noptions = { lock_timeout = \"long\" }",
    ),
    (Url, "sqlite:///var/lib/cache.db?layout=djang"),
    (Url, "file:///var/tmp/cache?layout=djang"),
    (Url, "redis://h/1?key_prefix=shop&compat=django-environ"),
    (Toml, "[caches.default]\nurl = \"redis://h/1?key_prefix=shop\"\ncompat = \"django-cache-url\""),
    (
        Toml,
        "[caches.default]\nbackend = \"redis\"\noptions = { SERIALIZER = \"django_redis.serializers.json.JSONSerializer\" }",
    ),
    (
        Toml,
        "[caches.default]\nbackend = \"redis\"\noptions = { COMPRESSOR = \"django_redis.compressors.zlib.ZlibCompressor\" }",
    ),
    // Locations.
    (Toml, "[caches.default]\nbackend = \"locmem\"\nlocation = [\"a\", \"b\"]"),
    (Toml, "[caches.default]\nbackend = \"locmem\"\nlocation = 7"),
    (Toml, "[caches.default]\nbackend = \"file\""),
    (Url, "file://var/tmp/cache"),
    (Url, "sqlite://cache.db"),
    (Url, "sqlite:///var/lib/cache.db?table=sqlite_cache"),
    (Url, "sqlite:///:memory:"),
    (Url, "sqlite:///var/lib/cache.db?table="),
    (Url, "dbcache://my_cache_table"),
    (Json, r#"{"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "t"}}"#),
    (Url, "memcached://"),
    (Url, "memcached://h:port"),
    (Url, "memcached://h1:11211/prefix"),
    (Url, "djangopylibmc://app:hunter2@h:11211"),
    (Toml, "[caches.default]\nbackend = \"memcached\"\nlocation = \"redis://h:6379/1\""),
    (Toml, "[caches.default]\nbackend = \"memcached\"\nlocation = \"h:11211?password=hunter2\""),
    (Toml, "[caches.default]\nbackend = \"memcached\"\nlocation = \"http://:hunter2,hunter2\""),
    // Names that spread keys otherwise in Django.
    (
        Json,
        r#"{"default": {"BACKEND": "django.core.cache.backends.memcached.PyLibMCCache", "LOCATION": ["h1:11211", "h2:11211"]}}"#,
    ),
    (
        Json,
        r#"{"default": {"BACKEND": "django.core.cache.backends.memcached.MemcachedCache", "LOCATION": "h1:11211;h2:11211"}}"#,
    ),
    (
        Json,
        r#"{"default": {"BACKEND": "django_pylibmc.memcached.PyLibMCCache", "LOCATION": "h1:11211,h2:11211"}}"#,
    ),
    (Url, "pylibmc://h1:11211,h2:11211"),
    (Url, "djangopylibmc://h1,h2"),
    (Url, "elasticache://my.cfg.cache.example.com:11211"),
    (
        Json,
        r#"{"default": {"BACKEND": "django_elasticache.memcached.ElastiCache", "LOCATION": "h.cfg.x:11211"}}"#,
    ),
    (
        Json,
        r#"{"default": {"BACKEND": "redis_cache.RedisCache", "LOCATION": ["redis://h1/1", "redis://h2"]}}"#,
    ),
    (
        Json,
        r#"{"default": {"BACKEND": "redis_cache.cache.RedisCache", "LOCATION": "unix:///run/redis.sock"}}"#,
    ),
    (
        Json,
        r#"{"default": {"BACKEND": "redis_cache.RedisCache", "LOCATION": ["redis://h1/1", "redis://h2/1"], "OPTIONS": {"MASTER_CACHE": "redis://h2/1"}}}"#,
    ),
    (Url, "redis://:hunter2@h:port/0"),
    (Url, "redis://:hunter2@h/shop"),
    (Url, "redis://:hun#ter2@h/0"),
    (Url, "redis://:hun?ter2@h/0"),
    (Url, "redis://:hunter2@h/1?db=1&password=hunter2"),
    (Url, "redis+socket://run/redis.sock"),
    (Toml, "[caches.default]\nbackend = \"rediss\"\nlocation = \"redis://h:6379/0\""),
    (Toml, "[caches.default]\nbackend = \"redis\"\nlocation = \"h:6379\""),
    (Toml, "[caches.default]\nbackend = \"redis\""),
    // Locations that are another store's URL, or several URLs, or hold a password that is cut.
    (Toml, "[caches.default]\nbackend = \"file\"\nlocation = \"redis://:hunter2@h\""),
    (Toml, "[caches.default]\nbackend = \"sqlite\"\nlocation = \"postgres://app:hunter2@h/db\""),
    (Toml, "[caches.default]\nbackend = \"memcached\"\nlocation = \"redis://:hunter2@h\""),
    (Toml, "[caches.default]\nbackend = \"memcached\"\nlocation = [\"h:11211\", \"app:hunter2@i:11211\"]"),
    (Toml, "[caches.default]\nbackend = \"redis\"\nlocation = \"http://:hunter2@h\""),
    (Url, "redis://a:1,redis://b:2"),
    (Url, "redis://:hun,ter2@h"),
    (Url, "locmem://app:hunter2@h"),
    // Databases that no backend is for.
    (Url, "postgresql://app:hunter2@h/db"),
    (
        Json,
        r#"{"CACHES": {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "t"}}, "DATABASES": {"default": {"ENGINE": "django.db.backends.postgresql"}}}"#,
    ),
    // Numbers that are not whole, or too large.
    (Url, "locmem://?max_entries=1e3"),
    (Url, "locmem://?max_entries=300.5"),
    (Url, "locmem://?max_entries=99999999999999999999"),
    (Url, "redis://h?max_connections=18446744073709551616"),
    (Toml, "[caches.default]\nbackend = \"locmem\"\noptions = { max_entries = 1e3 }"),
    (Json, r#"{"default": {"backend": "locmem", "options": {"max_entries": 12345678901234567890123}}}"#),
    (Json, r#"{"default": {"backend": "locmem", "options": {"max_entries": 18446744073709551615}}}"#),
    (Json, r#"{"default": {"backend": "locmem", "version": 9223372036854775808}}"#),
    (Json, r#"{"default": {"backend": "locmem", "timeout": 1e400}}"#),
    // Options of Django's that have no meaning here, or another place.
    (
        Json,
        r#"{"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://h", "OPTIONS": {"CLIENT_CLASS": "django_redis.client.ShardClient"}}}"#,
    ),
    (
        Json,
        r#"{"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://h", "OPTIONS": {"IGNORE_EXCEPTIONS": true}}}"#,
    ),
    (
        Json,
        r#"{"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://h", "OPTIONS": {"serializer": "x.Y"}}}"#,
    ),
    (
        Json,
        r#"{"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://h", "OPTIONS": {"socket_timeout": null}}}"#,
    ),
    (
        Json,
        r#"{"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://h", "OPTIONS": {"password": 7}}}"#,
    ),
    (
        Json,
        r#"{"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "rediss://h", "OPTIONS": {"ssl_ca_certs": "/ca.pem"}}}"#,
    ),
    (
        Json,
        r#"{"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://h", "OPTIONS": {"MAX_ENTRIES": 9}}}"#,
    ),
    (
        Json,
        r#"{"default": {"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache", "LOCATION": "h:1", "OPTIONS": {"ignore_exc": true}}}"#,
    ),
    (
        Json,
        r#"{"default": {"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache", "LOCATION": "h:1", "OPTIONS": {"use_pooling": false}}}"#,
    ),
    (
        Json,
        r#"{"default": {"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache", "LOCATION": "h:1", "OPTIONS": {"max_pool_size": 4, "max_connections": 4}}}"#,
    ),
    (
        Json,
        r#"{"default": {"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache", "LOCATION": "h:1", "OPTIONS": {"ejection": false, "retry_attempts": 1}}}"#,
    ),
    // Said twice.
    (Toml, "[caches.default]\nbackend = \"locmem\"\nBACKEND = \"dummy\""),
    (Toml, "[caches.default]\nurl = \"locmem://\"\nbackend = \"dummy\""),
    (Toml, "[caches.default]\nurl = \"locmem://?timeout=5\"\ntimeout = 6"),
    (Toml, "[caches.default]\nurl = \"locmem://?max_entries=5\"\noptions = { MAX_ENTRIES = 6 }"),
    (Url, "locmem://?timeout=5&TIMEOUT=6"),
    (Url, "locmem://?backend=dummy"),
    (Json, r#"{"default": {"BACKEND": "locmem", "BACKEND": "dummy"}}"#),
    (
        Toml,
        "[caches.a]\nurl = \"locmem://twice-claimed?max_entries=5\"\n[caches.b]\nurl = \"locmem://twice-claimed?max_entries=6\"",
    ),
    (Environment, "CACHE_URL=locmem://\nCACHE_DEFAULT_URL=dummy://"),
    // The shape of it all.
    (Toml, "[caches.default]\ntimeout = 5"),
    (Toml, "[caches]\ndefault = \"locmem://\""),
    (Toml, "caches = \"locmem\""),
    (Toml, "[caches.default\nbackend = \"locmem\""),
    (Toml, "[caches.default]\nlocation = \"redis://:hunter2@h\nbackend = \"redis\""),
    (Json, "[]"),
    (Json, "{}"),
    (Json, "{\"default\": {\"BACKEND\": \"locmem\",}}"),
    (Json, r#"{"CACHES": {}, "caches": {}}"#),
    (Url, "locmem"),
    (Url, "hunter2:6379"),
    (Url, "locmem://?timeout"),
    (Url, "locmem://%ff"),
    (Environment, "CACHE_URL="),
    (Environment, "CACHE_URL=\"redis://:hunter2@h:6379/1\""),
    (Environment, "CACHE_URL='locmem://'"),
    (Environment, "CACHE_URL=postgres://app:hunter2@h/db"),
    (Environment, "CACHE_SESSIONS_URL=http://sessions.example.com/"),
    (Environment, "CACHE_SERVERS=3"),
    (File, "no-such-file.toml"),
    (File, "settings.yaml"),
];

impl Form {
    fn give(self, text: &str, builder: CachesBuilder) -> (&'static str, CachesBuilder) {
        match self {
            Toml => ("toml", builder.toml(text)),
            Json => ("json", builder.json(text)),
            Url => ("url", builder.url("default", text)),
            File => ("file", builder.file(text)),
            Environment => {
                let variables = text.lines().filter_map(|line| line.split_once('='));
                let variables = variables.map(|(name, value)| (name.into(), value.into()));
                ("environment", builder.variables(variables))
            }
        }
    }
}

#[test]
fn every_message_says_what_to_change() {
    let mut snapshot = String::from(
        "# Bad settings, and what is said of them. Written by bad_settings.rs with SNAPSHOTS=write.\n",
    );
    for (given_as, text) in CASES {
        let (form, builder) = given_as.give(text, common::registered());
        let Err(error) = builder.build() else { panic!("this was taken:\n{text}") };
        assert_eq!(error.kind(), ErrorKind::InvalidCacheBackend, "{text}");
        let message = error.to_string();
        for secret in ["hunter2", "ter2@"] {
            assert!(!message.contains(secret) && !format!("{error:?}").contains(secret), "{message}");
        }
        write!(snapshot, "\n{form}: {}\n -> {message}\n", text.replace('\n', "\n      ")).unwrap();
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bad_settings.txt");
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "write") {
        std::fs::write(path, &snapshot).unwrap();
    }
    assert!(
        std::fs::read_to_string(path).unwrap() == snapshot,
        "the messages differ from {path}; write them again with SNAPSHOTS=write, and read the difference"
    );
}

#[test]
fn every_bad_cache_is_reported() {
    let problems = common::registered()
        .toml("[caches.a]\nbackend = \"x\"\n[caches.b]\nurl = \"locmem://\"\n[caches.c]\nversion = []")
        .check();
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert!(shown[0].starts_with("cache \"a\": ") && shown[1].starts_with("cache \"c\": "), "{shown:?}");
}

#[test]
fn two_backends_of_one_name_are_refused() {
    let twice = common::registered().backend::<examples::MapCache>().url("default", "locmem://");
    let message = twice.build().unwrap_err().to_string();
    assert!(message.contains("\"map\"") && message.contains("MapCache"), "{message}");
}

#[test]
fn an_unknown_alias_is_named_with_the_known_ones() {
    let caches = common::registered().url("b", "locmem://").url("a", "dummy://").build().unwrap();
    assert_eq!(
        caches.get("sessions").unwrap_err().to_string(),
        "the settings have no cache \"sessions\"; they have \"b\", \"a\""
    );
    assert_eq!(caches.default_cache().unwrap_err().kind(), ErrorKind::InvalidCacheBackend);
}
