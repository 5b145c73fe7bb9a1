//! [`caches`]: a builder that knows the backends and codecs of the features that are switched on.

use cache_core::{Caches, CachesBuilder};

/// Names that settings may use where all features of a list are switched on.
struct Names {
    /// The names of a backend or a codec. A backend's crate has the same list, but is not there while its feature is
    /// off; a test compares the two.
    names: &'static [&'static str],
    /// What to do about settings that use one of the names while a feature is off.
    remedy: &'static str,
    /// Registers what has the names. `None` while a feature is off.
    register: Option<fn(CachesBuilder) -> CachesBuilder>,
}

/// Makes [`Names`] of the features, what registers the names, and the names.
macro_rules! names {
    ($feature:tt $(+ $more:tt)*, $register:expr, $names:expr) => {
        Names {
            names: &$names,
            remedy: concat!(
                "switch it on in Cargo.toml: polycache = { …, features = [\"",
                $feature,
                $("\", \"", $more,)*
                "\"] }"
            ),
            #[cfg(all(feature = $feature $(, feature = $more)*))]
            register: Some($register),
            #[cfg(not(all(feature = $feature $(, feature = $more)*)))]
            register: None,
        }
    };
}

const NAMES: [Names; 9] = [
    names!(
        "locmem",
        |caches| caches.backend::<cache_locmem::LocMemCache>(),
        ["locmem", "locmemcache", "django.core.cache.backends.locmem.LocMemCache"]
    ),
    names!(
        "file",
        |caches| caches.backend::<cache_file::FileCache>(),
        ["file", "filecache", "django.core.cache.backends.filebased.FileBasedCache"]
    ),
    names!(
        "sqlite",
        |caches| caches.backend::<cache_db::DatabaseCache>(),
        ["sqlite", "sqlite3", "db", "dbcache", "django.core.cache.backends.db.DatabaseCache"]
    ),
    names!(
        "memcached",
        |caches| caches.backend::<cache_memcached::MemcachedCache>(),
        [
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
        ]
    ),
    names!(
        "redis",
        |caches| caches.backend::<cache_redis::RedisCache>(),
        [
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
        ]
    ),
    // Core registers this codec itself.
    names!("json", |caches| caches, ["json"]),
    names!("pickle", |caches| caches.codec("pickle", cache_pickle::Pickle::default()), ["pickle"]),
    names!(
        "zlib" + "json",
        |caches| caches.codec("zlib-json", cache_core::Zlib::new(cache_core::Json)),
        ["zlib-json"]
    ),
    names!(
        "zlib" + "pickle",
        |caches| caches.codec("zlib-pickle", cache_core::Zlib::new(cache_pickle::Pickle::default())),
        ["zlib-pickle"]
    ),
];

/// Starts [`Caches`] with every backend and codec whose feature is switched on, and [`DummyCache`](crate::DummyCache).
///
/// The builder takes the settings next, from one or several sources. A later source replaces a cache of an earlier
/// one.
///
/// ```
/// use polycache::DEFAULT_TIMEOUT;
///
/// let caches = polycache::caches()
///     .url("default", "locmem://")
///     .url("sessions", "locmem://sessions?max_entries=10000&timeout=2h")
///     .environment() // CACHE_URL, CACHE_SESSIONS_URL
///     .build()?;
/// caches.get("sessions")?.set("ada", &1, DEFAULT_TIMEOUT)?;
/// # Ok::<(), polycache::Error>(())
/// ```
///
/// Settings that name a backend or a codec whose feature is off are an error of
/// [`build`](CachesBuilder::build) that names the feature. A backend of your own is registered beside the others:
/// `caches().backend::<MyCache>()`. [`Caches::builder`] starts with no backend at all, for a program that
/// allows only the backends it registers.
#[must_use]
pub fn caches() -> CachesBuilder {
    let caches = NAMES.iter().fold(Caches::builder(), |caches, names| match names.register {
        Some(register) => register(caches),
        None => caches.unavailable(names.names, names.remedy),
    });
    caches.backend::<cache_dummy::DummyCache>()
}

#[cfg(all(
    test,
    feature = "json",
    feature = "locmem",
    feature = "file",
    feature = "sqlite",
    feature = "memcached",
    feature = "redis"
))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// As [`caches`], in a program without any of the features.
    fn without_features() -> CachesBuilder {
        NAMES
            .iter()
            .fold(CachesBuilder::default(), |caches, names| caches.unavailable(names.names, names.remedy))
    }

    #[test]
    fn a_backend_that_is_switched_off_is_an_error_that_names_its_feature() {
        for (names, feature) in NAMES.iter().zip(["locmem", "file", "sqlite", "memcached", "redis"]) {
            let remedy =
                format!("; switch it on in Cargo.toml: polycache = {{ …, features = [\"{feature}\"] }}");
            for name in names.names {
                let settings = format!("{{\"default\": {{\"backend\": {name:?}}}}}");
                let error = without_features().json(&settings).build().unwrap_err().to_string();
                let expected =
                    format!("cache \"default\": this program was built without the backend {name:?}{remedy}");
                assert_eq!(error, expected);
                if name.contains('.') {
                    continue;
                }
                let url = format!("{}://h", name.to_uppercase());
                let error = without_features().url("default", url).build().unwrap_err().to_string();
                let expected = format!(
                    "cache \"default\": this program was built without the URL's scheme {name:?}{remedy}"
                );
                assert_eq!(error, expected);
            }
        }
    }

    #[test]
    fn a_codec_that_is_switched_off_is_an_error_that_names_its_features() {
        for (codec, features) in [
            ("pickle", "\"pickle\""),
            ("zlib-json", "\"zlib\", \"json\""),
            ("zlib-pickle", "\"zlib\", \"pickle\""),
        ] {
            let caches = without_features().backend::<cache_dummy::DummyCache>();
            let error =
                caches.url("default", format!("dummy://?codec={codec}")).build().unwrap_err().to_string();
            assert_eq!(
                error,
                format!(
                    "cache \"default\": this program was built without the codec {codec:?}; switch it on in \
                     Cargo.toml: polycache = {{ …, features = [{features}] }}"
                )
            );
        }
    }

    #[test]
    fn what_a_program_registers_itself_counts_before_what_is_switched_off() {
        let caches = without_features().backend::<cache_locmem::LocMemCache>().url("default", "locmem://");
        caches.build().unwrap().default_cache().unwrap();
    }

    #[test]
    fn a_name_that_nobody_knows_stays_unknown() {
        let error = without_features().url("default", "locmen://").build().unwrap_err().to_string();
        assert!(error.contains("\"locmen\" is unknown"), "{error}");
    }

    /// The crates' own lists: each exists in a build with its feature.
    #[test]
    fn the_names_are_those_of_the_crates() {
        use cache_core::FromSettings;
        let of_crates = [
            cache_locmem::LocMemCache::NAMES,
            cache_file::FileCache::NAMES,
            cache_db::DatabaseCache::NAMES,
            cache_memcached::MemcachedCache::NAMES,
            cache_redis::RedisCache::NAMES,
        ];
        for (ours, theirs) in NAMES.iter().zip(of_crates) {
            assert_eq!(ours.names, theirs);
        }
    }
}
