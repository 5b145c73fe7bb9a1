//! The database file: whose it is, who may stop its makers, and what is made when.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cache_core::{Cache, ErrorKind, Presence, Timeout};
use cache_db::{DatabaseCache, Layout};
use common::{LAYOUTS, build, cache, cache_of, layout, look, place};
use conformance_tests::faults::{
    Injection, Strace, finds_nothing, job, owners, place_for_users, run_as, test_again,
};

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
        cache.incr("k").map(drop),
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

/// The cache whose file is in `dir`.
fn in_dir(name: &str, dir: &Path) -> Cache<DatabaseCache> {
    cache_of(name, &dir.join("cache.db"))
}

fn names() -> Vec<&'static str> {
    LAYOUTS.iter().map(|(name, _)| *name).collect()
}

#[test]
fn a_file_of_another_user_in_the_place_of_ours_is_never_read() {
    let name = "a_file_of_another_user_in_the_place_of_ours_is_never_read";
    owners::exchanged_directory(name, &names(), in_dir);
}

#[test]
fn what_root_writes_into_the_store_of_a_user_is_the_users() {
    let name = "what_root_writes_into_the_store_of_a_user_is_the_users";
    owners::root_writes(name, &names(), in_dir);
}

#[test]
fn no_other_user_keeps_a_file_from_being_made() {
    let name = "no_other_user_keeps_a_file_from_being_made";
    let tried = owners::locked_by_others(name, &names(), |name, dir| {
        let options = DatabaseCache::builder(dir.join("cache.db")).layout(layout(name));
        build(options.busy_timeout(Duration::from_secs(2)))
    });
    let Some(dir) = tried else { return };
    for store in fs::read_dir(dir.path()).unwrap() {
        let left = fs::read_dir(store.unwrap().path()).unwrap().map(|entry| entry.unwrap().file_name());
        let left: Vec<_> = left.collect();
        assert!(!left.iter().any(|name| name.to_str().unwrap().ends_with("-lock")), "{left:?}");
    }
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

#[test]
fn only_a_write_makes_anything() {
    for (name, of_it) in LAYOUTS {
        let (dir, _) = place();
        let path = dir.path().join("a/b/cache.db");
        let cache = build(DatabaseCache::builder(&path).layout(*of_it));
        finds_nothing(&cache);
        assert_eq!(
            (cache.info().unwrap().entries, cache.purge_expired().unwrap()),
            (Some(0), Some(0)),
            "{name}"
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{name}: something was made");
        cache.set("k", &1, Timeout::Never).unwrap();
        assert_eq!((cache.ping().unwrap(), cache.get::<i64>("k").unwrap()), (Presence::Exists, Some(1)));
        // Removed underneath: as if it had never been there.
        fs::remove_dir_all(dir.path().join("a")).unwrap();
        finds_nothing(&cache);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{name}: something was made again");
        assert!(cache.add("k", &1, Timeout::Never).unwrap());
        // A database without the table stays as it is.
        let path = dir.path().join("foreign.db");
        look(&path).execute_batch("CREATE TABLE mine (x); INSERT INTO mine VALUES (1)").unwrap();
        let before = fs::read(&path).unwrap();
        let other = build(DatabaseCache::builder(&path).layout(layout(name)).table("t"));
        finds_nothing(&other);
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
    assert!(matches!(LAYOUTS.last().unwrap().1, Layout::Native) || cache(true).has_key("k").unwrap());
}
