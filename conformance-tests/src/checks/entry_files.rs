//! Finds the files of a backend that keeps a file per entry, from outside.

use std::fs;
use std::path::{Path, PathBuf};

use crate::outcome::{Outcome, Stop};

/// All regular files below `dir`, in order. Symbolic links are not followed.
pub(super) fn below(dir: &Path) -> Outcome<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                dirs.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The file of the entry whose made key is this.
pub(super) fn of_key(dir: &Path, made_key: &str) -> Outcome<PathBuf> {
    let key = made_key.as_bytes();
    for path in below(dir)? {
        if fs::read(&path)?.windows(key.len()).any(|part| part == key) {
            return Ok(path);
        }
    }
    let what = "the file of an entry, for a backend that declares file_per_entry";
    let expected = format!("that one below {} holds the bytes of the key {made_key:?}", dir.display());
    Err(Stop::unexpected(what, expected, "none does"))
}
