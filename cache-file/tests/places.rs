//! The directory of a cache: whose it is, who may stop its writers, and what is made when.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "in a test a failure is a panic")]

mod common;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::time::{Duration, Instant};

use cache_core::{BaseCache as _, Cache, ErrorKind, Presence};
use cache_file::{FileCache, Layout};
use conformance_tests::faults::{job, place_for_users, run_as, start_as};

const HOUR: Duration = Duration::from_secs(3_600);
const LAYOUTS: &[Layout] = &[
    Layout::Own,
    #[cfg(feature = "django")]
    Layout::Django,
];
const USER: u32 = 12_346;
const OTHER: u32 = 12_345;

fn open(dir: &Path, layout: Layout) -> Cache<FileCache> {
    Cache::new(FileCache::builder(dir).layout(layout).build().unwrap())
}

fn wait_for(path: &Path) {
    common::wait_for("a sign of the other process", || path.exists());
}

fn all_below(path: &Path, each: &mut impl FnMut(&Path)) {
    each(path);
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| all_below(&entry.unwrap().path(), each));
    }
}

#[test]
fn what_root_writes_into_the_store_of_a_user_is_the_users() {
    if let Some(job) = job() {
        for layout in LAYOUTS {
            let cache = open(&Path::new(&job).join(format!("{layout:?}")), *layout);
            assert_eq!(cache.get::<String>("root's").unwrap().as_deref(), Some("v"));
            cache.set("root's", "mine", HOUR).unwrap();
            cache.set("new", "mine", HOUR).unwrap();
            assert!(cache.touch("new", HOUR).unwrap() && cache.delete("new").unwrap());
            assert_eq!(cache.incr("n", 1).unwrap(), 2);
            cache.incr_version("n", 1).unwrap();
            cache.clear().unwrap();
        }
        return;
    }
    let Some(dir) = place_for_users() else { return };
    let home = dir.path().join("home");
    fs::create_dir(&home).unwrap();
    chown(&home, Some(USER), Some(USER)).unwrap();
    for layout in LAYOUTS {
        let cache = open(&home.join(format!("{layout:?}")), *layout);
        cache.set("root's", "v", HOUR).unwrap();
        cache.set("n", &1, HOUR).unwrap();
        cache.set("other version", "v", HOUR).unwrap();
        cache.incr_version("other version", 1).unwrap();
    }
    let mut seen = 0;
    all_below(&home, &mut |path| {
        let made = fs::symlink_metadata(path).unwrap();
        assert_eq!((made.uid(), made.gid()), (USER, USER), "{}", path.display());
        seen += 1;
    });
    assert!(seen > 6, "{seen}");
    let name = "what_root_writes_into_the_store_of_a_user_is_the_users";
    if let Some(output) = run_as(USER, name, home.to_str().unwrap()) {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the user is locked out: {said}");
    }
}

/// Another user may read the directory, and locks whatever can be opened there.
#[test]
fn no_other_user_stops_the_writers() {
    if let Some(job) = job() {
        let (root, signs) = job.split_once('|').unwrap();
        let mut locked = Vec::new();
        all_below_that_can_be_seen(Path::new(root), &mut |path| {
            if let Ok(file) = File::open(path) {
                file.lock().unwrap();
                locked.push(file);
            }
        });
        assert!(!locked.is_empty(), "nothing could be locked, not even the directory");
        fs::write(Path::new(signs).join("locked"), "").unwrap();
        wait_for(&Path::new(signs).join("done"));
        return;
    }
    let Some(dir) = place_for_users() else { return };
    for layout in LAYOUTS {
        let (root, signs) =
            (dir.path().join(format!("{layout:?}")), dir.path().join(format!("signs{layout:?}")));
        for made in [&root, &signs] {
            fs::create_dir(made).unwrap();
        }
        fs::set_permissions(&root, Permissions::from_mode(0o755)).unwrap();
        chown(&signs, Some(OTHER), Some(OTHER)).unwrap();
        let cache = open(&root, *layout);
        cache.set("k", &1, HOUR).unwrap();
        let job = format!("{}|{}", root.display(), signs.display());
        let name = "no_other_user_stops_the_writers";
        let Some(mut worker) = start_as(OTHER, name, &job) else { return };
        wait_for(&signs.join("locked"));
        let limit = Duration::from_secs(2);
        let cache =
            Cache::new(FileCache::builder(&root).layout(*layout).lock_timeout(limit).build().unwrap());
        let since = Instant::now();
        let said = cache.set("k", &2, HOUR).and_then(|()| cache.incr("k", 1)).and_then(|_| cache.clear());
        fs::write(signs.join("done"), "").unwrap();
        let ended = worker.wait().unwrap();
        assert!(said.is_ok(), "{layout:?}, after {:?}: {said:?}", since.elapsed());
        assert!(ended.success());
    }
}

fn all_below_that_can_be_seen(path: &Path, each: &mut impl FnMut(&Path)) {
    each(path);
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        all_below_that_can_be_seen(&entry.path(), each);
    }
}

/// The cache's directory is swept away by a cleaner, and another user makes one of the name, with an entry that
/// would be good.
#[test]
fn a_directory_of_another_user_in_the_place_of_ours_is_never_read() {
    if let Some(job) = job() {
        let (dir, name) = job.split_once('|').unwrap();
        let (dir, layout) = (Path::new(dir), LAYOUTS[usize::from(name != "Own")]);
        let cache = open(&dir.join("cache"), layout);
        cache.set("k", "mine", HOUR).unwrap();
        fs::write(dir.join("signs/ready"), "").unwrap();
        let since = Instant::now();
        let mut refusals = 0;
        while refusals < 10 {
            match cache.get::<String>("k") {
                Ok(value) => assert!(value.is_none_or(|value| value == "mine"), "a planted value was read"),
                Err(e) => {
                    assert_eq!(e.kind(), ErrorKind::InvalidCacheBackend, "{e}");
                    refusals += 1;
                }
            }
            assert!(since.elapsed() < Duration::from_secs(60), "the other directory was never seen");
        }
        assert_eq!(cache.set("k", "x", HOUR).unwrap_err().kind(), ErrorKind::InvalidCacheBackend);
        return;
    }
    let Some(dir) = place_for_users() else { return };
    for removed in [true, false] {
        for layout in LAYOUTS {
            let at = dir.path().join(format!("{layout:?}{removed}"));
            fs::create_dir(&at).unwrap();
            // As /tmp is.
            fs::set_permissions(&at, Permissions::from_mode(0o1777)).unwrap();
            fs::create_dir(at.join("signs")).unwrap();
            fs::set_permissions(at.join("signs"), Permissions::from_mode(0o777)).unwrap();
            // A good entry of the same key, elsewhere.
            let planted = open(&at.join("planted"), *layout);
            planted.set("k", "planted", HOUR).unwrap();
            all_below(&at.join("planted"), &mut |path| chown(path, Some(OTHER), Some(OTHER)).unwrap());
            let job = format!("{}|{layout:?}", at.display());
            let name = "a_directory_of_another_user_in_the_place_of_ours_is_never_read";
            let Some(mut worker) = start_as(USER, name, &job) else { return };
            wait_for(&at.join("signs/ready"));
            if removed {
                fs::remove_dir_all(at.join("cache")).unwrap();
            } else {
                fs::rename(at.join("cache"), at.join("aside")).unwrap();
            }
            let readable = |path: &Path| {
                let mode = if path.is_dir() { 0o755 } else { 0o644 };
                fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
            };
            all_below(&at.join("planted"), &mut |path| readable(path));
            fs::rename(at.join("planted"), at.join("cache")).unwrap();
            assert!(worker.wait().unwrap().success(), "{layout:?}, removed: {removed}");
        }
    }
}

/// The parts of a store that reading must not bring into being.
#[test]
fn only_a_write_makes_anything() {
    for layout in LAYOUTS {
        let dir = common::dir();
        let path = dir.path().join("a/b");
        let cache = open(&path, *layout);
        let reads = || {
            assert_eq!(cache.get::<i64>("k").unwrap(), None);
            assert!(cache.get_many::<i64, _>(["k", "l"]).unwrap().is_empty());
            assert!(!cache.has_key("k").unwrap() && !cache.touch("k", HOUR).unwrap());
            assert!(!cache.delete("k").unwrap());
            cache.delete_many(["k", "l"]).unwrap();
            assert_eq!(cache.incr("k", 1).unwrap_err().kind(), ErrorKind::KeyNotFound);
            assert_eq!(cache.incr_version("k", 1).unwrap_err().kind(), ErrorKind::KeyNotFound);
            cache.clear().unwrap();
            assert_eq!(cache.info().unwrap().entries, Some(0));
            assert_eq!(cache.purge_expired().unwrap(), Some(0));
            assert_eq!(cache.backend().entries().unwrap(), Some(0));
            cache.ping().unwrap()
        };
        assert_eq!(reads(), Presence::NotYet, "{layout:?}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{layout:?}: something was made");
        cache.set("k", &1, HOUR).unwrap();
        assert_eq!(cache.ping().unwrap(), Presence::Exists);
        assert_eq!(cache.get::<i64>("k").unwrap(), Some(1));
        // Also what was lost, or is Django's to have.
        let made = [path.join(".cache-file-state"), path.join(".cache-file-lock")];
        made.iter().for_each(|file| drop(fs::remove_file(file)));
        assert_eq!((cache.ping().unwrap(), cache.info().unwrap().entries), (Presence::Exists, Some(1)));
        assert_eq!(cache.get::<i64>("k").unwrap(), Some(1));
        assert!(!made.iter().any(|file| file.exists()), "{layout:?}: ping or info made a file");
    }
}

/// The one entry that a directory without a good state file has.
#[test]
fn the_lock_file_of_djangos_layout_is_one_that_others_cannot_open() {
    let Some(layout) = LAYOUTS.get(1) else { return };
    let dir = common::dir();
    let cache = open(&dir.path().join("cache"), *layout);
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
