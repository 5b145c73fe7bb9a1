//! What the table remembers of its limits, and who may change them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::path::Path;

use cache_core::{BaseCache, Cache, Timeout};
use cache_db::{DatabaseCache, DatabaseCacheBuilder};
use common::{build, count, look, place, rows_and_count};

fn fill(cache: &Cache<DatabaseCache>, keys: std::ops::Range<usize>) {
    let failed = cache.set_many(keys.map(|i| (i.to_string(), i)), Timeout::Never).unwrap();
    assert!(failed.is_empty(), "{failed:?}");
}

fn unnamed(path: &Path) -> Cache<DatabaseCache> {
    build(DatabaseCache::builder(path))
}

fn limit_shown(cache: &Cache<DatabaseCache>) -> Option<u64> {
    cache.info().unwrap().max_entries
}

fn rows(path: &Path) -> i64 {
    let (rows, counted) = rows_and_count(path, "cache");
    assert_eq!(rows, counted);
    rows
}

#[test]
fn a_handle_that_names_no_limit_adopts_it_whatever_it_writes() {
    let (_dir, path) = place();
    fill(&build(DatabaseCache::builder(&path).max_entries(100_000)), 0..2_000);
    let other = unnamed(&path);
    assert_eq!(limit_shown(&other), Some(100_000));
    other.set("probe", &1, Timeout::Never).unwrap();
    assert!(other.add("added", &1, Timeout::Never).unwrap());
    fill(&other, 2_000..2_100);
    other.incr("probe").unwrap();
    other.incr_version("added").unwrap();
    other.get_or_set("computed", Timeout::Never, || 1).unwrap();
    assert_eq!((rows(&path), limit_shown(&other)), (2_103, Some(100_000)));
}

#[test]
fn no_limit_is_remembered_as_a_limit_is() {
    let (_dir, path) = place();
    fill(&build(DatabaseCache::builder(&path).unlimited()), 0..1_000);
    let other = unnamed(&path);
    other.set("probe", &1, Timeout::Never).unwrap();
    assert_eq!((rows(&path), limit_shown(&other)), (1_001, None));
}

#[test]
fn the_share_is_remembered_too() {
    let (_dir, path) = place();
    fill(&build(DatabaseCache::builder(&path).max_entries(300).cull_frequency(100)), 0..300);
    unnamed(&path).set("probe", &1, Timeout::Never).unwrap();
    assert_eq!(rows(&path), 298, "3 of 300 went");
    // A share alone names no limit.
    build(DatabaseCache::builder(&path).cull_frequency(2)).set("more", &1, Timeout::Never).unwrap();
    assert_eq!(limit_shown(&unnamed(&path)), Some(300));
    assert_eq!(count(&look(&path), "SELECT cull_frequency FROM \"cache~limits\""), 2);
}

#[test]
fn another_limit_changes_it_for_all_and_the_first_does_not_change_it_back() {
    let (_dir, path) = place();
    let first = build(DatabaseCache::builder(&path).max_entries(1_000));
    fill(&first, 0..10);
    let second = build(DatabaseCache::builder(&path).max_entries(20));
    assert_eq!(limit_shown(&second), Some(1_000), "what is in force, until it writes");
    second.get::<usize>("1").unwrap();
    second.set("1", &1, Timeout::Never).unwrap();
    assert_eq!((limit_shown(&first), limit_shown(&second)), (Some(20), Some(20)));
    for i in 0..50 {
        first.set(&format!("new{i}"), &i, Timeout::Never).unwrap();
        assert!(rows(&path) <= 20);
    }
    // New connections of the first do not speak again.
    first.close().unwrap();
    first.set("more", &1, Timeout::Never).unwrap();
    assert_eq!(limit_shown(&first), Some(20));
}

#[test]
fn a_lower_limit_empties_the_table_step_by_step() {
    for (options, step) in [(3, 1_000), (1_000_000, 1_000), (2, 1_000)] {
        let (_dir, path) = place();
        fill(&build(DatabaseCache::builder(&path).unlimited()), 0..5_000);
        let lower = build(DatabaseCache::builder(&path).max_entries(10).cull_frequency(options));
        let mut before = rows(&path);
        for i in 0..30 {
            let key = format!("new{i}");
            match i % 3 {
                0 => lower.set(&key, &i, Timeout::Never).unwrap(),
                1 => assert!(lower.add(&key, &i, Timeout::Never).unwrap()),
                _ => assert!(lower.set_many([(&key, i)], Timeout::Never).unwrap().is_empty()),
            }
            assert_eq!(lower.get::<i32>(&key).unwrap(), Some(i), "the new key survives");
            let now = rows(&path);
            assert!(now < before || now <= 10, "{now} rows after {before}");
            assert!(before - now < step, "{now} rows after {before}: one write did too much");
            before = now;
        }
        assert!(before <= 10, "{before}");
    }
}

/// As an older version of this crate left it.
fn forget(path: &Path) {
    look(path).execute_batch("DROP TABLE \"cache~limits\"").unwrap();
}

#[test]
fn a_table_of_an_older_version_loses_nothing_to_a_handle_that_names_none() {
    for (entries, shown) in [(2_000_usize, None), (300, Some(300)), (5, Some(300))] {
        let (_dir, path) = place();
        fill(&build(DatabaseCache::builder(&path).max_entries(100_000)), 0..entries);
        forget(&path);
        let other = unnamed(&path);
        assert_eq!(other.get::<usize>("1").unwrap(), Some(1), "an existing entry is read");
        assert_eq!(limit_shown(&other), shown, "of {entries}");
        other.set("1", &1, Timeout::Never).unwrap();
        assert_eq!(rows(&path), entries as i64);
        other.set("probe", &1, Timeout::Never).unwrap();
        assert_eq!(limit_shown(&other), shown, "of {entries}");
        if entries != 300 {
            assert_eq!(rows(&path), entries as i64 + 1);
        }
        // Who names it is heard.
        build(DatabaseCache::builder(&path).max_entries(100_000)).set("k", &1, Timeout::Never).unwrap();
        assert_eq!(limit_shown(&other), Some(100_000));
    }
}

#[test]
fn a_damaged_record_of_the_limits_removes_nothing() {
    for damage in [
        "UPDATE \"cache~limits\" SET max_entries = 16",
        "UPDATE \"cache~limits\" SET cull_frequency = 0",
        "UPDATE \"cache~limits\" SET sum = sum + 1, max_entries = 500",
        "DELETE FROM \"cache~limits\"",
    ] {
        let (_dir, path) = place();
        let first = build(DatabaseCache::builder(&path).max_entries(1_000));
        fill(&first, 0..500);
        look(&path).execute_batch(damage).unwrap();
        for i in 0..70 {
            first.set(&format!("new{i}"), &i, Timeout::Never).unwrap();
        }
        assert_eq!(rows(&path), 570, "{damage}");
        // A new handle that names one has it remembered again.
        build(DatabaseCache::builder(&path).max_entries(900)).set("k", &1, Timeout::Never).unwrap();
        assert_eq!(limit_shown(&unnamed(&path)), Some(900), "{damage}");
    }
    // A limit that damage made larger is found before the table has grown by much.
    let (_dir, path) = place();
    let first = build(DatabaseCache::builder(&path).max_entries(50));
    fill(&first, 0..10);
    look(&path).execute_batch("UPDATE \"cache~limits\" SET max_entries = 1 << 40").unwrap();
    for i in 0..500 {
        first.set(&format!("new{i}"), &i, Timeout::Never).unwrap();
    }
    assert!(rows(&path) <= 300, "{} rows", rows(&path));
}

#[test]
fn a_file_that_was_removed_under_a_handle_gets_its_limits_again() {
    let (_dir, path) = place();
    let service = unnamed(&path);
    service.set("k", &1, Timeout::Never).unwrap();
    std::fs::remove_file(&path).unwrap();
    // A tool creates it again and names no limits.
    build(DatabaseCache::builder(&path).no_default_limit()).set("k", &1, Timeout::Never).unwrap();
    for i in 0..400 {
        service.set(&format!("new{i}"), &i, Timeout::Never).unwrap();
    }
    assert!(rows(&path) <= 300, "{} rows", rows(&path));
    assert_eq!(limit_shown(&service), Some(300));
}

/// The options of a tool that looks into somebody's cache.
fn tool(path: &Path, set: impl FnOnce(DatabaseCacheBuilder) -> DatabaseCacheBuilder) -> Cache<DatabaseCache> {
    build(set(DatabaseCache::builder(path).no_default_limit()))
}

#[test]
fn a_tool_evicts_nothing_unless_told_in_any_layout() {
    for (name, layout) in common::LAYOUTS {
        let (_dir, path) = place();
        fill(&common::cache_of(name, &path), 0..1_000);
        let unnamed_tool = tool(&path, |options| options.layout(*layout));
        unnamed_tool.set("probe", &1, Timeout::Never).unwrap();
        fill(&unnamed_tool, 1_000..1_100);
        assert_eq!(count(&look(&path), "SELECT count(*) FROM cache"), 1_101, "{name}");
        assert_eq!(limit_shown(&unnamed_tool), None, "{name}");
        // A share alone does not set a limit.
        tool(&path, |options| options.layout(*layout).cull_frequency(2))
            .set("p", &1, Timeout::Never)
            .unwrap();
        assert_eq!(count(&look(&path), "SELECT count(*) FROM cache"), 1_102, "{name}");
        // Named, it is.
        let named = tool(&path, |options| options.layout(*layout).max_entries(50));
        for i in 0..50 {
            named.set(&format!("new{i}"), &1, Timeout::Never).unwrap();
        }
        assert!(count(&look(&path), "SELECT count(*) FROM cache") <= 50, "{name}");
        assert_eq!(limit_shown(&named), Some(50), "{name}");
    }
}

#[test]
fn a_table_that_a_tool_made_takes_the_limit_of_the_first_service() {
    let (_dir, path) = place();
    let tool = tool(&path, |options| options);
    fill(&tool, 0..10);
    assert_eq!(limit_shown(&tool), None);
    unnamed(&path).set("k", &1, Timeout::Never).unwrap();
    assert_eq!(limit_shown(&tool), Some(300));
}

#[cfg(feature = "django")]
#[test]
fn a_lower_limit_empties_a_table_of_django_step_by_step() {
    let (_dir, path) = place();
    let all = common::cache_of("db-django", &path);
    fill(&all, 0..3_000);
    let lower = build(DatabaseCache::builder(&path).layout(common::layout("db-django")).max_entries(10));
    let mut before = 3_000;
    for i in 0..20 {
        lower.set(&format!("new{i}"), &i, Timeout::Never).unwrap();
        let now = all.backend().entries().unwrap().unwrap();
        assert!(now < before || now <= 10, "{now} rows after {before}");
        assert!(before.saturating_sub(now) <= 1_000, "{now} rows after {before}: one write did too much");
        before = now;
    }
    assert!(before <= 10, "{before}");
}
