//! A directory in Django's layout.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test a failure is a panic")]

mod bound;
#[path = "../common/mod.rs"]
mod common;
mod damage;
mod processes;
#[cfg(feature = "settings")]
mod settings;
mod vectors;

use std::path::{Path, PathBuf};
use std::time::Duration;

use cache_core::Cache;
use cache_file::{FileCache, FileCacheBuilder, Layout};
use tempfile::TempDir;

const HOUR: Duration = Duration::from_secs(3_600);

/// A directory, and a cache in Django's layout in a part of it that is not made yet.
fn cache(set: impl FnOnce(FileCacheBuilder) -> FileCacheBuilder) -> (TempDir, FileCache, Cache<FileCache>) {
    common::cache(|options| set(options.layout(Layout::Django)))
}

/// All entry files.
fn entry_files(root: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "djcache"));
    files
}

/// The one entry file.
fn only_file(root: &Path) -> PathBuf {
    let files = entry_files(root);
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

/// The bytes of hexadecimal digits.
fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// What the tests of several processes have them do.
#[test]
#[ignore = "a worker, started by the tests"]
fn worker() {
    processes::work();
}
