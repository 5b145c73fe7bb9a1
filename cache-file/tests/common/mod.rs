//! What the tests share: directories on the real disk, the files of a cache, and worker processes.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cache_core::Cache;
use cache_file::{FileCache, FileCacheBuilder};
use tempfile::TempDir;

/// A directory on the disk that holds the build, not on a memory file system.
pub(crate) fn dir() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A directory, and a cache in a part of it that is not made yet.
pub(crate) fn cache(
    set: impl FnOnce(FileCacheBuilder) -> FileCacheBuilder,
) -> (TempDir, FileCache, Cache<FileCache>) {
    let dir = dir();
    let backend = set(FileCache::builder(dir.path().join("cache"))).build().unwrap();
    (dir, backend.clone(), Cache::new(backend))
}

/// All files whose names are wanted.
pub(crate) fn files_where(root: &Path, wanted: impl Fn(&str) -> bool + Copy) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            found.extend(files_where(&path, wanted));
        } else if wanted(entry.file_name().to_str().unwrap_or_default()) {
            found.push(path);
        }
    }
    found
}

/// All entry files.
pub(crate) fn entry_files(root: &Path) -> Vec<PathBuf> {
    files_where(root, |name| name.ends_with(".cache"))
}

/// All temporary files.
pub(crate) fn temp_files(root: &Path) -> Vec<PathBuf> {
    files_where(root, |name| name.starts_with(".tmp-"))
}

/// The one entry file.
pub(crate) fn only_file(root: &Path) -> PathBuf {
    let files = entry_files(root);
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

/// The state file.
pub(crate) fn state_file(root: &Path) -> PathBuf {
    root.join(".cache-file-state")
}

/// Starts this test binary again as a worker: its ignored test `worker` runs, with the job, the
/// directory and the worker's number in the environment.
pub(crate) fn spawn(job: &str, dir: &Path, number: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["worker", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env("CACHE_FILE_JOB", job)
        .env("CACHE_FILE_DIR", dir)
        .env("CACHE_FILE_NUMBER", number.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// The worker's side of [`spawn`]; `None` in a run by hand.
pub(crate) fn job() -> Option<(String, PathBuf, usize)> {
    let get = |name: &str| std::env::var(name).ok();
    let number = get("CACHE_FILE_NUMBER")?.parse().ok()?;
    Some((get("CACHE_FILE_JOB")?, get("CACHE_FILE_DIR")?.into(), number))
}

/// Runs `workers` processes to their end.
pub(crate) fn run(job: &str, dir: &Path, workers: usize) {
    let children: Vec<Child> = (0..workers).map(|number| spawn(job, dir, number)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success(), "a worker of {job} failed");
    }
}

/// Waits until `condition`, at most half a minute.
pub(crate) fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let since = Instant::now();
    while !condition() {
        assert!(since.elapsed() < Duration::from_secs(30), "waited too long for {what}");
        std::thread::yield_now();
    }
}
