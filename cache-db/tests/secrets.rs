//! Stored values and keys show only where they are asked for. Alone in its program: see `Log`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::time::Duration;

use cache_core::{Cache, DEFAULT_TIMEOUT, Error};
use cache_db::{DatabaseCache, DatabaseCacheBuilder};
use conformance_tests::faults::{Log, leaked, record, shown};
use rusqlite::Connection;

const VALUE: &str = "a very private value";
const NUMBER: i64 = 4_242_424_242_424_242;

fn fill(cache: &Cache<DatabaseCache>) -> Vec<Option<Error>> {
    vec![
        cache.set("text", VALUE, DEFAULT_TIMEOUT).err(),
        cache.set_bytes("bytes", VALUE, DEFAULT_TIMEOUT).err(),
        cache.set("number", &NUMBER, DEFAULT_TIMEOUT).err(),
        cache.set("list", &[VALUE], DEFAULT_TIMEOUT).err(),
        cache.add("added", VALUE, DEFAULT_TIMEOUT).err(),
        cache.set_many([("a", VALUE), ("b", VALUE)], DEFAULT_TIMEOUT).err(),
    ]
}

fn use_all(cache: &Cache<DatabaseCache>) -> Vec<Option<Error>> {
    vec![
        cache.get::<i64>("text").err(),
        cache.get::<String>("number").err(),
        cache.get::<i64>("list").err(),
        cache.incr("list").err(),
        cache.incr_by("number", i64::MAX).err(),
        cache.get_many::<i64, _>(["text", "number", "bytes"]).err(),
        cache.incr_version("text").err(),
        cache.purge_expired().err(),
    ]
}

/// Returns the outputs of calls on a good, a locked, an altered and a broken database.
fn outputs(options: impl Fn(DatabaseCacheBuilder) -> DatabaseCacheBuilder) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.db");
    let short = Duration::from_millis(20);
    let options = options(DatabaseCache::builder(&path).table("values").busy_timeout(short));
    let mut outputs = vec![format!("{options:?}")];
    let backend = options.build().unwrap();
    backend.create_table(false).unwrap();
    let cache = Cache::new(backend);
    let mut errors = fill(&cache);
    errors.extend(use_all(&cache));
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    errors.extend(fill(&cache));
    errors.extend(use_all(&cache));
    other.execute_batch("ROLLBACK").unwrap();
    for refusal in [
        "CREATE TRIGGER refusal BEFORE INSERT ON \"values\" BEGIN SELECT raise(ABORT, 'refused'); END",
        "DROP TRIGGER refusal; ALTER TABLE \"values\" RENAME TO others; CREATE TABLE \"values\" (x CHECK (x = 1))",
    ] {
        other.execute_batch(refusal).unwrap();
        errors.extend(fill(&cache));
        errors.extend(use_all(&cache));
    }
    drop(other);
    drop(cache.close());
    let mut bytes = fs::read(&path).unwrap();
    bytes.iter_mut().skip(20).step_by(7).for_each(|byte| *byte ^= 0xff);
    fs::write(&path, bytes).unwrap();
    errors.extend(fill(&cache));
    errors.extend(use_all(&cache));
    assert!(errors.iter().flatten().count() > 30, "{errors:?}");
    outputs.extend(errors.iter().flatten().map(|error| shown(error)));
    outputs.push(format!("{0:?} {0:#?} {cache:?}", cache.backend()));
    outputs
}

#[test]
fn no_formatting_no_error_and_no_log_shows_a_value() {
    let log = Log::everything();
    let check = |backend: &str, mut outputs: Vec<String>| {
        outputs.push(log.take());
        let number = NUMBER.to_string();
        let failures: Vec<_> =
            outputs.iter().filter(|text| !leaked(text, &[VALUE, &number]).is_empty()).collect();
        record(
            30,
            backend,
            outputs.len() as u64,
            failures.len() as u64,
            "outputs that show a value or a number",
        );
        assert!(failures.is_empty(), "{failures:#?}");
    };
    check("db", outputs(|options| options));
    #[cfg(feature = "django")]
    check("db-django", outputs(|options| options.layout(cache_db::Layout::Django)));
}
