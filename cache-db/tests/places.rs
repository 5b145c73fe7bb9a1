//! The database file: whose it is, who may stop its makers, and what is made when.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

mod common;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cache_core::{Cache, ErrorKind, Presence, Timeout};
use cache_db::{DatabaseCache, Layout};
use common::{LAYOUTS, build, cache, cache_of, layout, look, place, wait_for};
use conformance_tests::faults::{Injection, Strace, job, place_for_users, run_as, start_as, test_again};

const USER: u32 = 12_346;
const OTHER: u32 = 12_345;

/// Runs the test `name` as a worker of [`USER`], unless that user cannot run it.
fn as_user(name: &str, job: &Path) {
    if let Some(output) = run_as(USER, name, job.to_str().unwrap()) {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

/// What every call says of a database that is not to be used.
fn refused<B: cache_core::BaseCache>(cache: &Cache<B>) -> Vec<String> {
    let said = [
        cache.get::<String>("k").map(drop),
        cache.set("k", "mine", Timeout::Never),
        cache.incr("k", 1).map(drop),
        cache.delete("k").map(drop),
        cache.clear(),
        cache.ping().map(drop),
        cache.info().map(drop),
    ];
    let refused = said.into_iter().map(|said| {
        let e = said.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::InvalidCacheBackend, "{e}");
        e.to_string()
    });
    refused.collect()
}

/// The files of a database, by the end of their names.
const FILES: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// The file, or one beside it, is another user's.
#[test]
fn a_file_of_another_user_is_not_used() {
    if let Some(job) = job() {
        for (name, of_it) in LAYOUTS {
            for planted in FILES {
                let path = Path::new(&job).join(format!("{name}{planted}.db"));
                for text in refused(&build(DatabaseCache::builder(&path).layout(*of_it))) {
                    let file = beside(&path, planted);
                    assert!(text.contains(file.to_str().unwrap()) && text.contains("another user"), "{text}");
                }
            }
        }
        return;
    }
    let Some(dir) = place_for_users() else { return };
    for (name, _) in LAYOUTS {
        for planted in FILES {
            let path = dir.path().join(format!("{name}{planted}.db"));
            let full = dir.path().join("full.db");
            let theirs = cache_of(name, &full);
            theirs.set("k", "planted", Timeout::Never).unwrap();
            theirs.close().unwrap();
            drop(theirs);
            if planted.is_empty() {
                fs::rename(&full, &path).unwrap();
            } else {
                fs::write(&path, "").unwrap();
                chown(&path, Some(USER), Some(USER)).unwrap();
                fs::write(beside(&path, planted), "").unwrap();
                fs::remove_file(&full).unwrap();
            }
            let theirs = beside(&path, planted);
            chown(&theirs, Some(OTHER), Some(OTHER)).unwrap();
            fs::set_permissions(&theirs, Permissions::from_mode(0o644)).unwrap();
        }
    }
    as_user("a_file_of_another_user_is_not_used", dir.path());
}

/// In a directory as /tmp is, another user may make a file of any free name at any time: the database, or the log
/// that SQLite is about to open.
#[test]
fn a_file_where_others_may_put_files_beside_it_is_not_used() {
    if let Some(job) = job() {
        for (name, of_it) in LAYOUTS {
            for file in ["new.db", &format!("{name}.db")] {
                for text in refused(&build(DatabaseCache::builder(Path::new(&job).join(file)).layout(*of_it)))
                {
                    assert!(text.contains("use a directory below it") && text.contains(&job), "{text}");
                }
            }
            let below = cache_of(name, &Path::new(&job).join(format!("below-{name}/cache.db")));
            below.set("k", &1, Timeout::Never).unwrap();
            assert_eq!(below.get::<i64>("k").unwrap(), Some(1));
        }
        return;
    }
    let Some(dir) = place_for_users() else { return };
    for (name, _) in LAYOUTS {
        let path = dir.path().join(format!("{name}.db"));
        let own = cache_of(name, &path);
        own.set("k", "v", Timeout::Never).unwrap();
        own.close().unwrap();
        drop(own);
        chown(&path, Some(USER), Some(USER)).unwrap();
    }
    fs::set_permissions(dir.path(), Permissions::from_mode(0o1777)).unwrap();
    as_user("a_file_where_others_may_put_files_beside_it_is_not_used", dir.path());
    // Nor does root take it, or say that others should lose the right to write to /tmp.
    let of_root = refused(&build(DatabaseCache::builder(dir.path().join("db.db"))));
    assert!(of_root[0].contains("use a directory below it") && !of_root[0].contains("chmod"), "{of_root:?}");
    assert!(!dir.path().join("new.db").exists());
}

#[test]
fn what_others_may_write_is_not_used() {
    let (_dir, path) = place();
    let cache = cache(&path);
    cache.set("k", &1, Timeout::Never).unwrap();
    cache.close().unwrap();
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    mode(&path, 0o666);
    assert!(refused(&cache)[0].contains("chmod go-w"));
    mode(&path, 0o644);
    assert_eq!(cache.get::<i64>("k").unwrap(), Some(1));
    cache.close().unwrap();
    mode(path.parent().unwrap(), 0o777);
    assert!(refused(&cache)[0].contains("chmod go-w"));
    mode(path.parent().unwrap(), 0o1777);
    assert!(refused(&cache)[0].contains("use a directory below it"));
    let below = common::cache(&path.with_file_name("below").join("cache.db"));
    below.set("k", &1, Timeout::Never).unwrap();
    below.close().unwrap();
    mode(path.parent().unwrap(), 0o770 | 0o002);
    assert!(refused(&below)[0].contains("on the way"));
    mode(path.parent().unwrap(), 0o700);
}

/// The file is open, and then the directory is exchanged for one of another user.
#[test]
fn a_file_of_another_user_in_the_place_of_ours_is_never_read() {
    if let Some(job) = job() {
        let (dir, name) = job.split_once('|').unwrap();
        let dir = Path::new(dir);
        let cache = cache_of(name, &dir.join("cache/cache.db"));
        cache.set("k", "mine", Timeout::Never).unwrap();
        fs::write(dir.join("signs/ready"), "").unwrap();
        let since = std::time::Instant::now();
        let mut refusals = 0;
        while refusals < 10 {
            match cache.get::<String>("k") {
                Ok(value) => assert!(value.is_none_or(|value| value == "mine"), "a planted value was read"),
                Err(e) => refusals += u32::from(e.kind() == ErrorKind::InvalidCacheBackend),
            }
            assert!(since.elapsed() < Duration::from_secs(60), "the other file was never seen");
        }
        return;
    }
    let Some(dir) = place_for_users() else { return };
    for (layout, _) in LAYOUTS {
        let at = dir.path().join(layout);
        fs::create_dir(&at).unwrap();
        fs::create_dir(at.join("signs")).unwrap();
        for (path, mode) in [(at.clone(), 0o1777), (at.join("signs"), 0o777)] {
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        }
        let planted = at.join("planted/cache.db");
        let theirs = cache_of(layout, &planted);
        theirs.set("k", "planted", Timeout::Never).unwrap();
        theirs.close().unwrap();
        for path in [at.join("planted"), planted] {
            chown(&path, Some(OTHER), Some(OTHER)).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(if path.is_dir() { 0o755 } else { 0o644 }))
                .unwrap();
        }
        let job = format!("{}|{layout}", at.display());
        let name = "a_file_of_another_user_in_the_place_of_ours_is_never_read";
        let Some(mut worker) = start_as(USER, name, &job) else { return };
        wait_for(&at.join("signs/ready"));
        fs::rename(at.join("cache"), at.join("aside")).unwrap();
        fs::rename(at.join("planted"), at.join("cache")).unwrap();
        assert!(worker.wait().unwrap().success(), "{layout}");
    }
}

#[test]
fn what_root_writes_into_the_store_of_a_user_is_the_users() {
    if let Some(job) = job() {
        for (name, _) in LAYOUTS {
            let cache = cache_of(name, &Path::new(&job).join(name).join("cache.db"));
            assert_eq!(cache.get::<String>("root's").unwrap().as_deref(), Some("v"));
            cache.set("root's", "mine", Timeout::Never).unwrap();
            cache.set("new", "mine", Timeout::Never).unwrap();
            cache.clear().unwrap();
        }
        return;
    }
    let Some(dir) = place_for_users() else { return };
    let home = dir.path().join("home");
    fs::create_dir(&home).unwrap();
    chown(&home, Some(USER), Some(USER)).unwrap();
    let caches: Vec<_> = LAYOUTS
        .iter()
        .map(|(name, _)| {
            let path = home.join(name).join("cache.db");
            let cache = cache_of(name, &path);
            cache.set("root's", "v", Timeout::Never).unwrap();
            // While it is open: -wal and -shm are there.
            for path in [path.parent().unwrap(), &path, &beside(&path, "-wal"), &beside(&path, "-shm")] {
                let made = fs::symlink_metadata(path).unwrap();
                assert_eq!((made.uid(), made.gid()), (USER, USER), "{}", path.display());
            }
            cache
        })
        .collect();
    let name = "what_root_writes_into_the_store_of_a_user_is_the_users";
    as_user(name, &home);
    for cache in &caches {
        cache.set("root's", "v", Timeout::Never).unwrap();
        cache.close().unwrap();
    }
    as_user(name, &home);
}

/// Another user may read the directory, and locks what can be opened there before the file is made.
#[test]
fn no_other_user_keeps_a_file_from_being_made() {
    if let Some(job) = job() {
        let (dir, signs) = job.split_once('|').unwrap();
        let file = File::open(dir).unwrap();
        file.lock().unwrap();
        fs::write(Path::new(signs).join("locked"), "").unwrap();
        wait_for(&Path::new(signs).join("done"));
        return;
    }
    let Some(dir) = place_for_users() else { return };
    let (store, signs) = (dir.path().join("store"), dir.path().join("signs"));
    fs::create_dir(&store).unwrap();
    fs::create_dir(&signs).unwrap();
    fs::set_permissions(&store, Permissions::from_mode(0o755)).unwrap();
    chown(&signs, Some(OTHER), Some(OTHER)).unwrap();
    let job = format!("{}|{}", store.display(), signs.display());
    let name = "no_other_user_keeps_a_file_from_being_made";
    let Some(mut worker) = start_as(OTHER, name, &job) else { return };
    wait_for(&signs.join("locked"));
    let said: Vec<_> = (LAYOUTS.iter())
        .map(|(name, of_it)| {
            let options = DatabaseCache::builder(store.join(format!("{name}.db"))).layout(*of_it);
            build(options.busy_timeout(Duration::from_secs(2))).set("k", &1, Timeout::Never)
        })
        .collect();
    fs::write(signs.join("done"), "").unwrap();
    assert!(worker.wait().unwrap().success());
    assert!(said.iter().all(Result::is_ok), "{said:?}");
    let left: Vec<_> = fs::read_dir(&store).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_str().unwrap().ends_with("-lock")), "{left:?}");
}

/// A file system without `flock`, such as some network mounts.
#[test]
fn a_file_system_without_locks_is_named() {
    if let Some(job) = job() {
        let path = Path::new(&job);
        let cache = build(DatabaseCache::builder(path));
        let refused = cache.set("k", &1, Timeout::Never).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Storage, "{refused}");
        let text = refused.to_string();
        assert!(text.contains("has no locks (flock)") && text.contains(&job), "{text}");
        assert!(text.contains("on a local disk"), "{text}");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0, "something was left");
        // The next lock is one again.
        cache.set("k", &1, Timeout::Never).unwrap();
        return;
    }
    let strace = match Strace::find() {
        Ok(strace) => strace,
        Err(e) => return eprintln!("skipped: {e}"),
    };
    for error in ["ENOLCK", "EOPNOTSUPP", "ENOSYS", "EINVAL"] {
        let (_dir, path) = place();
        let command = test_again("a_file_system_without_locks_is_named", path.to_str().unwrap()).unwrap();
        let ended = strace.run(&command, "flock", 1, Injection::Error(error)).unwrap();
        assert!(ended.expect("a lock is taken").success(), "{error}");
    }
}

/// All that reads, or changes what is there.
fn nothing_is_found(cache: &Cache<DatabaseCache>) {
    assert_eq!(cache.get::<i64>("k").unwrap(), None);
    assert!(cache.get_many::<i64, _>(["k", "l"]).unwrap().is_empty());
    assert!(!cache.has_key("k").unwrap() && !cache.touch("k", Timeout::Never).unwrap());
    assert!(!cache.delete("k").unwrap());
    cache.delete_many(["k", "l"]).unwrap();
    assert_eq!(cache.incr("k", 1).unwrap_err().kind(), ErrorKind::KeyNotFound);
    assert_eq!(cache.incr_version("k", 1).unwrap_err().kind(), ErrorKind::KeyNotFound);
    cache.clear().unwrap();
    assert_eq!(cache.info().unwrap().entries, Some(0));
    assert_eq!(cache.purge_expired().unwrap(), Some(0));
    assert_eq!(cache.ping().unwrap(), Presence::NotYet);
}

#[test]
fn only_a_write_makes_anything() {
    for (name, of_it) in LAYOUTS {
        let (dir, _) = place();
        let path = dir.path().join("a/b/cache.db");
        let cache = build(DatabaseCache::builder(&path).layout(*of_it));
        nothing_is_found(&cache);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{name}: something was made");
        cache.set("k", &1, Timeout::Never).unwrap();
        assert_eq!((cache.ping().unwrap(), cache.get::<i64>("k").unwrap()), (Presence::Exists, Some(1)));
        // Removed underneath: as if it had never been there.
        fs::remove_dir_all(dir.path().join("a")).unwrap();
        nothing_is_found(&cache);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{name}: something was made again");
        assert!(cache.add("k", &1, Timeout::Never).unwrap());
        // A database without the table stays as it is.
        let path = dir.path().join("foreign.db");
        look(&path).execute_batch("CREATE TABLE mine (x); INSERT INTO mine VALUES (1)").unwrap();
        let before = fs::read(&path).unwrap();
        let other = build(DatabaseCache::builder(&path).layout(layout(name)).table("t"));
        nothing_is_found(&other);
        assert_eq!(fs::read(&path).unwrap(), before, "{name}: a reader changed the database");
        other.set("k", &1, Timeout::Never).unwrap();
        assert_eq!(other.get::<i64>("k").unwrap(), Some(1));
    }
}

#[test]
fn a_group_that_is_trusted_may_share_djangos_database() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can make what belongs to others");
        return;
    }
    let (dir, _) = place();
    let path = dir.path().join("shared/cache.db");
    let group = 23_456;
    let cache = |trusts: bool| {
        let options = DatabaseCache::builder(&path).layout(LAYOUTS.last().unwrap().1);
        build(if trusts { options.trusted_group(group) } else { options })
    };
    cache(false).set("k", "v", Timeout::Never).unwrap();
    for (path, mode) in [(path.parent().unwrap(), 0o2770), (&*path, 0o660)] {
        chown(path, Some(OTHER), Some(group)).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    assert!(refused(&cache(false))[0].contains("chmod go-w"));
    assert_eq!(cache(true).get::<String>("k").unwrap().as_deref(), Some("v"));
    // Whatever SQLite made beside it goes on being shared.
    cache(true).set("k", "w", Timeout::Never).unwrap();
    assert!(matches!(LAYOUTS.last().unwrap().1, Layout::Own) || cache(true).has_key("k").unwrap());
}
