//! The directory of a cache: whose it is, who may stop its writers, and what is made when.
#![allow(clippy::unwrap_used, reason = "in a test a failure is a panic")]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use cache_core::{BaseCache as _, Cache, ErrorKind, Presence};
use cache_file::{FileCache, Layout};
use conformance_tests::faults::{finds_nothing, owners};

const HOUR: Duration = Duration::from_secs(3_600);
const LAYOUTS: &[&str] = &[
    "native",
    #[cfg(feature = "django")]
    "django",
];

/// The layout of this name.
fn layout(name: &str) -> Layout {
    match name {
        #[cfg(feature = "django")]
        "django" => Layout::Django,
        _ => Layout::Native,
    }
}

fn open(name: &str, dir: &Path) -> Cache<FileCache> {
    Cache::new(FileCache::builder(dir).layout(layout(name)).build().unwrap())
}

#[test]
fn what_root_writes_into_the_store_of_a_user_is_the_users() {
    owners::root_writes("what_root_writes_into_the_store_of_a_user_is_the_users", LAYOUTS, open);
}

#[test]
fn no_other_user_stops_the_writers() {
    owners::locked_by_others("no_other_user_stops_the_writers", LAYOUTS, |name, dir| {
        let options = FileCache::builder(dir).layout(layout(name)).lock_timeout(Duration::from_secs(2));
        Cache::new(options.build().unwrap())
    });
}

#[test]
fn a_directory_of_another_user_in_the_place_of_ours_is_never_read() {
    let name = "a_directory_of_another_user_in_the_place_of_ours_is_never_read";
    owners::exchanged_directory(name, LAYOUTS, open);
}

/// The parts of a store that reading must not bring into being.
#[test]
fn only_a_write_makes_anything() {
    for name in LAYOUTS {
        let dir = common::dir();
        let path = dir.path().join("a/b");
        let cache = open(name, &path);
        finds_nothing(&cache);
        assert_eq!(cache.backend().entries().unwrap(), Some(0), "{name}");
        assert_eq!(cache.purge_expired().unwrap(), Some(0), "{name}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{name}: something was made");
        cache.set("k", &1, HOUR).unwrap();
        assert_eq!(cache.ping().unwrap(), Presence::Exists);
        assert_eq!(cache.get::<i64>("k").unwrap(), Some(1));
        // Also what was lost, or is Django's to have.
        let made = [path.join(".cache-file-state"), path.join(".cache-file-lock")];
        made.iter().for_each(|file| drop(fs::remove_file(file)));
        assert_eq!((cache.ping().unwrap(), cache.info().unwrap().entries), (Presence::Exists, Some(1)));
        assert_eq!(cache.get::<i64>("k").unwrap(), Some(1));
        assert!(!made.iter().any(|file| file.exists()), "{name}: ping or info made a file");
    }
}

/// The one entry that a directory without a good state file has.
#[test]
fn the_lock_file_of_djangos_layout_is_one_that_others_cannot_open() {
    let Some(name) = LAYOUTS.get(1) else { return };
    let dir = common::dir();
    let cache = open(name, &dir.path().join("cache"));
    cache.set("k", &1, HOUR).unwrap();
    let lock = dir.path().join("cache/.cache-file-lock");
    assert_eq!(fs::metadata(&lock).unwrap().mode() & 0o777, 0o600);
    fs::set_permissions(&lock, Permissions::from_mode(0o644)).unwrap();
    let refused = cache.set("k", &2, HOUR).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidCacheBackend);
    assert!(
        refused.to_string().contains(".cache-file-lock") && refused.to_string().contains("remove it"),
        "{refused}"
    );
    // Reads go on, and so does everything once it is gone.
    assert_eq!(cache.get::<i64>("k").unwrap(), Some(1));
    fs::remove_file(&lock).unwrap();
    cache.set("k", &2, HOUR).unwrap();
}
