//! A disk without room.

use std::fs;
use std::path::Path;

use cache_core::ErrorKind;
use conformance_tests::faults::{SmallDisk, effort, record};

use crate::store::{HOUR, Kind, Store};

const DISK: u64 = 256 << 10;

pub(crate) fn a_full_disk(kind: Kind) {
    let disk = match SmallDisk::mount(DISK) {
        Ok(disk) => disk,
        Err(e) => return eprintln!("skipped: {e}"),
    };
    let rounds = effort(25, 500);
    let mut failures = Vec::new();
    for round in 0..rounds {
        let store = kind.limited(disk.path(), 1_000);
        // In each second round the cache is not there yet when the disk is full.
        let outcome = if round % 2 == 0 { full_later(&disk, &store) } else { full_at_first(&disk, &store) };
        if let Err(what) = outcome {
            failures.push(format!("round {round}: {what}"));
        }
        fs::remove_dir_all(&store.root).unwrap();
    }
    let figure =
        format!("{} bad of {rounds} full disks; the first set after room came worked", failures.len());
    record(6, kind.name(), rounds, failures.len() as u64, &figure);
    assert!(failures.is_empty(), "{figure}: {failures:#?}");
}

/// Incompressible: what a page holds does not hold it.
fn large() -> String {
    (0..8_192).map(|_| fastrand::alphanumeric()).collect()
}

fn error(e: cache_core::Error) -> String {
    format!("{:?}: {e}", e.kind())
}

/// A set must fail and leave nothing behind.
fn cannot_set(store: &Store, key: &str) -> Result<(), String> {
    let (files, set) = (store.entry_files(), store.cache.set(key, &large(), HOUR));
    match set {
        Err(e) if e.kind() == ErrorKind::Storage => {}
        other => return Err(format!("set of {key}: {other:?}")),
    }
    if store.temp_files() > 0 || store.entry_files() != files {
        return Err("a set that failed left files".to_owned());
    }
    Ok(())
}

fn make_room(disk: &SmallDisk, filler: &Path, store: &Store) -> Result<(), String> {
    disk.make_room(filler).unwrap();
    let value = large();
    store.cache.set("new", &value, HOUR).map_err(error)?;
    if store.cache.get::<String>("new").map_err(error)? != Some(value) {
        return Err("what was set when there was room again is not there".to_owned());
    }
    store.works()
}

fn full_at_first(disk: &SmallDisk, store: &Store) -> Result<(), String> {
    let filler = disk.fill().unwrap();
    cannot_set(store, "new")?;
    let get = store.cache.get::<String>("new").map_err(error)?;
    let has = store.cache.has_key("new").map_err(error)?;
    let deleted = store.cache.delete("new").map_err(error)?;
    if get.is_some() || has || deleted {
        return Err(format!("{has} {deleted}"));
    }
    make_room(disk, &filler, store)
}

fn full_later(disk: &SmallDisk, store: &Store) -> Result<(), String> {
    let Store { cache, .. } = store;
    let values = [large(), large()];
    for (key, value) in ["a", "b"].iter().zip(&values) {
        cache.set(key, value, HOUR).map_err(error)?;
    }
    cache.set("n", &41, HOUR).map_err(error)?;
    let filler = disk.fill().unwrap();
    cannot_set(store, "new")?;
    cannot_set(store, "a")?;
    let a = cache.get::<String>("a").map_err(error)?;
    if a.as_ref() != Some(&values[0]) {
        return Err("the old value is not there".to_owned());
    }
    // In place, or by another file: done or not done.
    let counted = match cache.incr("n") {
        Ok(42) => 42,
        Err(e) if e.kind() == ErrorKind::Storage => 41,
        other => return Err(format!("incr: {other:?}")),
    };
    if cache.get::<i64>("n").map_err(error)? != Some(counted) {
        return Err("the number is wrong".to_owned());
    }
    let deleted = cache.delete("b").map_err(error)?;
    if !deleted || cache.has_key("b").map_err(error)? {
        return Err("delete did not delete".to_owned());
    }
    // What it gave back is room for one.
    cache.set("c", &large(), HOUR).map_err(error)?;
    make_room(disk, &filler, store)
}
