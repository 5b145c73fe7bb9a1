//! The file, its modes, what may be in its place, and what happens when it is removed or damaged.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use cache_core::{ErrorKind, Timeout};
use cache_db::DatabaseCache;
use common::{LAYOUTS, cache, cache_of, count, job, join, look, place, rows_and_count, wait_for, worker};
use conformance_tests::faults::record;

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn modes_under_umasks() {
    if let Some(job) = job() {
        let cache = cache_of(&job[2], Path::new(&job[0]));
        cache.set("k", &1, Timeout::Never).unwrap();
        // While the database is open, its -wal and -shm files exist.
        for (name, wanted) in [
            ("a", 0o700),
            ("a/b", 0o700),
            ("a/b/c.db", 0o600),
            ("a/b/c.db-wal", 0o600),
            ("a/b/c.db-shm", 0o600),
        ] {
            let found = mode(&Path::new(&job[1]).join(name));
            assert_eq!(found, wanted, "{name}: {found:o}");
        }
        return;
    }
    for (name, _) in LAYOUTS {
        let mut said = Vec::new();
        for umask in ["000", "022", "077"] {
            let (dir, _) = place();
            let path = dir.path().join("a/b/c.db");
            let done = Command::new("sh")
                .args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")])
                .arg(std::env::current_exe().unwrap())
                .args(["--exact", "modes_under_umasks", "--nocapture"])
                .env("FAULTS_JOB", format!("{}|{}|{name}", path.display(), dir.path().display()))
                .output()
                .unwrap();
            if !done.status.success() || !path.exists() {
                said.push(format!("{umask}: {}", String::from_utf8_lossy(&done.stderr)));
            }
        }
        let figure = "directories 0700 at every level, database, -wal and -shm 0600 under three umasks";
        record(23, name, 15, said.len() as u64, figure);
        assert!(said.is_empty(), "{name}: {}", said.join("\n"));
    }
}

#[test]
fn building_does_no_io_and_checks_the_settings() {
    let (dir, path) = place();
    let long = "x".repeat(129);
    for name in ["", "a\0b", long.as_str(), "sqlite_x", "SQLITE_x", "a~state", "a~STATE"] {
        let e = DatabaseCache::new(&path, name).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::InvalidCacheBackend, "{name:?}");
        assert!(e.to_string().contains("give another name"), "{e}");
    }
    for bad in ["", "/", "..", ":memory:", "a\0b"] {
        let e = DatabaseCache::new(bad, "t").unwrap_err();
        assert_eq!(e.kind(), ErrorKind::InvalidCacheBackend, "{bad:?}");
    }
    let none = DatabaseCache::builder(&path).max_entries(0).build();
    assert_eq!(none.unwrap_err().kind(), ErrorKind::InvalidCacheBackend);
    let forever =
        DatabaseCache::builder(&path).busy_timeout(Duration::MAX).cull_frequency(0).build().unwrap();
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none(), "building made a file");
    forever.create_table(false).unwrap();
}

#[test]
fn a_dry_run_says_what_the_real_run_does() {
    let (dir, path) = place();
    let backend = DatabaseCache::new(&path, "my cache").unwrap();
    let sql = backend.create_table(true).unwrap();
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none(), "the dry run made a file");
    // The SQL by hand, twice, is as good.
    let conn = look(&path);
    for statement in sql.iter().chain(&sql) {
        conn.execute(statement, []).unwrap();
    }
    drop(conn);
    assert_eq!(backend.create_table(false).unwrap(), sql);
    let cache = cache_core::Cache::new(backend);
    cache.set("k", &1, Timeout::Never).unwrap();
    for _ in 0..2 {
        cache.backend().create_table(false).unwrap();
    }
    assert_eq!(cache.get::<i64>("k").unwrap(), Some(1), "creating it again emptied it");
    assert_eq!(rows_and_count(&path, "my cache"), (1, 1));
}

#[test]
fn a_table_of_django_is_recognised() {
    let (_dir, path) = place();
    let conn = look(&path);
    let of_django = "CREATE TABLE \"cache\" (\"cache_key\" varchar(255) NOT NULL PRIMARY KEY, \
                     \"value\" text NOT NULL, \"expires\" datetime NOT NULL)";
    conn.execute(of_django, []).unwrap();
    conn.execute("CREATE TABLE other (cache_key, value)", []).unwrap();
    let told = |table| {
        let cache = cache_core::Cache::new(DatabaseCache::new(&path, table).unwrap());
        let e = cache.get::<i64>("k").unwrap_err();
        assert_eq!(e.kind(), ErrorKind::InvalidCacheBackend);
        e.to_string()
    };
    let text = told("cache");
    assert!(text.contains("is a table of Django's DatabaseCache: set layout = \"django\""), "{text}");
    assert!(!text.contains("drop it"), "{text}");
    let text = told("other");
    assert!(text.contains("was not made by this cache") && text.contains("drop it"), "{text}");
}

#[test]
fn a_file_removed_underneath_is_made_anew() {
    let (_dir, path) = place();
    let cache = cache(&path);
    for with_wal in [false, true] {
        cache.set("k", &1, Timeout::Never).unwrap();
        fs::remove_file(&path).unwrap();
        if with_wal {
            fs::remove_file(path.with_file_name("cache.db-wal")).unwrap();
            fs::remove_file(path.with_file_name("cache.db-shm")).unwrap();
        }
        assert_eq!(cache.get::<i64>("k").unwrap(), None);
        cache.set("k", &2, Timeout::Never).unwrap();
        assert_eq!(rows_and_count(&path, "cache"), (1, 1));
        assert_eq!(mode(&path), 0o600);
    }
    cache.set("n", &1, Timeout::Never).unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(cache.incr("n").unwrap_err().kind(), ErrorKind::KeyNotFound);
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    assert!(cache.add("n", &1, Timeout::Never).unwrap());
}

#[test]
fn a_file_removed_while_another_process_has_it_open() {
    if let Some(job) = job() {
        let dir = Path::new(&job[0]);
        let cache = cache(&dir.join("cache.db"));
        cache.set("old", &1, Timeout::Never).unwrap();
        fs::write(dir.join("ready"), "").unwrap();
        wait_for(&dir.join("go"));
        assert_eq!(cache.get::<i64>("old").unwrap(), None);
        assert_eq!(cache.get::<i64>("new").unwrap(), Some(1));
        assert_eq!(cache.incr("new").unwrap(), 2);
        return;
    }
    let (dir, path) = place();
    let process =
        worker("a_file_removed_while_another_process_has_it_open", &dir.path().display().to_string());
    wait_for(&dir.path().join("ready"));
    fs::remove_file(&path).unwrap();
    let cache = cache(&path);
    cache.set_many((0..500).map(|i| (i.to_string(), i)), Timeout::Never).unwrap();
    cache.set("new", &1, Timeout::Never).unwrap();
    fs::write(dir.path().join("go"), "").unwrap();
    join([process]);
    assert_eq!(cache.get::<i64>("new").unwrap(), Some(2));
    assert_eq!(rows_and_count(&path, "cache"), (501, 501));
    assert_eq!(look(&path).query_row("PRAGMA integrity_check", [], |r| r.get::<_, String>(0)).unwrap(), "ok");
}

#[test]
fn a_damaged_file_is_named_and_a_new_one_works() {
    for damage in ["garbage", "header", "pages", "empty"] {
        let (_dir, path) = place();
        let cache = cache(&path);
        cache.set_many((0..1_000).map(|i| (i.to_string(), "secret")), Timeout::Never).unwrap();
        cache.close().unwrap();
        let mut bytes = fs::read(&path).unwrap();
        match damage {
            "garbage" => bytes = b"not a database at all, just text".repeat(100),
            "header" => bytes[..100].fill(0xee),
            "pages" => bytes[4_096..].fill(0xee),
            _ => bytes.clear(),
        }
        fs::write(&path, &bytes).unwrap();
        if damage == "empty" {
            assert_eq!(cache.get::<String>("7").unwrap(), None);
        } else {
            let e = cache.get::<String>("7").unwrap_err();
            assert_eq!(e.kind(), ErrorKind::Storage, "{damage}: {e}");
            let text = format!("{e} {e:?}");
            assert!(text.contains("cache.db") && text.contains("move it away"), "{damage}: {text}");
            assert!(!text.contains("secret"));
            assert!(cache.set("7", "secret", Timeout::Never).is_err());
            fs::remove_file(&path).unwrap();
        }
        cache.set("7", "new", Timeout::Never).unwrap();
        assert_eq!(cache.get::<String>("7").unwrap().as_deref(), Some("new"));
    }
}

#[test]
fn what_is_no_regular_file_is_refused() {
    let (dir, path) = place();
    let target = dir.path().join("target");
    let cache = cache(&path);
    let refused = |what: &str| {
        for e in [cache.get::<i64>("k").unwrap_err(), cache.set("k", &1, Timeout::Never).unwrap_err()] {
            assert_eq!(e.kind(), ErrorKind::Storage, "{what}: {e}");
            assert!(e.to_string().contains("cache.db") && e.to_string().contains(what), "{e}");
        }
    };
    fs::create_dir(&path).unwrap();
    refused("a directory");
    fs::remove_dir(&path).unwrap();
    symlink(&target, &path).unwrap();
    refused("a symbolic link");
    fs::write(&target, "").unwrap();
    refused("a symbolic link");
    assert_eq!(fs::read(&target).unwrap(), b"", "something was written through the link");
    fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    refused("not a regular file");
    fs::remove_file(&path).unwrap();
    cache.set("k", &1, Timeout::Never).unwrap();
    // A link in place of an open file is refused, too.
    fs::rename(&path, &target).unwrap();
    symlink(&target, &path).unwrap();
    refused("a symbolic link");
    fs::remove_file(&path).unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let below = common::cache(&dir.path().join("file/cache.db"));
    assert_eq!(below.get::<i64>("k").unwrap_err().kind(), ErrorKind::InvalidCacheBackend);
}

#[test]
fn a_directory_may_be_a_link() {
    let (dir, _) = place();
    fs::create_dir(dir.path().join("real")).unwrap();
    symlink(dir.path().join("real"), dir.path().join("link")).unwrap();
    let (a, b) = (cache(&dir.path().join("link/c.db")), cache(&dir.path().join("real/c.db")));
    a.set("k", &1, Timeout::Never).unwrap();
    assert_eq!(b.get::<i64>("k").unwrap(), Some(1));
}

#[test]
fn a_directory_moved_away_takes_its_file_along() {
    let (dir, _) = place();
    let root = dir.path().canonicalize().unwrap();
    let (path, aside) = (root.join("a/b/c/cache.db"), root.join("aside"));
    let cache = cache(&path);
    for moved in ["a", "a/b", "a/b/c", "a/b/c/cache.db"] {
        cache.set("k", &1, Timeout::Never).unwrap();
        assert_eq!(cache.get::<i64>("k").unwrap(), Some(1));
        fs::rename(root.join(moved), &aside).unwrap();
        assert_eq!(cache.get::<i64>("k").unwrap(), None, "{moved} moved away");
        cache.set("k", &2, Timeout::Never).unwrap();
        // And back, over the new one.
        cache.close().unwrap();
        if aside.is_dir() {
            fs::remove_dir_all(root.join(moved)).unwrap();
        }
        fs::rename(&aside, root.join(moved)).unwrap();
        for beside in ["-wal", "-shm"] {
            drop(fs::remove_file(format!("{}{beside}", path.display())));
        }
        assert!(cache.get::<i64>("k").is_ok(), "{moved} moved back");
        cache.clear().unwrap();
    }
}

#[test]
fn a_link_turned_to_another_directory_is_followed() {
    let (dir, _) = place();
    let root = dir.path().canonicalize().unwrap();
    for real in ["one", "other"] {
        fs::create_dir(root.join(real)).unwrap();
    }
    symlink(root.join("one"), root.join("link")).unwrap();
    let cache = cache(&root.join("link/c.db"));
    cache.set("k", &1, Timeout::Never).unwrap();
    assert_eq!(cache.get::<i64>("k").unwrap(), Some(1));
    symlink(root.join("other"), root.join("new")).unwrap();
    fs::rename(root.join("new"), root.join("link")).unwrap();
    assert_eq!(cache.get::<i64>("k").unwrap(), None);
    cache.set("k", &2, Timeout::Never).unwrap();
    assert_eq!(common::cache(&root.join("other/c.db")).get::<i64>("k").unwrap(), Some(2));
    assert_eq!(common::cache(&root.join("one/c.db")).get::<i64>("k").unwrap(), Some(1));
}

#[test]
fn a_change_of_attributes_changes_nothing_else() {
    let (_dir, path) = place();
    let cache = cache(&path);
    cache.set("k", &1, Timeout::Never).unwrap();
    for mode in [0o640, 0o600] {
        fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        assert_eq!(cache.get::<i64>("k").unwrap(), Some(1));
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(cache.get::<i64>("k").unwrap(), None, "it was removed after that");
}

#[test]
fn a_path_is_a_path_and_not_a_uri() {
    let (dir, _) = place();
    for name in ["a b?mode=memory", "file:x?mode=ro", "%41", "清.db", "it's"] {
        let path = dir.path().join(name);
        let cache = cache(&path);
        cache.set("k", &1, Timeout::Never).unwrap();
        cache.close().unwrap();
        assert!(path.is_file(), "{name}");
        assert_eq!(cache.get::<i64>("k").unwrap(), Some(1));
    }
}

#[test]
fn a_file_that_cannot_grow_fails_with_a_storage_error_and_recovers() {
    if let Some(job) = job() {
        let cache = cache(Path::new(&job[0]));
        let secret = "secret".repeat(2_000);
        let mut stored = 0;
        let e = loop {
            match cache.set(&stored.to_string(), &secret, Timeout::Never) {
                Ok(()) => stored += 1,
                Err(e) => break e,
            }
            assert!(stored < 10_000, "no write failed");
        };
        assert_eq!(e.kind(), ErrorKind::Storage, "{e}");
        assert!(!format!("{e} {e:?}").contains("secret"));
        assert!(stored > 5 && cache.get::<String>("3").unwrap().is_some());
        return;
    }
    let (_dir, path) = place();
    let done = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 600; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a_file_that_cannot_grow_fails_with_a_storage_error_and_recovers", "--nocapture"])
        .env("FAULTS_JOB", path.display().to_string())
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let cache = cache(&path);
    assert!(cache.get::<String>("3").unwrap().is_some());
    cache.set("more", &1, Timeout::Never).unwrap();
    let (rows, entries) = rows_and_count(&path, "cache");
    assert_eq!(rows, entries);
    assert_eq!(
        count(&look(&path), "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"),
        1
    );
}
