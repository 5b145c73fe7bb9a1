//! What errors of settings advise, and the order in which settings are taken.

#![cfg(all(feature = "json", feature = "toml"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use cache_core::{
    BackendSettings, BaseCache, Caches, DEFAULT_TIMEOUT, ErrorKind, Expiry, FromSettings, Key, MaxEntries,
    Payload, Result,
};
use cache_locmem::LocMemCache;
use common::inner_calls;

fn told(toml: &str) -> String {
    Caches::builder().backend::<LocMemCache>().toml(toml).build().unwrap_err().to_string()
}

/// The end of each error about a backend that the program did not register. It names none: the core does not know
/// which crates there are.
const HOW: &str = "; check the name; a program registers a backend with CachesBuilder::backend, and the backend's \
                   crate needs its feature \"settings\"";

#[test]
fn a_backend_that_nobody_registered_comes_with_the_way_to_do_so() {
    for name in
        ["file", "redis", "redsi", "django.core.cache.backends.memcached.PyMemcacheCache", "shop.PagesCache"]
    {
        let text = told(&format!("[caches.default]\nbackend = \"{name}\""));
        let expected = format!(
            "cache \"default\": the backend \"{name}\" is unknown; \"locmem\" are registered by this program{HOW}"
        );
        assert_eq!(text, expected);
    }
    let text = told("[caches.default]\nurl = \"redis://localhost\"");
    assert!(text.contains("take \"locmem\", \"locmemcache\"") && text.ends_with(HOW), "{text}");
    let nothing = Caches::builder().url("default", "locmem://").build().unwrap_err().to_string();
    assert!(nothing.ends_with(HOW), "{nothing}");
}

#[test]
fn an_unknown_key_validator_comes_with_the_known_ones() {
    let toml = "[caches.default]\nbackend = \"locmem\"\nkey_validator = \"asci\"";
    let how = "a program registers its own with CachesBuilder::key_validator";
    let start = "cache \"default\": the key validator \"asci\" is unknown;";
    assert_eq!(told(toml), format!("{start} none is known; {how}"));
    let one =
        Caches::builder().backend::<LocMemCache>().key_validator("ascii", |_| Ok(())).toml(toml).build();
    assert_eq!(one.unwrap_err().to_string(), format!("{start} known are \"ascii\"; {how}"));
}

#[test]
fn a_key_validator_named_by_settings_looks_at_made_keys_of_both_halves() {
    let caches = Caches::builder()
        .backend::<LocMemCache>()
        .key_validator("short", |key| if key.len() < 12 { Ok(()) } else { Err("is too long".into()) })
        .toml("[caches.default]\nbackend = \"locmem\"\nkey_validator = \"short\"\nkey_prefix = \"shop\"")
        .url("url", "locmem://?key_validator=short")
        .build()
        .unwrap();
    let cache = caches.default_cache().unwrap();
    assert_eq!(cache.config().key_validator, Some("short"));
    cache.set("a b", &1, DEFAULT_TIMEOUT).unwrap(); // memcached's rules are not applied any more
    for error in [
        cache.set("basket", &1, DEFAULT_TIMEOUT).unwrap_err(),
        futures_lite::future::block_on(cache.aset("basket", &1, DEFAULT_TIMEOUT)).unwrap_err(),
        caches.get("url").unwrap().get::<i64>("basket:12345").unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidCacheKey);
        assert!(error.to_string().contains("is too long"), "{error}");
    }
    assert_eq!(caches.get("url").unwrap().get::<i64>("basket").unwrap(), None);
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
