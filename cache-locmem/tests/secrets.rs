//! What is stored shows nowhere but where it is asked for.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use cache_core::{Cache, DEFAULT_TIMEOUT, Error};
use cache_locmem::{Eviction, LocMemCache};
use conformance_tests::faults::{Log, leaked, record, shown};

const VALUE: &str = "a very private value";
const NUMBER: &str = "4242424242424242";

#[test]
fn no_formatting_no_error_and_no_log_shows_a_value() {
    let log = Log::everything();
    let mut outputs = Vec::new();
    for eviction in [Eviction::Lru, Eviction::S3Fifo] {
        let options = LocMemCache::builder().max_entries(10).eviction(eviction);
        outputs.push(format!("{options:?}"));
        let backend = options.build().unwrap();
        let cache = Cache::new(backend.clone());
        let number: i64 = NUMBER.parse().unwrap();
        for key in 0..20 {
            cache.set(&key.to_string(), VALUE, DEFAULT_TIMEOUT).unwrap();
            cache.set_bytes("bytes", VALUE, DEFAULT_TIMEOUT).unwrap();
            cache.set("a number", &number, DEFAULT_TIMEOUT).unwrap();
            cache.set("list", &[VALUE], DEFAULT_TIMEOUT).unwrap();
        }
        let errors: [Option<Error>; 6] = [
            cache.get::<i64>("19").err(),
            cache.get::<String>("a number").err(),
            cache.get::<i64>("list").err(),
            cache.incr("list").err(),
            cache.incr_by("a number", i64::MAX).err(),
            cache.incr_by("absent", number).err(),
        ];
        outputs.extend(errors.iter().map(|error| shown(error.as_ref().unwrap())));
        outputs.push(format!(
            "{backend:?} {backend:#?} {cache:?} {:?} {:?}",
            cache.stats(),
            cache.info().unwrap()
        ));
    }
    outputs.push(log.take());
    let failures = outputs.iter().filter(|text| !leaked(text, &[VALUE, NUMBER]).is_empty());
    let failures: Vec<_> = failures.collect();
    record(
        30,
        "locmem",
        outputs.len() as u64,
        failures.len() as u64,
        "outputs that show a value or a number",
    );
    assert!(failures.is_empty(), "{failures:#?}");
}
