//! Secrets: passwords in settings, and values, show in no formatting, no error and no log. Alone in its
//! program: see `Log`.

#![cfg(feature = "settings")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::ffi::OsString;

use cache_core::{
    BackendSettings, BaseCache, Bytes, Cache, CacheUrl, Caches, CachesBuilder, CodecId, DEFAULT_TIMEOUT,
    Expiry, FromSettings, Key, Location, OnError, Payload, Result, Setting,
};
use cache_locmem::LocMemCache;
use common::inner_calls;
use conformance_tests::faults::{Log, leaked, record, shown};

const PASSWORD: &str = "hunter2";
const NUMBER: &str = "18446744073709551557";
const VALUE: &str = "a very private value";
const SECRETS: [&str; 3] = [PASSWORD, NUMBER, VALUE];

/// A backend with a password among its settings.
struct Guarded(LocMemCache);

impl FromSettings for Guarded {
    const NAMES: &'static [&'static str] = &["guarded"];

    fn location_of_url(url: &CacheUrl<'_>) -> Result<Location> {
        Ok(Location::One(format!("{}{}", url.authority(), url.path())))
    }

    fn from_settings(settings: &mut BackendSettings) -> Result<Self> {
        settings.text("password")?;
        settings.single_location()?;
        Ok(Self(LocMemCache::default()))
    }
}

impl BaseCache for Guarded {
    inner_calls!();
}

fn builder() -> CachesBuilder {
    Caches::builder().backend::<Guarded>().backend::<LocMemCache>()
}

/// What a builder shows of its settings, good or bad.
fn told(make: impl Fn() -> CachesBuilder) -> Vec<String> {
    let mut outputs = vec![format!("{:?}", make())];
    outputs.extend(make().check().iter().map(|problem| shown(problem)));
    if let Ok(caches) = make().build() {
        outputs.push(format!("{caches:?} {:?}", caches.get("default").map(drop)));
    }
    outputs
}

fn urls() -> Vec<String> {
    let parts = [
        "u:$@h",
        ":$@h:1,:$@i",
        "$@h",
        "h?password=$",
        "h?PASSWORD=$&password=$",
        "u:$#x@h",
        "u:$?x@h",
        "u:%ff$@h",
    ];
    let more = ["", "?timeout=x", "?unknown=1", "/x?version=x", "?key_policy=x", "?", "?=", "?a=%ff", "#"];
    let schemes = ["guarded", "locmem", "unknown", "guarded:", ""];
    let mut urls = Vec::new();
    for scheme in schemes {
        for part in parts {
            let part = part.replace('$', PASSWORD);
            urls.extend(more.map(|more| format!("{scheme}://{part}{more}")));
        }
    }
    urls
}

#[cfg(feature = "json")]
fn documents() -> Vec<Vec<String>> {
    let bodies = [
        r#""backend":"guarded","options":{"password":"$"}"#,
        r#""backend":"guarded","options":{"password":#N}"#,
        r#""backend":"guarded","options":{"password":["$"]}"#,
        r#""backend":"guarded","options":{"password":{"$":#N}}"#,
        r#""backend":"guarded","options":["$"]"#,
        r#""backend":"guarded","options":"$""#,
        r#""backend":"guarded","location":["$","$"]"#,
        r#""backend":"guarded","location":{"a":"$"}"#,
        r#""backend":["$"]"#,
        r#""url":["$"]"#,
        r#""url":"$""#,
        r#""backend":"locmem","options":{"password":"$"}"#,
        r#""backend":"guarded","options":{"password":"$","PASSWORD":"$"}"#,
        r#""backend":"guarded","options":{"password":"$}"#,
        r#""backend":"guarded","options":{"password":"$\x"}"#,
        r#""backend":"guarded","options":{"password":$}"#,
    ];
    let document =
        |body: &&str| format!("{{\"default\":{{{body}}}}}").replace('$', PASSWORD).replace("#N", NUMBER);
    bodies.iter().map(document).map(|text| told(|| builder().json(&text))).collect()
}

#[cfg(not(feature = "json"))]
fn documents() -> Vec<Vec<String>> {
    Vec::new()
}

#[cfg(feature = "toml")]
fn toml() -> Vec<Vec<String>> {
    let lines = [
        "password = \"$\"",
        "password = $",
        "password = '$",
        "password = \"$",
        "password = \"\\$\"",
        "password = #N",
        "password $",
        "password = [\"$\", $]",
        "password = 1$",
        "password = \"\"\"$",
        "password = \"$\" $",
        "password = \"$\"\npassword = \"$\"",
    ];
    let document = |line: &&str| {
        format!("[default]\nbackend = \"guarded\"\n[default.options]\n{line}\n")
            .replace('$', PASSWORD)
            .replace("#N", NUMBER)
    };
    lines.iter().map(document).map(|text| told(|| builder().toml(&text))).collect()
}

#[cfg(not(feature = "toml"))]
fn toml() -> Vec<Vec<String>> {
    Vec::new()
}

/// What a cache shows of values that it holds, and cannot give.
fn values() -> Vec<String> {
    let mut outputs = Vec::new();
    let number: u64 = NUMBER.parse().unwrap();
    for on_error in [OnError::Return, OnError::Fallback] {
        let cache = Cache::builder(LocMemCache::default()).on_error(on_error).build().unwrap();
        cache.set("text", VALUE, DEFAULT_TIMEOUT).unwrap();
        cache.set("list", &[VALUE], DEFAULT_TIMEOUT).unwrap();
        cache.set("number", &number, DEFAULT_TIMEOUT).unwrap();
        let errors = [
            cache.get::<u8>("text").err(),
            cache.get::<u8>("list").err(),
            cache.get::<u8>("number").err(),
            cache.get::<std::net::IpAddr>("text").err(),
            cache.incr("text").err(),
            cache.get_or_set("text", DEFAULT_TIMEOUT, || 1_u8).err(),
        ];
        outputs.extend(errors.iter().map(|error| shown(error.as_ref().unwrap())));
        outputs.push(format!("{cache:?} {:?}", cache.stats()));
    }
    let bytes = Bytes::from_static(VALUE.as_bytes());
    for payload in [
        Payload::Text(bytes.clone()),
        Payload::Bytes(bytes.clone()),
        Payload::Encoded(CodecId(1), bytes.clone()),
    ] {
        outputs.push(format!("{payload:?} {payload:#?}"));
    }
    let tree = Setting::Table(vec![("password".to_owned(), Setting::List(vec![PASSWORD.into()]))]);
    outputs.push(format!("{tree:?} {:?} {:?}", Setting::from(PASSWORD), tree == tree.clone()));
    outputs
}

#[test]
fn passwords_and_values_show_nowhere() {
    let log = Log::everything();
    let mut outputs: Vec<String> =
        urls().iter().flat_map(|url| told(|| builder().url("default", url))).collect();
    outputs.extend(
        urls().iter().flat_map(|url| {
            told(|| builder().variables([(OsString::from("CACHE_URL"), OsString::from(url))]))
        }),
    );
    outputs.extend(documents().into_iter().flatten());
    outputs.extend(toml().into_iter().flatten());
    outputs.extend(values());
    outputs.push(log.take());
    let failures: Vec<_> = outputs.iter().filter(|text| !leaked(text, &SECRETS).is_empty()).collect();
    record(
        30,
        "core",
        outputs.len() as u64,
        failures.len() as u64,
        "outputs that show a password or a value",
    );
    assert!(
        outputs.len() > 500 && failures.is_empty(),
        "{} of {}: {failures:#?}",
        failures.len(),
        outputs.len()
    );
}
