//! The ballast: a file beside the database that only takes room, until a full disk has to be cleared.
//!
//! SQLite writes down what a transaction changes before it changes it. On a full disk that has no room,
//! and so not even the deletes that would make some can run. The database may be the application's, so it
//! cannot be replaced, nor be changed without its journal.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::error::{SqlResult, io};

/// The size in bytes: what a `clear` of 100 MB writes down.
const MOST: u64 = 128 << 10;

/// How many bytes stay free: other writes need some too.
const LEFT: u64 = 32 << 10;

/// The least size in bytes that helps any `clear`.
const LEAST: u64 = 16 << 10;

fn path_of(database: &Path) -> PathBuf {
    let mut path: OsString = database.into();
    path.push("-ballast");
    path.into()
}

/// Makes it where it is missing and the disk has room.
pub(super) fn make(database: &Path) {
    let path = path_of(database);
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let written = made.and_then(|mut file| {
        let disk = rustix::fs::fstatvfs(&file)?;
        let size = (disk.f_bavail * disk.f_frsize).saturating_sub(LEFT).min(MOST);
        if size < LEAST {
            return Err(ErrorKind::StorageFull.into());
        }
        file.write_all(&vec![0; usize::try_from(size).unwrap_or_default()])
    });
    match written {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            tracing::debug!(target: "cache_db", file = %path.display(), %error, "no ballast");
            // Half a ballast is of no use, and one that exists is not made again.
            let _ = std::fs::remove_file(&path);
        }
        _ => {}
    }
}

/// Gives its room back. Does nothing where it does not exist.
pub(super) fn free(database: &Path) -> SqlResult<()> {
    let path = path_of(database);
    match std::fs::remove_file(&path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(io(e, "removing", &path).into()),
        _ => Ok(()),
    }
}
