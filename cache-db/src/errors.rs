//! What went wrong inside one attempt, and how it reads to a caller.
//!
//! SQLite's own message never goes into an error: a trigger of somebody else's could put a value
//! into it. Its code and what the code means do.

use std::path::Path;
use std::time::Duration;

use cache_core::{Error, ErrorKind};
use rusqlite::{ErrorCode, ffi};

/// Why an attempt failed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// SQLite said no. Nothing was stored: an open transaction is rolled back.
    Sqlite(rusqlite::Error),
    /// For the caller as it is.
    Final(Error),
}

/// What to do about a [`Fault::Sqlite`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Somebody else holds a lock: try again until the time is up.
    Wait,
    /// The file, the table or the connection may be stale: once more with new connections.
    Reopen,
    /// The disk is full: once more with the write-ahead log written back, which then has room.
    WriteBack,
    /// The value is larger than SQLite's longest row.
    TooLarge,
    /// No second attempt would do better.
    Surface,
}

impl From<rusqlite::Error> for Fault {
    fn from(e: rusqlite::Error) -> Self {
        Self::Sqlite(e)
    }
}

pub(crate) fn remedy(e: &rusqlite::Error) -> Remedy {
    match e.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
            Remedy::Wait
        }
        Some(ErrorCode::TooBig) => Remedy::TooLarge,
        Some(ErrorCode::DiskFull) => Remedy::WriteBack,
        Some(ErrorCode::OutOfMemory) => Remedy::Surface,
        _ => Remedy::Reopen,
    }
}

/// An error of SQLite as a caller sees it.
pub(crate) fn surface(e: &rusqlite::Error, path: &Path, busy_timeout: Duration) -> Error {
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
                "the file {file} is damaged or no SQLite database; move it away, and the cache starts anew"
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
    coded(Error::new(kind, message), e)
}

/// `error` with SQLite's code as its source.
pub(crate) fn coded(error: Error, e: &rusqlite::Error) -> Error {
    match e.sqlite_error() {
        Some(code) => error.with_source(*code),
        None => error,
    }
}

/// A failure of the file system on the way to the database.
pub(crate) fn io(e: std::io::Error, what: &str, path: &Path) -> Fault {
    Fault::Final(Error::storage(format!("{what} {} failed", path.display())).with_source(e))
}

pub(crate) fn is_too_large(e: &rusqlite::Error) -> bool {
    remedy(e) == Remedy::TooLarge
}

/// The upsert's answer to a new key in a full table.
pub(crate) fn is_no_room(e: &rusqlite::Error) -> bool {
    e.sqlite_error().is_some_and(|e| e.extended_code == ffi::SQLITE_CONSTRAINT_NOTNULL)
}
