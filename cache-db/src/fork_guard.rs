//! [`ForkGuard`]: keeps a forked child from opening the database files that its parent has open.
//!
//! SQLite records its locks by process: a forked child inherits the record of its parent, and not the
//! locks. It would read and write without any, and what others hold would not keep it out. So a file that the
//! parent had open when it forked is refused in the child, whichever handle asks.

use std::path::Path;
use std::sync::{Mutex, PoisonError, TryLockError};

use cache_core::{Error, PerProcess};
use cache_fs::FileId;

use crate::error::{SqlError, SqlResult};

type Files = Mutex<Vec<FileId>>;

static OPEN: PerProcess<Files> = PerProcess::new();

/// A file that this process has open, until it is dropped.
#[derive(Debug)]
pub(crate) struct ForkGuard(FileId);

impl ForkGuard {
    /// Records that this process opens `file`.
    ///
    /// # Errors
    /// If a process from which this one was forked had the file open then.
    pub(crate) fn new(file: FileId, path: &Path) -> SqlResult<Self> {
        if OPEN.inherited().any(|files| had_open(files, file)) {
            return Err(SqlError::Final(Error::rejected(format!(
                "the database {} was open in the process that forked this one, and SQLite cannot use it in both: close the cache before the fork, or first use it after the fork",
                path.display()
            ))));
        }
        OPEN.get().lock().unwrap_or_else(PoisonError::into_inner).push(file);
        Ok(Self(file))
    }
}

/// Whether the parent had the file open. Nobody knows what a thread that held the lock then was about to write.
fn had_open(files: &Files, file: FileId) -> bool {
    match files.try_lock() {
        Ok(files) => files.contains(&file),
        Err(TryLockError::Poisoned(files)) => files.into_inner().contains(&file),
        Err(TryLockError::WouldBlock) => true,
    }
}

impl Drop for ForkGuard {
    fn drop(&mut self) {
        let mut files = OPEN.get().lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = files.iter().position(|file| *file == self.0) {
            files.swap_remove(place);
        }
    }
}
