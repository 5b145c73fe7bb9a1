//! Fuzzed settings: in a file, in a URL and in the environment.

#![cfg(feature = "settings")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ffi::OsString;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cache_core::{Caches, CachesBuilder, Compat, Error, ErrorKind, Timeout};
use cache_locmem::LocMemCache;
use conformance_tests::faults::Fuzz;

fn fuzz<'a>(reader: &'a str, dir: &str) -> Fuzz<'a> {
    Fuzz::new("core", reader).seeds_in(format!("{}/tests/fuzz/{dir}", env!("CARGO_MANIFEST_DIR")))
}

/// A memory store is the whole process's by its name: what one test asks for is another's conflict.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn builder() -> CachesBuilder {
    Caches::builder().backend::<LocMemCache>()
}

/// What is wrong is said in words, and is never a failure of anything else.
fn is_good(problems: &[Error]) -> bool {
    for problem in problems {
        assert_eq!(problem.kind(), ErrorKind::InvalidCacheBackend, "{problem}");
        assert!(!problem.to_string().is_empty());
    }
    problems.is_empty()
}

const NAMES: [&[u8]; 24] = [
    b"backend",
    b"BACKEND",
    b"url",
    b"location",
    b"timeout",
    b"TIMEOUT",
    b"key_prefix",
    b"version",
    b"key_function",
    b"key_policy",
    b"refuse",
    b"on_error",
    b"fallback",
    b"codec",
    b"json",
    b"also_decode",
    b"compat",
    b"django-environ",
    b"options",
    b"OPTIONS",
    b"max_entries",
    b"cull_frequency",
    b"caches",
    b"none",
];

#[cfg(feature = "json")]
#[test]
fn json() {
    let _alone = alone();
    const WORDS: [&[u8]; 8] = [b"{", b"}", b"[", b"]", b"null", b"-1", b"1e999", b"\"\":"];
    fuzz("settings as JSON", "settings")
        .words(&NAMES)
        .words(&WORDS)
        .run(20_000, |text| is_good(&builder().json(&String::from_utf8_lossy(text)).check()));
}

#[cfg(feature = "toml")]
#[test]
fn toml() {
    let _alone = alone();
    const WORDS: [&[u8]; 8] = [b"[", b"]", b"[[", b"=", b"\n", b"\"\"\"", b"1979-05-27", b"{a={b={}}}"];
    fuzz("settings as TOML", "toml")
        .words(&NAMES)
        .words(&WORDS)
        .run(10_000, |text| is_good(&builder().toml(&String::from_utf8_lossy(text)).check()));
}

#[test]
fn urls() {
    let _alone = alone();
    const WORDS: [&[u8]; 14] = [
        b"://",
        b"locmem",
        b"locmemcache",
        b"?",
        b"&",
        b"=",
        b"%",
        b"%ff",
        b"+",
        b"#",
        b"@",
        b"/",
        b"5m",
        b"never",
    ];
    fuzz("URLs", "urls").words(&NAMES).words(&WORDS).run(30_000, |url| {
        let url = String::from_utf8_lossy(url);
        let good = is_good(&builder().url("default", &*url).check());
        is_good(&builder().compat(Compat::DjangoEnviron).url("default", &*url).check());
        // A store of its own, whatever limits the other has.
        let variables = [("CACHE_URL", &*url), ("CACHE_A_URL", "locmem://the-store-of-a")];
        let variables = variables.map(|(name, url)| (OsString::from(name), OsString::from(url)));
        assert_eq!(is_good(&builder().variables(variables).check()), good);
        good
    });
}

#[test]
fn times() {
    const WORDS: [&[u8]; 10] = [b"ms", b"s", b"m", b"h", b"d", b"w", b".", b"-", b" ", b"never"];
    fuzz("times", "times")
        .words(&WORDS)
        .run(60_000, |text| String::from_utf8_lossy(text).parse::<Timeout>().is_ok());
}
