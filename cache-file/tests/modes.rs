//! Directories have mode 0700 at every level and files 0600, whatever the umask.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test a failure is a panic")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use cache_core::Cache;
use cache_file::FileCache;
use rustix::fs::Mode;

const HOUR: Duration = Duration::from_secs(3_600);

/// In a process of its own: the umask belongs to the process.
#[test]
#[ignore = "a worker, started by the tests"]
fn worker() {
    let Some((_, dir, umask)) = common::job() else { return };
    rustix::process::umask(Mode::from_raw_mode(u32::try_from(umask).unwrap()));
    for limit in [10, 2_000] {
        let backend = FileCache::builder(dir.join(format!("a/b/{limit}"))).max_entries(limit);
        let cache = Cache::new(backend.build().unwrap());
        for n in 0..50 {
            cache.set(&format!("k{n}"), &n, HOUR).unwrap();
        }
        cache.incr("k49", 1).unwrap();
        cache.incr_version("k49", 1).unwrap();
    }
}

fn check(path: &Path, seen: &mut usize) {
    for entry in fs::read_dir(path).unwrap().flatten() {
        let is_dir = entry.file_type().unwrap().is_dir();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, if is_dir { 0o700 } else { 0o600 }, "{:?} {mode:o}", entry.path());
        *seen += 1;
        if is_dir {
            check(&entry.path(), seen);
        }
    }
}

#[test]
fn under_every_umask() {
    for umask in [0, 0o022, 0o077] {
        let dir = common::dir();
        let mut child = common::spawn("modes", dir.path(), umask);
        assert!(child.wait().unwrap().success());
        let mut seen = 0;
        check(dir.path(), &mut seen);
        assert!(seen > 60, "{seen}");
    }
}
