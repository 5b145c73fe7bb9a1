//! [`Opened`]: which database files a process has open, so that a child of it does not open them too.
//!
//! SQLite keeps book of its locks by process: a child that was forked finds the book of its parent, and not the
//! locks. It would read and write without any, and what others hold would not keep it out. So a file that the
//! parent had open when it forked is refused in the child, whichever handle asks.

use std::path::Path;
use std::sync::{Mutex, PoisonError, TryLockError};

use cache_core::{Error, PerProcess};
use cache_fs::FileId;

use crate::errors::Fault;

type Files = Mutex<Vec<FileId>>;

static OPEN: PerProcess<Files> = PerProcess::new();

/// A file that this process has open, until it is dropped.
#[derive(Debug)]
pub(crate) struct Opened(FileId);

impl Opened {
    /// # Errors
    /// Where a process from which this one was forked had the file open then.
    pub(crate) fn new(file: FileId, path: &Path) -> Result<Self, Fault> {
        if OPEN.inherited().any(|files| had_open(files, file)) {
            return Err(Fault::Final(Error::rejected(format!(
                "the database {} was open in the process that forked this one, and SQLite cannot go on with \
                 it on both sides: close the cache before the fork, or use it after the fork only",
                path.display()
            ))));
        }
        OPEN.get().lock().unwrap_or_else(PoisonError::into_inner).push(file);
        Ok(Self(file))
    }

    pub(crate) const fn id(&self) -> FileId {
        self.0
    }
}

/// Of a lock that another thread of the parent held then, nobody knows what it was about to write.
fn had_open(files: &Files, file: FileId) -> bool {
    match files.try_lock() {
        Ok(files) => files.contains(&file),
        Err(TryLockError::Poisoned(files)) => files.into_inner().contains(&file),
        Err(TryLockError::WouldBlock) => true,
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let mut files = OPEN.get().lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = files.iter().position(|file| *file == self.0) {
            files.swap_remove(place);
        }
    }
}
