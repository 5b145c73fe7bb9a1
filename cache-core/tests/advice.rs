//! What errors of settings advise, and the order in which settings are taken.

#![cfg(all(feature = "json", feature = "toml"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use cache_core::{
    BackendSettings, BaseCache, Caches, Expiry, FromSettings, Key, MaxEntries, Payload, Result,
};
use cache_locmem::LocMemCache;
use common::inner_calls;

fn told(toml: &str) -> String {
    Caches::builder().backend::<LocMemCache>().toml(toml).build().unwrap_err().to_string()
}

#[test]
fn a_backend_that_nobody_registered_comes_with_the_way_to_do_so() {
    for (name, line) in [
        ("file", ".backend::<cache_file::FileCache>()"),
        ("sqlite", ".backend::<cache_db::DatabaseCache>()"),
        ("memcached", ".backend::<cache_memcached::MemcachedCache>()"),
        ("redis", ".backend::<cache_redis::RedisCache>()"),
        ("dummy", ".backend::<cache_dummy::DummyCache>()"),
        (
            "django.core.cache.backends.memcached.PyMemcacheCache",
            ".backend::<cache_memcached::MemcachedCache>()",
        ),
    ] {
        let text = told(&format!("[caches.default]\nbackend = \"{name}\""));
        assert!(
            text.ends_with(&format!(
                "\"locmem\" are registered by this program; register this one with {line}"
            )),
            "{text}"
        );
    }
    let text = told("[caches.default]\nurl = \"redis://localhost\"");
    assert!(text.ends_with("; register this one with .backend::<cache_redis::RedisCache>()"), "{text}");
    let text = told("[caches.default]\nbackend = \"redsi\"");
    assert!(text.ends_with("\"locmem\" are registered by this program"), "{text}");
    let nothing = Caches::builder().url("default", "locmem://").build().unwrap_err().to_string();
    assert!(nothing.ends_with(".backend::<cache_locmem::LocMemCache>()"), "{nothing}");
}

#[test]
fn the_table_of_caches_misspelt() {
    let text = told("[cache.default]\nurl = \"locmem://\"\n[cache.other]\nurl = \"locmem://\"");
    assert!(text.contains("[cache.…]; did you mean [caches.…], such as [caches.default]?"), "{text}");
    let django = Caches::builder().json(r#"{"CACHE": {"default": {"BACKEND": "locmem"}}}"#).build();
    assert!(django.unwrap_err().to_string().contains("did you mean [caches.…]"));
    // An alias like any other.
    let caches =
        Caches::builder().backend::<LocMemCache>().toml("[cache]\nurl = \"locmem://\"").build().unwrap();
    assert_eq!(caches.aliases().collect::<Vec<_>>(), ["cache"]);
}

#[test]
fn aliases_keep_the_order_of_the_text() {
    let (toml, json) = (
        "[caches.zebra]\nurl = \"locmem://\"\n[caches.ant]\nurl = \"locmem://\"\n[caches.mole]\nurl = \"locmem://\"",
        r#"{"zebra": {"url": "locmem://"}, "ant": {"url": "locmem://"}, "mole": {"url": "locmem://"}}"#,
    );
    for builder in [Caches::builder().toml(toml), Caches::builder().json(json)] {
        let caches = builder.backend::<LocMemCache>().build().unwrap();
        assert_eq!(caches.aliases().collect::<Vec<_>>(), ["zebra", "ant", "mole"]);
    }
}

/// A third party's backend that looks at no limit itself.
struct Trusting(LocMemCache);

impl FromSettings for Trusting {
    const NAMES: &'static [&'static str] = &["trusting"];

    fn from_settings(settings: &mut BackendSettings) -> Result<Self> {
        match settings.max_entries()? {
            Some(MaxEntries::Limit(entries)) => assert!(entries > 0),
            Some(MaxEntries::Unlimited) | None => {}
        }
        Ok(Self(LocMemCache::default()))
    }
}

impl BaseCache for Trusting {
    inner_calls!();
}

#[test]
fn no_backend_is_told_a_limit_of_0() {
    for zero in ["0", "00"] {
        let built =
            Caches::builder().backend::<Trusting>().url("default", format!("trusting://?max_entries={zero}"));
        let text = built.build().unwrap_err().to_string();
        assert!(text.contains("max_entries is 0, which stores nothing"), "{text}");
    }
    Caches::builder().backend::<Trusting>().url("default", "trusting://?max_entries=1").build().unwrap();
}
