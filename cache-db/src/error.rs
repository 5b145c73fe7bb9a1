//! [`SqlError`]: why an attempt failed, what to do about it, and how it reads to a caller.
//!
//! SQLite's own message never enters an error: somebody else's trigger could put a value into it. The error holds
//! SQLite's code and says what it means.

use std::path::Path;
use std::time::Duration;

use cache_core::{Error, ErrorKind};
use rusqlite::{ErrorCode, ffi};

/// Why an attempt failed.
#[derive(Debug)]
pub(crate) enum SqlError {
    /// SQLite refused. Nothing was stored: an open transaction is rolled back.
    Sqlite(rusqlite::Error),
    /// For the caller as it is: another attempt would fail alike.
    Final(Error),
}

/// The result of a step of an attempt.
pub(crate) type SqlResult<T> = Result<T, SqlError>;

/// What to do about a [`SqlError::Sqlite`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Somebody else holds a lock: try again until the time is up.
    Wait,
    /// The file, the table or the connection may be stale: try once more with new connections.
    Reopen,
    /// The disk is full: try once more after the write-ahead log is written back, which makes room in it.
    WriteBack,
    /// Another attempt would do no better.
    Return,
}

impl From<rusqlite::Error> for SqlError {
    fn from(e: rusqlite::Error) -> Self {
        Self::Sqlite(e)
    }
}

impl From<Error> for SqlError {
    fn from(e: Error) -> Self {
        Self::Final(e)
    }
}

impl SqlError {
    /// Says that the path leads to another file than it did: another attempt finds that.
    pub(crate) fn moved() -> Self {
        Self::Sqlite(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None))
    }

    /// Whether the value exceeds SQLite's longest row.
    pub(crate) fn is_too_large(&self) -> bool {
        matches!(self, Self::Sqlite(e) if e.sqlite_error_code() == Some(ErrorCode::TooBig))
    }
}

/// Chooses what to do about an error of SQLite.
pub(crate) fn remedy(e: &rusqlite::Error) -> Remedy {
    match e.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
            Remedy::Wait
        }
        Some(ErrorCode::DiskFull) => Remedy::WriteBack,
        Some(ErrorCode::OutOfMemory | ErrorCode::TooBig) => Remedy::Return,
        _ => Remedy::Reopen,
    }
}

/// Makes the caller's error of an error of SQLite.
pub(crate) fn public(e: &rusqlite::Error, path: &Path, busy_timeout: Duration) -> Error {
    let file = path.display();
    let (kind, message) = match e.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => (
            ErrorKind::Unavailable,
            format!(
                "the database {file} stayed locked by others for {busy_timeout:?} and nothing was \
                 stored; find who holds a transaction open for so long, or raise busy_timeout"
            ),
        ),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => (
            ErrorKind::Storage,
            format!(
                "the file {file} is damaged or not an SQLite database; move it away, and the cache creates a new one"
            ),
        ),
        Some(ErrorCode::DiskFull) => (
            ErrorKind::Storage,
            format!("the disk of the database {file} is full and nothing was stored; make room"),
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => (
            ErrorKind::Storage,
            format!(
                "the database {file} cannot be written; give this process the permission to write the \
                 file and its directory"
            ),
        ),
        Some(ErrorCode::CannotOpen) => (
            ErrorKind::Storage,
            format!(
                "the database {file} or its -wal or -shm file cannot be opened; see that they are \
                 regular files that this process may read and write, and that it may open more files"
            ),
        ),
        _ => (ErrorKind::Storage, format!("the database {file} failed and nothing was stored")),
    };
    with_code(Error::new(kind, message), e)
}

/// Gives `error` SQLite's code as its source.
pub(crate) fn with_code(error: Error, e: &rusqlite::Error) -> Error {
    match e.sqlite_error() {
        Some(code) => error.with_source(*code),
        None => error,
    }
}

/// Describes a failure of the file system on the way to the database.
pub(crate) fn io(e: std::io::Error, what: &str, path: &Path) -> Error {
    Error::storage(format!("{what} {} failed", path.display())).with_source(e)
}
