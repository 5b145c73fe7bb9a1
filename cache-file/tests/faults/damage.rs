//! An entry cut at every length, with every bit flipped, with every page zeroed.

use std::fs;

use cache_core::{ErrorKind, Timeout};
use conformance_tests::faults::{Corruption, effort, record};

use crate::common::dir;
use crate::store::{HOUR, Kind, Store, age, ahead};

/// What is damaged: a short text, the same without an expiry, a number that was changed since it was
/// made, and three pages.
const SAMPLES: [&str; 4] = ["text", "never", "number", "pages"];

fn put(store: &Store, sample: &str) {
    match sample {
        "text" => store.cache.set("k", "some text", HOUR).unwrap(),
        "never" => store.cache.set("k", "some text", Timeout::Never).unwrap(),
        "number" => {
            store.cache.set("k", &41, HOUR).unwrap();
            store.cache.incr("k").unwrap();
            store.cache.touch("k", HOUR).unwrap();
        }
        _ => store.cache.set("k", &pages(), HOUR).unwrap(),
    }
}

/// Incompressible, so that it is as long in either layout.
fn pages() -> String {
    let mut random = fastrand::Rng::with_seed(4);
    (0..9_000).map(|_| random.alphanumeric()).collect()
}

/// Whether `k` has a value. A wrong value is an error.
fn is_there(store: &Store, sample: &str) -> Result<bool, String> {
    let error = |e: cache_core::Error| format!("get: {e}");
    let right = match sample {
        "number" => store.cache.get::<i64>("k").map_err(error)?.map(|n| n == 42),
        text => store
            .cache
            .get::<String>("k")
            .map_err(error)?
            .map(|seen| seen == if text == "pages" { pages() } else { "some text".to_owned() }),
    };
    if right == Some(false) { Err("a wrong value".to_owned()) } else { Ok(right.is_some()) }
}

pub(crate) fn every_damage_is_a_miss(kind: Kind) {
    let (mut tried, mut unnoticed, mut failures) = (0, 0, Vec::new());
    for sample in SAMPLES {
        let dir = dir();
        let store = kind.limited(dir.path(), 300);
        put(&store, sample);
        let file = store.only_file();
        let whole = fs::read(&file).unwrap();
        let step = if sample == "pages" { effort(997, 5) } else { effort(3, 1) } as usize;
        for one in Corruption::all(&whole).skip(fastrand::usize(..step)).step_by(step) {
            tried += 1;
            let plant = || {
                fs::write(&file, &one.bytes).unwrap();
                // One who writes in place may be at a young file.
                age(&file);
            };
            plant();
            match judge(kind, &store, sample, dir.path(), plant) {
                Ok(seen) => unnoticed += u64::from(seen),
                Err(what) => failures.push(format!("{sample} {:?}: {what}", one.damage)),
            }
        }
        // Every page, whatever the step left out.
        for one in Corruption::all(&whole).skip(whole.len() * 9) {
            fs::write(&file, &one.bytes).unwrap();
            age(&file);
            if is_there(&store, sample) != Ok(false) {
                failures.push(format!("{sample} {:?}", one.damage));
            }
            tried += 1;
        }
        put(&store, sample);
        assert_eq!(is_there(&store, sample), Ok(true));
    }
    let figure = format!(
        "{} wrong of {tried} damaged entries; {} a miss, {unnoticed} with the right value and expiry",
        failures.len(),
        tried - unnoticed - failures.len() as u64
    );
    record(4, kind.name(), tried, failures.len() as u64, &figure);
    assert!(failures.is_empty(), "{figure}: {failures:#?}");
}

/// Whether the damage changes nothing: then the value must be right, and so must the expiry.
fn judge(
    kind: Kind,
    store: &Store,
    sample: &str,
    dir: &std::path::Path,
    plant: impl Fn(),
) -> Result<bool, String> {
    if is_there(store, sample)? {
        let at = |hours| is_there(&kind.open(dir, |o| o.clock(ahead(hours))), sample);
        return match (at(0)?, at(2)?) {
            (true, later) if later == (sample == "never") => Ok(true),
            lives => Err(format!("a wrong expiry: there now and in two hours: {lives:?}")),
        };
    }
    let error = |e: cache_core::Error| e.to_string();
    plant();
    if store.cache.touch("k", HOUR).map_err(error)? {
        return Err("touch found it".to_owned());
    }
    plant();
    match store.cache.incr("k") {
        Err(e) if e.kind() == ErrorKind::KeyNotFound => {}
        other => return Err(format!("incr: {other:?}")),
    }
    plant();
    if !store.cache.add("k", "added", HOUR).map_err(error)? {
        return Err("add found it".to_owned());
    }
    let added = store.cache.get::<String>("k").map_err(error)?;
    if added.as_deref() == Some("added") { Ok(false) } else { Err(format!("added: {added:?}")) }
}
