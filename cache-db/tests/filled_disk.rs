//! A disk that the cache itself has filled up can be emptied again.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

mod common;

use cache_core::{Cache, ErrorKind, Timeout};
use cache_db::DatabaseCache;
use common::{LAYOUTS, cache_of, check, count, look};
use conformance_tests::faults::{SmallDisk, effort, record};

/// What the database is before the cache comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// Not there: this crate makes it, with a write-ahead log.
    Nothing,
    /// An application's, with a rollback journal and a table of its own.
    Application,
}

/// One way to fill a disk: its size, and how it goes.
#[derive(Clone, Copy, Debug)]
struct Filling {
    kib: u64,
    name: &'static str,
    before: Before,
    /// The first values are so large; smaller ones follow, until not even the smallest fits.
    largest: usize,
}

fn room(disk: &SmallDisk) -> u64 {
    let disk = rustix::fs::statvfs(disk.path()).unwrap();
    disk.f_bavail * disk.f_frsize
}

/// Sets new keys until the disk is full, down to the smallest. Returns how many there are.
fn fill(cache: &Cache<DatabaseCache>, filling: Filling) -> Result<usize, String> {
    let (mut keys, mut size) = (0, filling.largest);
    while size > 0 {
        match cache.set(&format!("key-{keys}"), &"x".repeat(size), Timeout::Never) {
            Ok(()) => keys += 1,
            Err(e) if e.kind() == ErrorKind::Storage => size /= 4,
            Err(e) => return Err(format!("a set of {size} bytes: {:?}: {e}", e.kind())),
        }
    }
    Ok(keys)
}

fn empty_again(filling: Filling) -> Result<(), String> {
    let Filling { name, before, .. } = filling;
    let disk = SmallDisk::mount(filling.kib << 10).map_err(|e| e.to_string())?;
    let path = disk.path().join("cache.db");
    if before == Before::Application {
        let application = look(&path);
        application.execute_batch("CREATE TABLE orders (id INTEGER PRIMARY KEY, what TEXT)").unwrap();
        for n in 0..50 {
            application.execute("INSERT INTO orders VALUES (?1, ?2)", (n, "o".repeat(100))).unwrap();
        }
    }
    let cache = cache_of(name, &path);
    cache.set("first", &1, Timeout::Never).map_err(|e| e.to_string())?;
    let at_first = room(&disk);
    let keys = fill(&cache, filling)?;
    if keys < 10 {
        return Err(format!("only {keys} keys fitted"));
    }
    // Somebody who comes now has nothing open yet, and somebody else has it open.
    let newcomer = cache_of(name, &path);
    let other = cache_of(name, &path);
    drop(other.get::<i64>("first"));
    match cache.delete("first") {
        Ok(_) => {}
        Err(e) if e.kind() == ErrorKind::Storage => {}
        Err(e) => return Err(format!("delete: {:?}: {e}", e.kind())),
    }
    newcomer.clear().map_err(|e| format!("clear: {:?}: {e}", e.kind()))?;
    for handle in [&cache, &other, &newcomer] {
        let found = handle.get::<String>("key-3").map_err(|e| format!("get: {e}"))?;
        if found.is_some() {
            return Err("a cleared entry is still present".to_owned());
        }
    }
    if before == Before::Nothing && room(&disk) * 10 < at_first * 8 {
        return Err(format!("of {at_first} bytes clear gave back {}", room(&disk)));
    }
    for (n, handle) in [&cache, &other, &newcomer].into_iter().enumerate() {
        let key = format!("after-{n}");
        handle.set(&key, &"y".repeat(500), Timeout::Never).map_err(|e| format!("set after clear: {e}"))?;
        handle.delete("key-1").map_err(|e| format!("delete after clear: {e}"))?;
        if !cache.delete(&key).map_err(|e| format!("delete after clear: {e}"))? {
            return Err("a delete after clear found nothing".to_owned());
        }
    }
    if before == Before::Application {
        let orders = count(&look(&path), "SELECT count(*) FROM orders WHERE length(what) = 100");
        if orders != 50 {
            return Err(format!("the application has {orders} of its 50 rows"));
        }
    }
    let (whole, rows, counted) = check(&path, name, "cache");
    if whole != "ok" || rows != counted {
        return Err(format!("{whole}, {rows} rows, {counted} counted"));
    }
    // It fills up again as far as at first.
    let again = fill(&cache, filling)?;
    // The application's file keeps its size.
    let least = if before == Before::Nothing { keys / 2 } else { 10 };
    if again < least {
        return Err(format!("{again} keys fit where {keys} did"));
    }
    Ok(())
}

#[test]
fn what_the_cache_filled_itself_is_emptied_by_clear() {
    if let Err(e) = SmallDisk::mount(1 << 20) {
        return eprintln!("skipped: {e}");
    }
    let sizes = effort(4, 25);
    let mut all = Vec::new();
    for (name, _) in LAYOUTS {
        let mut problems = Vec::new();
        let mut rounds = 0;
        for round in 0..sizes {
            for before in [Before::Nothing, Before::Application] {
                if *name == "db" && before == Before::Application {
                    continue;
                }
                let kib = 512 + round * 148;
                let filling =
                    Filling { kib, name, before, largest: [4_000, 300, 30_000][round as usize % 3] };
                rounds += 1;
                if let Err(what) = empty_again(filling) {
                    problems.push(format!("{filling:?}: {what}"));
                }
            }
        }
        let figure =
            format!("{} of {rounds} disks that the cache filled: clear empties them", problems.len());
        record(6, name, rounds, problems.len() as u64, &figure);
        all.extend(problems);
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}
