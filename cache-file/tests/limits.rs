//! What the store remembers of its limits, and who may change them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test a failure is a panic")]

mod common;

use std::fs;
use std::time::Duration;

use cache_core::{BaseCache as _, Cache, Timeout};
use cache_file::{FileCache, FileCacheBuilder, Layout};
use common::{dir, entry_files, files_where, state_file};
use tempfile::TempDir;

fn fill(cache: &Cache<FileCache>, keys: std::ops::Range<usize>) {
    let failed = cache.set_many(keys.map(|n| (format!("k{n}"), n)), Timeout::Never).unwrap();
    assert!(failed.is_empty(), "{failed:?}");
}

/// Another handle of the same directory.
fn open(dir: &TempDir, set: impl FnOnce(FileCacheBuilder) -> FileCacheBuilder) -> Cache<FileCache> {
    Cache::new(set(FileCache::builder(dir.path().join("cache"))).build().unwrap())
}

fn shown(cache: &Cache<FileCache>) -> Option<u64> {
    cache.info().unwrap().max_entries
}

fn entries(cache: &Cache<FileCache>) -> u64 {
    let files = entry_files(cache.backend().dir()).len() as u64;
    assert_eq!(cache.backend().entries().unwrap(), Some(files));
    files
}

#[test]
fn a_handle_that_names_no_limit_adopts_it_whatever_it_writes() {
    let dir = dir();
    fill(&open(&dir, |o| o.max_entries(100_000)), 0..1_000);
    let other = open(&dir, |o| o);
    assert_eq!(shown(&other), Some(100_000));
    other.set("probe", &1, Timeout::Never).unwrap();
    assert!(other.add("added", &1, Timeout::Never).unwrap());
    fill(&other, 1_000..1_050);
    other.incr("probe").unwrap();
    other.incr_version("added").unwrap();
    other.get_or_set("computed", Timeout::Never, || 1).unwrap();
    assert_eq!((entries(&other), shown(&other)), (1_053, Some(100_000)));
}

#[test]
fn no_limit_and_the_share_are_remembered_too() {
    let place = dir();
    fill(&open(&place, FileCacheBuilder::unlimited), 0..400);
    let other = open(&place, |o| o);
    other.set("probe", &1, Timeout::Never).unwrap();
    assert_eq!((entries(&other), shown(&other)), (401, None));

    let place = dir();
    fill(&open(&place, |o| o.max_entries(300).cull_frequency(100)), 0..300);
    let other = open(&place, |o| o);
    other.set("probe", &1, Timeout::Never).unwrap();
    assert_eq!(entries(&other), 298, "3 of 300 went");
}

#[test]
fn another_limit_changes_it_for_all_and_the_first_does_not_change_it_back() {
    let dir = dir();
    let first = open(&dir, |o| o.max_entries(1_000));
    fill(&first, 0..10);
    let second = open(&dir, |o| o.max_entries(20));
    second.get::<usize>("k1").unwrap();
    assert_eq!(shown(&second), Some(1_000), "what is in force, until it has a new entry");
    second.set("new", &1, Timeout::Never).unwrap();
    assert_eq!((shown(&first), shown(&second)), (Some(20), Some(20)));
    for n in 0..50 {
        first.set(&format!("new{n}"), &n, Timeout::Never).unwrap();
        assert!(entries(&first) <= 20);
    }
    first.close().unwrap();
    first.set("more", &1, Timeout::Never).unwrap();
    assert_eq!(shown(&first), Some(20));
}

#[test]
fn a_lower_limit_empties_the_store_step_by_step() {
    for (made_for, frequency) in [(None, 3), (Some(1), 1_000_000), (Some(100_000), 2)] {
        let dir = dir();
        // The maker's limit decides how many directories there are.
        let maker = open(&dir, |o| made_for.map_or(o.clone().unlimited(), |most| o.max_entries(most)));
        maker.set("first", &1, Timeout::Never).unwrap();
        let all = open(&dir, FileCacheBuilder::unlimited);
        fill(&all, 0..1_500);
        let lower = open(&dir, |o| o.max_entries(10).cull_frequency(frequency));
        let mut before = entries(&all);
        let mut writes = 0;
        while before > 10 {
            let key = format!("new{writes}");
            match writes % 2 {
                0 => lower.set(&key, &writes, Timeout::Never).unwrap(),
                _ => assert!(lower.add(&key, &writes, Timeout::Never).unwrap()),
            }
            assert_eq!(lower.get::<i32>(&key).unwrap(), Some(writes), "the new key survives");
            let now = entries(&all);
            assert!(now < before || now <= 10, "{now} entries after {before}");
            before = now;
            writes += 1;
            assert!(writes < 1_500, "{before} entries are left");
        }
        for n in 0..30 {
            all.set(&format!("later{n}"), &n, Timeout::Never).unwrap();
            assert!(entries(&all) <= 10, "the others follow");
        }
    }
}

#[test]
fn a_lower_limit_does_not_wait_for_places_that_nobody_takes() {
    let dir = dir();
    fill(&open(&dir, FileCacheBuilder::unlimited), 0..1_000);
    // With no patience at all the first set must succeed: there is nobody to wait for.
    let lower = open(&dir, |o| o.max_entries(10).lock_timeout(Duration::ZERO));
    for n in 0..20 {
        lower.set(&format!("new{n}"), &n, Timeout::Never).unwrap();
    }
}

/// Writes the header as the version before this one did.
fn older_header(dir: &TempDir) {
    let file = state_file(&dir.path().join("cache"));
    let mut bytes = fs::read(&file).unwrap();
    let number = |at: usize, len: usize| {
        bytes[at..at + len].iter().rev().fold(0_u64, |n, byte| n << 8 | u64::from(*byte))
    };
    let (shards, unlisted, total) = (number(8, 2) as u32, number(10, 2) as u32, number(16, 6));
    bytes[..8].copy_from_slice(b"RCFSTAT1");
    bytes[8..12].copy_from_slice(&shards.to_le_bytes());
    bytes[12..16].copy_from_slice(&unlisted.to_le_bytes());
    bytes[16..24].copy_from_slice(&total.to_le_bytes());
    bytes[24..28].fill(0);
    let sum = crc32fast::hash(&bytes[..28]);
    bytes[28..32].copy_from_slice(&sum.to_le_bytes());
    fs::write(file, bytes).unwrap();
}

#[test]
fn a_store_of_an_older_version_loses_nothing_to_a_handle_that_names_none() {
    for (held, limit) in [(900, None), (300, Some(300)), (5, Some(300))] {
        let dir = dir();
        fill(&open(&dir, |o| o.max_entries(100_000)), 0..held);
        older_header(&dir);
        let other = open(&dir, |o| o);
        assert_eq!((entries(&other), shown(&other)), (held as u64, limit));
        other.set("k1", &1, Timeout::Never).unwrap();
        assert_eq!(entries(&other), held as u64);
        if held != 300 {
            other.set("probe", &1, Timeout::Never).unwrap();
            assert_eq!((entries(&other), shown(&other)), (held as u64 + 1, limit));
        }
        open(&dir, |o| o.max_entries(100_000)).set("named", &1, Timeout::Never).unwrap();
        assert_eq!(shown(&other), Some(100_000));
    }
}

#[test]
fn a_damaged_or_lost_record_of_the_limits_removes_nothing() {
    for at in [12, 22, 24, 26, 29] {
        let dir = dir();
        let first = open(&dir, |o| o.max_entries(1_000));
        fill(&first, 0..500);
        let file = state_file(&dir.path().join("cache"));
        let mut bytes = fs::read(&file).unwrap();
        bytes[at] ^= 0x21;
        fs::write(&file, bytes).unwrap();
        for n in 0..50 {
            open(&dir, |o| o).set(&format!("new{n}"), &n, Timeout::Never).unwrap();
        }
        assert_eq!(entries(&first), 550, "{at}");
        fs::remove_file(&file).unwrap();
        first.set("one more", &1, Timeout::Never).unwrap();
        assert_eq!(entries(&first), 551, "{at}");
    }
}

#[test]
fn a_tool_evicts_nothing_unless_told_in_any_layout() {
    for layout in [
        Layout::Native,
        #[cfg(feature = "django")]
        Layout::Django,
    ] {
        let place = dir();
        let files = || {
            let of_an_entry = |name: &str| name.ends_with(".cache") || name.ends_with(".djcache");
            files_where(&place.path().join("cache"), of_an_entry).len()
        };
        fill(&open(&place, |o| o.unlimited().layout(layout)), 0..600);
        let tool = open(&place, |o| o.no_default_limit().layout(layout));
        tool.set("probe", &1, Timeout::Never).unwrap();
        fill(&tool, 600..650);
        assert_eq!((files(), shown(&tool)), (651, None), "{layout:?}");
        let named = open(&place, |o| o.no_default_limit().max_entries(50).layout(layout));
        for n in 0..700 {
            named.set(&format!("new{n}"), &1, Timeout::Never).unwrap();
        }
        assert!(files() <= 50, "{layout:?}: {}", files());
        assert_eq!(shown(&named), Some(50));
    }
    // What it makes remembers no limit, and takes that of the first service.
    let place = dir();
    let tool = open(&place, FileCacheBuilder::no_default_limit);
    fill(&tool, 0..10);
    assert_eq!(shown(&tool), None);
    open(&place, |o| o).set("k", &1, Timeout::Never).unwrap();
    assert_eq!(shown(&tool), Some(300));
}

#[cfg(feature = "django")]
#[test]
fn a_lower_limit_empties_a_directory_of_django_step_by_step() {
    let dir = dir();
    let all = open(&dir, |o| o.unlimited().layout(Layout::Django));
    fill(&all, 0..2_500);
    let lower = open(&dir, |o| o.max_entries(10).layout(Layout::Django));
    let mut before = 2_500;
    for n in 0..10 {
        lower.set(&format!("new{n}"), &n, Timeout::Never).unwrap();
        let now = all.backend().entries().unwrap().unwrap();
        assert!(now < before || now <= 10, "{now} entries after {before}");
        assert!(before.saturating_sub(now) <= 1_050, "{now} after {before}: one write did too much");
        before = now;
    }
    assert!(before <= 10, "{before}");
}
