//! What others put into the directory, and what they take away.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test a failure is a panic")]

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cache_core::{BaseCache as _, Cache, ErrorKind, Timeout};
use cache_file::FileCache;
use common::{cache, dir, entry_files, only_file, state_file, temp_files};
use conformance_tests::faults::record;
use rustix::fs::{CWD, FileType, Mode, mkfifoat, mknodat};

const HOUR: Duration = Duration::from_secs(3_600);

/// Nothing is under `k`, and a set repairs that.
fn is_a_miss_until_set(cache: &Cache<FileCache>, backend: &FileCache, what: &str) {
    assert_eq!(cache.get::<String>("k").unwrap(), None, "{what}");
    assert!(!cache.has_key("k").unwrap() && !cache.touch("k", HOUR).unwrap(), "{what}");
    assert!(!cache.delete("k").unwrap(), "{what}");
    assert_eq!(cache.incr("k").unwrap_err().kind(), ErrorKind::KeyNotFound, "{what}");
    cache.set("k", "mine", HOUR).unwrap();
    assert_eq!(cache.get::<String>("k").unwrap().as_deref(), Some("mine"), "{what}");
    assert!(fs::symlink_metadata(only_file(backend.dir())).unwrap().is_file(), "{what}");
    assert_eq!(backend.entries().unwrap(), Some(1), "{what}");
    assert!(cache.delete("k").unwrap(), "{what}");
}

#[test]
fn links_fifos_and_sockets_in_an_entrys_place_are_not_followed() {
    let (dir, backend, cache) = cache(|o| o);
    cache.set("k", "theirs", HOUR).unwrap();
    let file = only_file(backend.dir());
    let outside = dir.path().join("outside");
    fs::copy(&file, &outside).unwrap();
    let before = fs::read(&outside).unwrap();
    cache.delete("k").unwrap();
    // Even to a good entry of the same key.
    symlink(&outside, &file).unwrap();
    is_a_miss_until_set(&cache, &backend, "link");
    assert_eq!(fs::read(&outside).unwrap(), before);
    symlink("nowhere", &file).unwrap();
    is_a_miss_until_set(&cache, &backend, "dangling link");
    mkfifoat(CWD, &file, Mode::RUSR | Mode::WUSR).unwrap();
    is_a_miss_until_set(&cache, &backend, "FIFO");
    // Made as a node: a socket bound by its path may not have a path over 107 bytes.
    mknodat(CWD, &file, FileType::Socket, Mode::RUSR | Mode::WUSR, 0).unwrap();
    is_a_miss_until_set(&cache, &backend, "socket");
    symlink(&outside, &file).unwrap();
    cache.clear().unwrap();
    backend.purge_expired().unwrap();
    assert_eq!(fs::read(&outside).unwrap(), before);
}

#[test]
fn a_directory_in_an_entrys_place_is_a_miss_and_a_set_names_it() {
    let (_dir, backend, cache) = cache(|o| o);
    cache.set("k", "v", HOUR).unwrap();
    let file = only_file(backend.dir());
    cache.delete("k").unwrap();
    fs::create_dir(&file).unwrap();
    fs::write(file.join("inside"), "x").unwrap();
    assert_eq!(cache.get::<String>("k").unwrap(), None);
    assert!(!cache.has_key("k").unwrap() && !cache.delete("k").unwrap());
    let error = cache.set("k", "secret", HOUR).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
    assert!(!format!("{error:?}{error}").contains("secret"));
    cache.clear().unwrap();
    backend.purge_expired().unwrap();
    assert_eq!(fs::read(file.join("inside")).unwrap(), b"x");
    assert_eq!((backend.entries().unwrap(), temp_files(backend.dir()).len()), (Some(0), 0));
}

#[test]
fn a_linked_shard_or_state_is_refused_and_nothing_outside_is_touched() {
    let (dir, backend, cache) = cache(|o| o);
    cache.set("k", "v", HOUR).unwrap();
    let shard = only_file(backend.dir()).parent().unwrap().to_path_buf();
    let outside = dir.path().join("outside");
    fs::rename(&shard, &outside).unwrap();
    symlink(&outside, &shard).unwrap();
    assert_eq!(cache.get::<String>("k").unwrap(), None);
    let error = cache.set("k", "w", HOUR).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage, "{error}");
    assert!(error.to_string().contains(shard.to_str().unwrap()), "{error}");
    cache.clear().unwrap();
    assert_eq!(entry_files(&outside).len(), 1);
    fs::remove_file(&shard).unwrap();
    fs::rename(&outside, &shard).unwrap();
    let state = state_file(backend.dir());
    fs::rename(&state, &outside).unwrap();
    let before = fs::read(&outside).unwrap();
    symlink(&outside, &state).unwrap();
    let error = cache.set("new", "w", HOUR).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage, "{error}");
    assert!(error.to_string().contains(state.to_str().unwrap()), "{error}");
    assert_eq!(fs::read(&outside).unwrap(), before);
}

#[test]
fn a_root_that_is_not_safe_is_refused_before_anything_is_written() {
    let dir = dir();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at("good")).unwrap();
    symlink(at("good"), at("link")).unwrap();
    fs::write(at("file"), "x").unwrap();
    // The group of a user may be one without other members; root's is not taken for one.
    let group = if rustix::process::geteuid().is_root() { 0o770 } else { 0o772 };
    for (name, mode) in [("world", 0o702), ("group", group)] {
        fs::create_dir(at(name)).unwrap();
        fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    for name in ["link", "file", "world", "group"] {
        let cache = Cache::new(FileCache::new(at(name)));
        for error in [
            cache.set("k", "v", HOUR).unwrap_err(),
            cache.get::<String>("k").unwrap_err(),
            cache.clear().unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidCacheBackend, "{name}: {error}");
            assert!(error.to_string().contains(name), "{error}");
        }
    }
    assert_eq!(fs::read(at("file")).unwrap(), b"x");
    for name in ["good", "world", "group"] {
        assert_eq!(fs::read_dir(at(name)).unwrap().count(), 0, "{name}");
    }
    // A file where a directory above should be.
    let error = Cache::new(FileCache::new(at("file/below/cache"))).set("k", "v", HOUR).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidCacheBackend, "{error}");
    assert!(error.to_string().contains("file"), "{error}");
}

#[test]
fn settings_that_cannot_be_used_are_refused_at_build() {
    for bad in [
        FileCache::builder("/x").max_entries(0).build(),
        FileCache::builder("").build(),
        FileCache::builder("/a\0b").build(),
    ] {
        assert_eq!(bad.unwrap_err().kind(), ErrorKind::InvalidCacheBackend);
    }
    let empty = Cache::new(FileCache::new("")).set("k", "v", HOUR).unwrap_err();
    assert_eq!(empty.kind(), ErrorKind::InvalidCacheBackend, "{empty}");
}

#[test]
fn building_and_reading_make_no_directory() {
    let (_dir, backend, cache) = cache(|o| o);
    assert_eq!(cache.get::<i32>("k").unwrap(), None);
    assert!(!cache.delete("k").unwrap() && !cache.touch("k", HOUR).unwrap());
    cache.clear().unwrap();
    backend.purge_expired().unwrap();
    assert_eq!(backend.entries().unwrap(), Some(0));
    assert!(!backend.dir().exists());
}

#[test]
fn files_of_others_survive_everything() {
    let (_dir, backend, cache) = cache(|o| o.max_entries(5));
    cache.set("k0", &0, HOUR).unwrap();
    let shard = only_file(backend.dir()).parent().unwrap().to_path_buf();
    let mut foreign = Vec::new();
    for place in [backend.dir(), &shard] {
        for name in ["notes.txt", "x.cache", ".tmp-mine", "deadbeef.cache", ".hidden"] {
            foreign.push(place.join(name));
            fs::write(place.join(name), "theirs").unwrap();
        }
        fs::create_dir(place.join("shard-mine")).unwrap();
        foreign.push(place.join("shard-mine/file"));
        fs::write(place.join("shard-mine/file"), "theirs").unwrap();
    }
    for n in 0..50 {
        cache.set(&format!("k{n}"), &n, HOUR).unwrap();
    }
    backend.purge_expired().unwrap();
    cache.clear().unwrap();
    let lost: Vec<_> =
        foreign.iter().filter(|file| fs::read(file).ok().as_deref() != Some(b"theirs")).collect();
    let figure =
        format!("{} of {} foreign files touched by culls, a sweep and a clear", lost.len(), foreign.len());
    record(25, "file", foreign.len() as u64, lost.len() as u64, &figure);
    assert!(lost.is_empty(), "{lost:?}");
    assert_eq!(backend.entries().unwrap(), Some(0));
}

#[test]
fn a_location_deleted_underneath_is_made_again() {
    for limit in [100, 2_000] {
        let (_dir, backend, cache) = cache(|o| o.max_entries(limit));
        for part in ["root", "shards", "state"] {
            for n in 0..50 {
                cache.set(&format!("k{n}"), &n, HOUR).unwrap();
            }
            match part {
                "root" => fs::remove_dir_all(backend.dir()).unwrap(),
                "state" => fs::remove_file(state_file(backend.dir())).unwrap(),
                _ => entry_files(backend.dir()).iter().for_each(|file| {
                    let _ = fs::remove_dir_all(file.parent().unwrap());
                }),
            }
            if part != "state" {
                assert_eq!(cache.get::<i32>("k1").unwrap(), None, "{part}");
                assert!(!cache.delete("k1").unwrap() && !cache.touch("k1", HOUR).unwrap(), "{part}");
            }
            cache.set("k1", &1, HOUR).unwrap();
            assert_eq!(cache.get::<i32>("k1").unwrap(), Some(1), "{part}");
            backend.purge_expired().unwrap();
            cache.clear().unwrap();
            assert!(!cache.has_key("k1").unwrap(), "{part}");
        }
    }
}

#[test]
fn a_location_made_anew_with_other_settings_is_found_by_handles_that_were_open() {
    let (_dir, backend, one) = cache(|o| o.max_entries(100));
    one.set("k", "old", HOUR).unwrap();
    fs::remove_dir_all(backend.dir()).unwrap();
    let many = Cache::new(FileCache::builder(backend.dir()).max_entries(100_000).build().unwrap());
    many.set("k", "new", HOUR).unwrap();
    assert_eq!(one.get::<String>("k").unwrap().as_deref(), Some("new"));
    one.set("l", "also", HOUR).unwrap();
    assert_eq!(many.get::<String>("l").unwrap().as_deref(), Some("also"));
    assert_eq!(backend.entries().unwrap(), Some(2));
}

#[test]
fn deleting_the_location_again_and_again_breaks_nobody() {
    let (_dir, backend, cache) = cache(|o| o.max_entries(2_000));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let worker = || {
            let mut n = 0_i64;
            while !done.load(Ordering::Relaxed) {
                n += 1;
                let key = format!("k{}", n % 50);
                // If the deletion hits all twenty attempts, `set` fails with an error that names the reason.
                if let Err(e) = cache.set(&key, &n, HOUR) {
                    assert_eq!(e.kind(), ErrorKind::Storage, "{e}");
                    assert!(e.to_string().contains("times over"), "{e}");
                }
                assert!(cache.get::<i64>(&key).unwrap().is_none_or(|seen| seen % 50 == n % 50));
            }
        };
        scope.spawn(worker);
        scope.spawn(worker);
        for _ in 0..200 {
            let _ = fs::remove_dir_all(backend.dir());
            std::thread::sleep(Duration::from_millis(3));
        }
        done.store(true, Ordering::Relaxed);
    });
    cache.set("last", &1, Timeout::Never).unwrap();
    assert_eq!(cache.get::<i64>("last").unwrap(), Some(1));
}

#[test]
fn a_read_only_location_can_be_read_and_a_write_says_what_failed() {
    if rustix::process::geteuid().is_root() {
        println!("skipped: root may write into a read-only directory");
        return;
    }
    let (_dir, backend, cache) = cache(|o| o);
    cache.set("k", "old", HOUR).unwrap();
    let shard = only_file(backend.dir()).parent().unwrap().to_path_buf();
    let lock = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    lock(&shard, 0o500);
    let error = cache.set("k", "new", HOUR).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage, "{error}");
    assert_eq!(cache.get::<String>("k").unwrap().as_deref(), Some("old"));
    lock(&shard, 0o700);
}
