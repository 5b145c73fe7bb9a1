//! Directories have mode 0700 at every level and files 0600, whatever the umask.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test a failure is a panic")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use cache_core::Cache;
use cache_file::{FileCache, Layout};
use conformance_tests::faults::record;
use rustix::fs::Mode;

const HOUR: Duration = Duration::from_secs(3_600);

/// In a process of its own: the umask belongs to the process.
#[test]
#[ignore = "a worker, started by the tests"]
fn worker() {
    let Some((_, dir, umask)) = common::job() else { return };
    rustix::process::umask(Mode::from_raw_mode(u32::try_from(umask).unwrap()));
    let layouts = [
        ("file", Layout::Native),
        #[cfg(feature = "django")]
        ("file-django", Layout::Django),
    ];
    for ((name, layout), limit) in layouts.into_iter().flat_map(|layout| [(layout, 10), (layout, 2_000)]) {
        let backend =
            FileCache::builder(dir.join(format!("{name}/b/{limit}"))).layout(layout).max_entries(limit);
        let cache = Cache::new(backend.build().unwrap());
        for n in 0..50 {
            cache.set(&format!("k{n}"), &n, HOUR).unwrap();
        }
        cache.incr("k49").unwrap();
        cache.incr_version("k49").unwrap();
    }
}

/// Counts the files and directories, and lists the ones with a wrong mode.
fn check(path: &Path, seen: &mut u64, wrong: &mut Vec<String>) {
    for entry in fs::read_dir(path).unwrap().flatten() {
        let is_dir = entry.file_type().unwrap().is_dir();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
        if mode != if is_dir { 0o700 } else { 0o600 } {
            wrong.push(format!("{} {mode:o}", entry.path().display()));
        }
        *seen += 1;
        if is_dir {
            check(&entry.path(), seen, wrong);
        }
    }
}

/// That no mode is changed after a file was made is seen in `tests/faults`: no operation calls `chmod`.
#[test]
fn under_every_umask() {
    let layouts: &[&str] = if cfg!(feature = "django") { &["file", "file-django"] } else { &["file"] };
    let dirs = [0, 0o022, 0o077].map(|umask| {
        let dir = common::dir();
        let mut child = common::spawn("modes", dir.path(), umask);
        assert!(child.wait().unwrap().success());
        dir
    });
    for layout in layouts {
        let (mut seen, mut wrong) = (0, Vec::new());
        for dir in &dirs {
            let made = fs::metadata(dir.path().join(layout)).unwrap().permissions().mode() & 0o7777;
            if made != 0o700 {
                wrong.push(format!("{layout} {made:o}"));
            }
            check(&dir.path().join(layout), &mut seen, &mut wrong);
        }
        let figure = format!("{} of {seen} directories and files with another mode", wrong.len());
        record(23, layout, seen, wrong.len() as u64, &figure);
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(seen > 180, "{seen}");
    }
}
