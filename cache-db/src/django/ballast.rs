//! The ballast: a file beside the database that only takes room, until a full disk has to be cleared.
//!
//! SQLite writes down what a transaction changes before it changes it. On a full disk that has no room,
//! and so not even the deletes that would make some can run. The database may be the application's, so it
//! cannot be replaced, nor be changed without its journal.

use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use cache_fs::{Directory, Rule};
use rustix::fs::AtFlags;

use crate::config::Config;
use crate::database_file::beside;
use crate::error::{self, SqlResult};

/// The size in bytes: what a `clear` of 100 MB writes down.
const MOST: u64 = 128 << 10;

/// How many bytes stay free: other writes need some too.
const LEFT: u64 = 32 << 10;

/// The least size in bytes that helps any `clear`.
const LEAST: u64 = 16 << 10;

/// The end of its name.
const SUFFIX: &str = "-ballast";

/// Makes it where it is missing and the disk has room. It belongs to whom the database's directory belongs to.
pub(super) fn make(config: &Config) {
    let (Some(dir), Some(name)) = (config.path.parent(), config.path.file_name()) else { return };
    let rule = Rule::file().group(config.trusted_group);
    // Without the directory the database does not exist either.
    let Ok(Some(dir)) = Directory::open(dir, rule, false) else { return };
    let name = beside(name, SUFFIX);
    let failed = match dir.create_file(&name) {
        Ok(None) => return,
        Ok(Some(file)) => match fill(file.into()) {
            Ok(()) => return,
            Err(e) => {
                // Half a ballast is of no use, and one that exists is not made again.
                let _ = rustix::fs::unlinkat(&dir, &name, AtFlags::empty());
                e.to_string()
            }
        },
        Err(e) => e.to_string(),
    };
    tracing::debug!(target: "cache_db", path = %config.path.display(), error = failed, "no ballast");
}

fn fill(mut file: File) -> io::Result<()> {
    let disk = rustix::fs::fstatvfs(&file)?;
    let size = (disk.f_bavail * disk.f_frsize).saturating_sub(LEFT).min(MOST);
    if size < LEAST {
        return Err(ErrorKind::StorageFull.into());
    }
    file.write_all(&vec![0; usize::try_from(size).unwrap_or_default()])
}

/// Gives its room back. Does nothing if it does not exist.
pub(super) fn free(database: &Path) -> SqlResult<()> {
    let path = PathBuf::from(beside(database.as_os_str(), SUFFIX));
    match std::fs::remove_file(&path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(error::io(e, "removing", &path).into()),
        _ => Ok(()),
    }
}
