//! Tests with several users of one machine: who owns a store's files, whose directory is refused, and who may hold a
//! lock that others wait for. Only root can try it.
//!
//! A function here is the whole body of a test with libtest's harness, which runs again as a process of another user.
//! Its first argument is that test's full name, as `--exact` takes it. `layouts` are the names of the layouts of a
//! backend, and `open` opens the store in this layout whose files are in a directory.
//!
//! ```no_run
//! use conformance_tests::faults::owners;
//! # use std::path::Path;
//! # use cache_core::Cache;
//! # fn open(layout: &str, dir: &Path) -> Cache { unimplemented!() }
//!
//! // #[test]
//! fn what_root_writes_into_the_store_of_a_user_is_the_users() {
//!     owners::root_writes("what_root_writes_into_the_store_of_a_user_is_the_users", &["native"], open);
//! }
//! ```

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use cache_core::{BaseCache, Cache, ErrorKind};
use tempfile::TempDir;

use super::{job, place_for_users, run_as, start_as};

const HOUR: Duration = Duration::from_secs(3_600);
const USER: u32 = 12_346;
const OTHER: u32 = 12_345;

/// What a test may wait for another process.
const LONGEST: Duration = Duration::from_secs(60);

/// Root writes into stores in a user's directory: all files and directories in it are the user's then, while the store is
/// open too, and the user reads and writes in it.
///
/// # Panics
/// If something there belongs to root, or the user is locked out.
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
pub fn root_writes<B: BaseCache + ?Sized + 'static>(
    test: &str,
    layouts: &[&str],
    open: impl Fn(&str, &Path) -> Cache<B>,
) {
    if let Some(job) = job() {
        for layout in layouts {
            let cache = open(layout, &Path::new(&job).join(layout));
            assert_eq!(cache.get::<String>("root's").unwrap().as_deref(), Some("v"), "{layout}");
            cache.set("root's", "mine", HOUR).unwrap();
            cache.set("new", "mine", HOUR).unwrap();
            assert!(cache.touch("new", HOUR).unwrap() && cache.delete("new").unwrap(), "{layout}");
            assert_eq!(cache.incr("n").unwrap(), 2, "{layout}");
            cache.incr_version("n").unwrap();
            cache.clear().unwrap();
        }
        return;
    }
    let Some(dir) = place_for_users() else { return };
    let home = dir.path().join("home");
    fs::create_dir(&home).unwrap();
    chown(&home, Some(USER), Some(USER)).unwrap();
    let caches: Vec<Cache<B>> = layouts.iter().map(|layout| open(layout, &home.join(layout))).collect();
    for closed in [false, true] {
        for cache in &caches {
            cache.set("root's", "v", HOUR).unwrap();
            cache.set("n", &1, HOUR).unwrap();
            cache.set("other version", "v", HOUR).unwrap();
            cache.incr_version("other version").unwrap();
            if closed {
                cache.close().unwrap();
            }
        }
        let mut seen = 0;
        all_below(&home, &mut |path| {
            let made = fs::symlink_metadata(path).unwrap();
            let who = (made.uid(), made.gid());
            assert_eq!(who, (USER, USER), "user and group of {}, after root's call", path.display());
            seen += 1;
        });
        assert!(seen > 2 * layouts.len(), "found only {seen} files and directories");
        if let Some(output) = run_as(USER, test, home.to_str().unwrap()) {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "the user is locked out; root has closed it: {closed}: {said}");
        }
    }
}

/// The directory of a store is exchanged while it is open: another user puts one of the same name there, with an
/// entry that would be good. No call ever reads that entry, and soon each call is an error. As for the old directory, a
/// cleaner has removed it, or it was renamed.
///
/// # Panics
/// If the other user's entry is read, or calls do not end in [`ErrorKind::InvalidCacheBackend`] within a minute.
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
pub fn exchanged_directory<B: BaseCache + ?Sized + 'static>(
    test: &str,
    layouts: &[&str],
    open: impl Fn(&str, &Path) -> Cache<B>,
) {
    if let Some(job) = job() {
        let (dir, layout) = job.split_once('|').unwrap();
        let cache = open(layout, &Path::new(dir).join("cache"));
        cache.set("k", "mine", HOUR).unwrap();
        fs::write(Path::new(dir).join("signs/ready"), "").unwrap();
        let since = Instant::now();
        let mut refused = 0;
        while refused < 10 {
            match cache.get::<String>("k") {
                Ok(value) => assert!(
                    value.as_deref().is_none_or(|value| value == "mine"),
                    "a value of another user was read: {value:?}"
                ),
                Err(e) => refused += u32::from(e.kind() == ErrorKind::InvalidCacheBackend),
            }
            assert!(
                since.elapsed() < LONGEST,
                "the other directory was never seen: {refused} calls were refused"
            );
        }
        let written = cache.set("k", "x", HOUR).map_err(|e| e.kind());
        assert_eq!(written, Err(ErrorKind::InvalidCacheBackend), "writing into the other directory");
        return;
    }
    let Some(dir) = place_for_users() else { return };
    for removed in [true, false] {
        for layout in layouts {
            let at = dir.path().join(format!("{layout}-{removed}"));
            let (cache, planted, signs) = (at.join("cache"), at.join("planted"), at.join("signs"));
            // As /tmp is.
            for (path, mode) in [(&at, 0o1777), (&signs, 0o777)] {
                fs::create_dir(path).unwrap();
                fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
            }
            let theirs = open(layout, &planted);
            theirs.set("k", "planted", HOUR).unwrap();
            theirs.close().unwrap();
            drop(theirs);
            // What everybody may write, as it can be opened in every way, and what its owner alone may.
            let (of_dirs, of_files) = if removed { (0o777, 0o666) } else { (0o755, 0o644) };
            all_below(&planted, &mut |path| {
                chown(path, Some(OTHER), Some(OTHER)).unwrap();
                let mode = if path.is_dir() { of_dirs } else { of_files };
                fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
            });
            let Some(mut worker) = start_as(USER, test, &format!("{}|{layout}", at.display())) else {
                return;
            };
            wait_for(&signs.join("ready"));
            if removed {
                fs::remove_dir_all(&cache).unwrap();
            } else {
                fs::rename(&cache, at.join("aside")).unwrap();
            }
            fs::rename(&planted, &cache).unwrap();
            let ended = worker.wait().unwrap();
            assert!(ended.success(), "{layout}, the old directory was removed: {removed}; its text says why");
        }
    }
}

/// Another user may read the directory of a store, and locks all that can be opened there, before there is a store or
/// afterwards. Calls that write work all the same: `open` makes handles that do not wait long.
///
/// Returns the directory with one store in each of its directories, unless it could not be tried.
///
/// # Panics
/// If a call fails.
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
pub fn locked_by_others<B: BaseCache + ?Sized + 'static>(
    test: &str,
    layouts: &[&str],
    open: impl Fn(&str, &Path) -> Cache<B>,
) -> Option<TempDir> {
    if let Some(job) = job() {
        let (root, signs) = job.split_once('|').unwrap();
        let mut locked = Vec::new();
        all_below(Path::new(root), &mut |path| {
            if let Ok(file) = File::open(path) {
                file.lock().unwrap();
                locked.push(file);
            }
        });
        assert!(!locked.is_empty(), "nothing could be locked, not even the directory");
        fs::write(Path::new(signs).join("locked"), "").unwrap();
        wait_for(&Path::new(signs).join("done"));
        return None;
    }
    let dir = place_for_users()?;
    for (layout, begun) in layouts.iter().flat_map(|layout| [(layout, false), (layout, true)]) {
        let root = dir.path().join(format!("{layout}-{begun}"));
        let signs = tempfile::tempdir().unwrap();
        fs::create_dir(&root).unwrap();
        for (path, mode) in [(&*root, 0o755), (signs.path(), 0o777)] {
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        }
        if begun {
            open(layout, &root).set("k", &1, HOUR).unwrap();
        }
        let mut worker = start_as(OTHER, test, &format!("{}|{}", root.display(), signs.path().display()))?;
        wait_for(&signs.path().join("locked"));
        let (cache, since) = (open(layout, &root), Instant::now());
        let said = cache.set("k", &2, HOUR).and_then(|()| cache.incr("k")).and_then(|_| cache.clear());
        fs::write(signs.path().join("done"), "").unwrap();
        let ended = worker.wait().unwrap();
        let waited = since.elapsed();
        assert!(said.is_ok(), "{layout}, written to before: {begun}, after {waited:?}: {said:?}");
        assert!(ended.success(), "the other user's process failed");
    }
    Some(dir)
}

/// Looks at `path` and all below it that can be seen.
fn all_below(path: &Path, each: &mut impl FnMut(&Path)) {
    each(path);
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        all_below(&entry.path(), each);
    }
}

/// Waits for a file that another process makes.
fn wait_for(sign: &Path) {
    let since = Instant::now();
    while !sign.exists() {
        assert!(since.elapsed() < LONGEST, "the other process has not made {} in time", sign.display());
        thread::sleep(Duration::from_millis(1));
    }
}
