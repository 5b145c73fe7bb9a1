//! Table names, other tables in the same file, and tables that are not this cache's.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

mod common;

use std::path::Path;
use std::time::Duration;

use cache_core::{BaseCache, ErrorKind, Timeout};
use cache_db::{DatabaseCache, Layout};
use common::{LAYOUTS, build, cache, count, look, place, rows_and_count};
use conformance_tests::faults::record;

fn schema(path: &Path) -> Vec<String> {
    let conn = look(path);
    let mut statement = conn
        .prepare("SELECT type || ' ' || name || ' ' || tbl_name || ifnull(sql, '') FROM sqlite_schema")
        .unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn any_name_makes_a_table_of_its_own() {
    let long = "y".repeat(128);
    let names = [
        "a",
        "a_state",
        "a~insert",
        "a~delete",
        "a~state2",
        "a b",
        "a\"b",
        "a\"\"b",
        "a'b",
        "a;b",
        "x\"; DROP TABLE victim; --",
        "x'); DROP TABLE victim; --",
        "select",
        "table",
        "清",
        "İ",
        "]",
        "[x]",
        "`",
        "a\nb",
        "main.x",
        "--",
        "/*",
        "$1",
        "?1",
        "%",
        "1",
        " ",
        "\t",
        "victim ",
        "rowid",
        long.as_str(),
    ];
    for (backend, layout) in LAYOUTS {
        let (_dir, path) = place();
        let conn = look(&path);
        conn.execute_batch("CREATE TABLE victim (x); INSERT INTO victim VALUES (1)").unwrap();
        let options = |name: &str| DatabaseCache::builder(&path).table(name).layout(*layout).max_entries(3);
        let caches: Vec<_> = names.iter().map(|name| build(options(name))).collect();
        // The table, its index, what keeps the count, and what remembers the limits.
        let made = if *layout == Layout::Native { 6 } else { 3 };
        let mut changes = 0;
        for (i, cache) in caches.iter().enumerate() {
            let before = schema(&path);
            for n in 0..5 {
                cache.set(&format!("{n}"), &i, Timeout::Never).unwrap();
            }
            let after = schema(&path);
            let new = &after[before.len().min(after.len())..];
            let names_it = |object: &String| object.contains(names[i]) || names[i].contains('"');
            let is_its_own = after.starts_with(&before) && new.len() == made && new.iter().all(names_it);
            changes += u64::from(!is_its_own);
        }
        let tried = names.len() as u64;
        record(
            28,
            backend,
            tried,
            changes,
            &format!("{changes} foreign schema changes by {tried} hostile names"),
        );
        assert_eq!(changes, 0, "{backend}");
        for (i, cache) in caches.iter().enumerate() {
            assert_eq!(cache.get::<usize>("4").unwrap(), Some(i), "{:?}", names[i]);
        }
        for (i, cache) in caches.iter().enumerate().skip(1) {
            assert!(cache.backend().entries().unwrap().unwrap() <= 3);
            cache.clear().unwrap();
            assert_eq!(cache.backend().entries().unwrap(), Some(0), "{:?}", names[i]);
        }
        assert_eq!(caches[0].get::<usize>("4").unwrap(), Some(0));
        assert_eq!(count(&conn, "SELECT count(*) FROM victim"), 1);
    }
}

#[test]
fn names_that_differ_in_case_are_one_table() {
    let (_dir, path) = place();
    build(DatabaseCache::builder(&path).table("Sessions")).set("k", &1, Timeout::Never).unwrap();
    let other = build(DatabaseCache::builder(&path).table("sessions"));
    assert_eq!(other.get::<i64>("k").unwrap(), Some(1));
    assert_eq!(rows_and_count(&path, "SESSIONS"), (1, 1));
}

#[test]
fn other_tables_and_databases_are_spared() {
    for (backend, layout) in LAYOUTS {
        let (dir, path) = place();
        let conn = look(&path);
        conn.execute_batch(
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, key TEXT, cache_key TEXT, expires INTEGER); \
             INSERT INTO orders (key, expires) VALUES ('k', 0), ('l', 0); CREATE INDEX by_key ON orders (key)",
        )
        .unwrap();
        let before = schema(&path);
        let beside = ["other.db", "cache.db2", "cache.db-wal2", "cache.db.bak", "cache"];
        let mut tenants: Vec<_> = beside.map(|name| dir.path().join(name)).into();
        for file in &tenants {
            std::fs::write(file, "of somebody else").unwrap();
        }
        let options = |table: &str| DatabaseCache::builder(&path).layout(*layout).table(table);
        let neighbour = build(options("cache2").unlimited());
        neighbour.set("k", &1, Duration::from_millis(1)).unwrap();
        neighbour.set("l", &2, Timeout::Never).unwrap();
        let cache = build(options("cache").max_entries(2));
        for i in 0..200 {
            let timeout = Duration::from_millis(1 + i % 2 * 100_000);
            cache.set(&i.to_string(), &i, timeout).unwrap();
        }
        cache.purge_expired().unwrap();
        cache.clear().unwrap();
        cache.close().unwrap();
        tenants.retain(|file| std::fs::read(file).is_ok_and(|bytes| bytes == b"of somebody else"));
        let others = "SELECT count(*) FROM orders WHERE key IN ('k', 'l') AND expires = 0";
        let spared = [
            schema(&path).starts_with(&before),
            count(&conn, others) == 2,
            count(&conn, "SELECT count(*) FROM cache2") == 2,
            tenants.len() == beside.len(),
        ];
        let touched = spared.iter().filter(|spared| !**spared).count();
        record(
            25,
            backend,
            203,
            touched as u64,
            "two other tables, their schema and five files beside are spared",
        );
        assert_eq!(spared, [true; 4], "{backend}");
    }
}

#[test]
fn a_foreign_table_of_the_name_is_left_alone() {
    for foreign in [
        "CREATE TABLE cache (cache_key TEXT PRIMARY KEY, value TEXT, expires TEXT)",
        "CREATE TABLE Cache (id INTEGER PRIMARY KEY)",
        "CREATE TABLE t (x); CREATE VIEW cache AS SELECT x FROM t",
        "CREATE TABLE t (x); CREATE INDEX cache ON t (x)",
        "CREATE TABLE \"cache~state\" (x)",
        "CREATE TABLE t (x); CREATE TRIGGER \"cache~insert\" AFTER INSERT ON t BEGIN DELETE FROM t; END",
    ] {
        let (_dir, path) = place();
        look(&path).execute_batch(foreign).unwrap();
        let (before, bytes) = (schema(&path), std::fs::read(&path).unwrap());
        let cache = cache(&path);
        for e in [
            cache.get::<i64>("k").unwrap_err(),
            cache.set("k", &1, Timeout::Never).unwrap_err(),
            cache.clear().unwrap_err(),
            cache.backend().create_table(false).unwrap_err(),
        ] {
            assert_eq!(e.kind(), ErrorKind::InvalidCacheBackend, "{foreign}: {e}");
            assert!(e.to_string().contains("nothing was changed"), "{e}");
        }
        assert_eq!(schema(&path), before);
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "{foreign}");
    }
}

#[test]
fn a_table_dropped_or_halved_underneath_is_made_anew() {
    let (_dir, path) = place();
    let cache = cache(&path);
    for drop in
        ["DROP TABLE cache", "DROP TABLE cache; DROP TABLE \"cache~state\"", "DROP TABLE \"cache~state\""]
    {
        cache.set("k", &1, Timeout::Never).unwrap();
        look(&path).execute_batch(drop).unwrap();
        cache.set("l", &2, Timeout::Never).unwrap();
        assert_eq!(cache.get::<i64>("l").unwrap(), Some(2), "{drop}");
        let (rows, entries) = rows_and_count(&path, "cache");
        assert_eq!(rows, entries, "{drop}");
    }
    look(&path).execute_batch("DROP TABLE cache").unwrap();
    assert_eq!(cache.get::<i64>("l").unwrap(), None);
    cache.set("l", &2, Timeout::Never).unwrap();
    // If a trigger was dropped, the next process restores it and counts again.
    look(&path).execute_batch("DROP TRIGGER \"cache~insert\"").unwrap();
    cache.set("m", &1, Timeout::Never).unwrap();
    let next = common::cache(&path);
    next.set("n", &1, Timeout::Never).unwrap();
    assert_eq!(rows_and_count(&path, "cache"), (3, 3));
}

#[test]
fn errors_hold_no_values() {
    let (_dir, path) = place();
    let cache = cache(&path);
    cache.set("k", "harmless", Timeout::Never).unwrap();
    look(&path)
        .execute_batch(
            "CREATE TRIGGER tell BEFORE UPDATE ON cache BEGIN \
             SELECT RAISE(ABORT, 'secret'); END",
        )
        .unwrap();
    let e = cache.set("k", "secret", Timeout::Never).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Storage);
    assert!(!format!("{e} {e:?}").contains("secret"), "{e} {e:?}");
    assert_eq!(cache.get::<String>("k").unwrap().as_deref(), Some("harmless"));
}
