//! A disk that something else fills up, and that has room again. One that the cache fills itself: `filled_disk.rs`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

mod common;

use std::path::Path;

use cache_core::{Cache, ErrorKind, Timeout};
use cache_db::DatabaseCache;
use common::{LAYOUTS, cache_of};
use conformance_tests::faults::{SmallDisk, effort, record};

const KEYS: usize = 40;

fn key(n: usize) -> String {
    format!("key-{n}")
}

fn value(n: usize) -> String {
    key(n).repeat(30)
}

/// Returns what breaks the rules while the disk of `cache` is full. `is_settled`: the database has all its pages,
/// so that SQLite can write its log back and start it again.
fn while_full(cache: &Cache<DatabaseCache>, path: &Path, name: &str, is_settled: bool) -> Vec<String> {
    let mut problems = Vec::new();
    if is_settled {
        for n in 0..3 {
            let replaced = cache.set(&key(n), &value(n), Timeout::Never);
            match replaced.and_then(|()| cache.delete(&key(n + 3))) {
                Ok(true) if cache.get::<String>(&key(n + 3)).is_ok_and(|found| found.is_none()) => {}
                other => problems.push(format!("delete: {other:?}")),
            }
        }
    }
    // The file may have some room of its own left.
    let larger = |n: usize| cache.set(&format!("more-{n}"), &key(n).repeat(500), Timeout::Never);
    match (0..10_000).find_map(|n| larger(n).err()) {
        Some(e) if e.kind() == ErrorKind::Storage => {}
        other => problems.push(format!("set: {other:?}")),
    }
    for n in 6..KEYS {
        match cache.get::<String>(&key(n)) {
            Ok(Some(found)) if found == value(n) => {}
            other => problems.push(format!("get: {other:?}")),
        }
    }
    // Now the log holds what the database has no room for.
    match cache.delete(&key(7)) {
        Ok(true) => {}
        Err(e) if e.kind() == ErrorKind::Storage => {}
        other => problems.push(format!("delete: {other:?}")),
    }
    // Who comes now has nothing open yet.
    let newcomer = cache_of(name, path);
    match newcomer.get::<String>(&key(8)) {
        Ok(Some(found)) if found == value(8) => {}
        Err(e) if e.kind() == ErrorKind::Storage => {}
        other => problems.push(format!("a newcomer's get: {other:?}")),
    }
    problems
}

#[test]
fn a_full_disk_keeps_what_is_there_and_one_with_room_again_takes_more() {
    let rounds = effort(3, 50);
    for (name, _) in LAYOUTS {
        let mut problems = Vec::new();
        for round in 0..rounds {
            let disk = match SmallDisk::mount(2 << 20) {
                Ok(disk) => disk,
                Err(e) => return eprintln!("skipped: {e}"),
            };
            let path = disk.path().join("cache.db");
            let cache = cache_of(name, &path);
            for n in 0..KEYS {
                cache.set(&key(n), &value(n), Timeout::Never).unwrap();
            }
            // The log has been written back, or all is in it still.
            let is_settled = round % 2 == 0;
            if is_settled {
                cache.close().unwrap();
                // What is as it was is not written again.
                for n in 0..KEYS {
                    cache.set(&key(n), &value(n).to_uppercase(), Timeout::Never).unwrap();
                    cache.set(&key(n), &value(n), Timeout::Never).unwrap();
                }
            }
            let filler = disk.fill().unwrap();
            problems.extend(while_full(&cache, &path, name, is_settled));
            disk.make_room(&filler).unwrap();
            if let Err(e) = cache.set("again", &1, Timeout::Never) {
                problems.push(format!("the first set with room again: {e:?}"));
            }
            if cache.get::<i64>("again").unwrap() != Some(1) {
                problems.push("what was set with room again is not there".to_owned());
            }
        }
        let figure = format!(
            "{} of {rounds} full disks: sets are typed errors, gets work, and so do deletes where the database has \
             all its pages; the first set with room works",
            problems.len()
        );
        record(6, name, rounds, problems.len() as u64, &figure);
        assert!(problems.is_empty(), "{name}: {}", problems.join("\n"));
    }
}
