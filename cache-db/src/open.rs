//! Opening a connection: the directories and the file as they must be, then SQLite's settings.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cache_core::Error;
use rusqlite::{Connection, OpenFlags, ffi};

use crate::errors::{Fault, io};
use crate::layout::Table;
use crate::schema::Sql;

/// Which file it is, whatever its name: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId(u64, u64);

impl FileId {
    pub(crate) fn of(meta: &Metadata) -> Self {
        Self(meta.dev(), meta.ino())
    }
}

/// A page of a new database in bytes. A set writes two or three pages, and 2 KiB made a set of
/// 100 B a quarter faster than SQLite's 4 KiB; reads cost the same.
const PAGE_SIZE: u32 = 2_048;

/// After so many pages (16 MiB) the WAL is written back into the database. SQLite's 1,000 makes
/// sets slower by a quarter, and more gains nothing.
const WAL_PAGES: u32 = 8_192;

/// More statements than this crate has.
const STATEMENTS: usize = 32;

/// Held while a file is made and opened. Closing any descriptor of a file drops the locks that
/// this process has on it, SQLite's too, so nobody may open what is still being made.
static OPENING: Mutex<()> = Mutex::new(());

/// The file at `path`, without following a symbolic link; `None` if there is none or it cannot be seen.
pub(crate) fn file_id(path: &Path) -> Option<FileId> {
    path.symlink_metadata().ok().as_ref().map(FileId::of)
}

/// A new connection to `path`. The directories, the file and the schema of `table` are made if
/// they are missing.
///
/// # Errors
/// When the file system refuses, or something else is in the place of the file or of a table.
pub(crate) fn open(path: &Path, table: &Table, deadline: Instant) -> Result<(Connection, FileId), Fault> {
    let real = real_path(path)?;
    let (conn, id, is_new) = {
        let _one_at_a_time = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !is_there(&real)? && make(&real, deadline)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let before = file_id(path);
        let conn = Connection::open_with_flags(&real, flags)?;
        match before {
            Some(id) if before == file_id(path) => (conn, id, is_new),
            // Removed or replaced meanwhile: which of the files this is cannot be said.
            _ => return Err(Fault::Sqlite(moved())),
        }
    };
    // Waiting is done in one place for all kinds of locks, with the clock read anew each time.
    conn.busy_timeout(Duration::ZERO)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    conn.execute_batch("PRAGMA cache_size = -16000; PRAGMA trusted_schema = OFF")?;
    table.prepare(&conn, is_new)?;
    Ok((conn, id))
}

/// The path leads to another file than it did: a further attempt finds that.
pub(crate) const fn moved() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        ffi::Error { code: rusqlite::ErrorCode::DatabaseBusy, extended_code: ffi::SQLITE_BUSY },
        None,
    )
}

/// The path with the directory's symbolic links resolved, and the directory made.
fn real_path(path: &Path) -> Result<PathBuf, Fault> {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Fault::Final(Error::storage(format!("the path {} names no file", path.display()))));
    };
    let dir = match dir.canonicalize() {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
            made.and_then(|()| dir.canonicalize())
        }
        found => found,
    };
    let dir = dir.map_err(|e| io(e, "making or entering the directory of", path))?;
    Ok(dir.join(name))
}

/// Whether the file is there, as a regular file.
fn is_there(path: &Path) -> Result<bool, Fault> {
    match path.symlink_metadata() {
        Ok(meta) if meta.is_file() => Ok(true),
        Ok(meta) => {
            let what = if meta.is_symlink() {
                "a symbolic link"
            } else if meta.is_dir() {
                "a directory"
            } else {
                "no regular file"
            };
            Err(Fault::Final(Error::storage(format!(
                "{} is {what} and was not opened as a database; move it away, or give the path of a file",
                path.display()
            ))))
        }
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(io(e, "looking at the database", path)),
    }
}

/// Makes an empty file with mode 0600, which SQLite gives to -wal and -shm too. False: another
/// process was faster.
///
/// What an older database of this name left beside it goes first: its -shm, still mapped by
/// another process, would mislead the new one. The directory's lock keeps two processes from
/// removing what the other has just made.
fn make(path: &Path, deadline: Instant) -> Result<bool, Fault> {
    let dir = path.parent().unwrap_or(path);
    let lock = File::open(dir).map_err(|e| io(e, "opening the directory of", path))?;
    while let Err(e) = lock.try_lock() {
        match e {
            TryLockError::WouldBlock if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(1));
            }
            TryLockError::WouldBlock => {
                return Err(Fault::Sqlite(moved()));
            }
            TryLockError::Error(e) => return Err(io(e, "locking the directory of", path)),
        }
    }
    if is_there(path)? {
        return Ok(false);
    }
    for suffix in ["-wal", "-shm", "-journal"] {
        let mut left = path.as_os_str().to_owned();
        left.push(suffix);
        match std::fs::remove_file(&left) {
            Err(e) if e.kind() != ErrorKind::NotFound => {
                return Err(io(e, "removing what an older database left behind,", Path::new(&left)));
            }
            _ => {}
        }
    }
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.map(|_| true).map_err(|e| io(e, "making the database", path))
}

/// Gives the file a write-ahead log, which stays with it, and makes the schema of this crate's own
/// layout.
pub(crate) fn prepare_own(conn: &Connection, sql: &Sql) -> Result<(), Fault> {
    sql.told.look_again();
    conn.execute_batch(&format!("PRAGMA page_size = {PAGE_SIZE}"))?;
    // Before anything is changed: the journal mode stays with the file.
    let is_complete = sql.is_complete(conn)?;
    use_wal(conn)?;
    conn.execute_batch(&format!(
        "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = {WAL_PAGES}; \
         PRAGMA journal_size_limit = {}",
        PAGE_SIZE * WAL_PAGES
    ))?;
    if is_complete { Ok(()) } else { sql.ensure(conn) }
}

/// Sets the journal mode of the file for good.
pub(crate) fn use_wal(conn: &Connection) -> Result<(), Fault> {
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode.eq_ignore_ascii_case("wal") {
        return Ok(());
    }
    Err(Fault::Final(Error::storage(format!(
        "the database {} cannot use a write-ahead log (its journal mode stays {mode:?}); put it on a \
         local disk where this process may write",
        conn.path().unwrap_or_default()
    ))))
}

/// Writes what is in the write-ahead log back into the database, as far as readers let it. The next
/// write then begins the log anew, over what is in it.
pub(crate) fn write_back(conn: &Connection) -> Result<(), Fault> {
    Ok(conn.query_row("PRAGMA wal_checkpoint", [], |_| Ok(()))?)
}
