//! `clear`: gives the room back to the system, and works on a disk that is full.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use cache_core::{Error, Result};
use rusqlite::{Connection, ErrorCode, ffi};

use crate::deadline::Deadline;
use crate::error::{SqlError, SqlResult, io};
use crate::pool::Access;
use crate::store::Store;

/// Up to this many bytes stay in the file: the next rows use them.
const LITTLE: u64 = 64 << 10;

/// Removes all rows, and the room that they took.
pub(crate) fn clear(store: &Store) -> Result<()> {
    match store.run(Access::Change, |table, db| table.clear(db)) {
        Ok(cleared) => {
            if cleared.is_some() {
                give_back(store);
            }
            Ok(())
        }
        Err(e) if is_full(&e) => clear_full_disk(store, e),
        Err(e) => Err(e),
    }
}

/// Makes the file smaller. A failure is not the caller's: the rows are gone, and the next ones have the room.
fn give_back(store: &Store) {
    let deadline = Deadline::new(store.config.busy_timeout);
    let given = store.attempt(Access::Change, &deadline, |table, db| {
        if has_only(db.conn, &table.names())? { shrink(db.conn, &db.config.path) } else { Ok(()) }
    });
    if let Err(e) = given {
        tracing::debug!(target: "cache_db", error = ?e, "the file was not made smaller");
    }
}

/// Clears where a disk is full, and rows cannot be deleted: SQLite writes that down before it does it. The ballast of
/// Django's layout, which others have open, makes room. This crate's own file is removed instead, if it holds this
/// cache alone.
fn clear_full_disk(store: &Store, full: Error) -> Result<()> {
    let cleared = store.run(Access::Change, |table, db| {
        let is_freed = table.free_ballast(db)?;
        if is_freed {
            table.clear(db)?;
        }
        Ok(is_freed)
    })?;
    match cleared {
        None => Ok(()),
        Some(true) => {
            give_back(store);
            Ok(())
        }
        Some(false) => make_anew(store, full),
    }
}

fn make_anew(store: &Store, full: Error) -> Result<()> {
    let deadline = Deadline::new(store.config.busy_timeout);
    let mut removed = None;
    let done = store.attempt(Access::Change, &deadline, |table, db| {
        if has_only(db.conn, &table.names())? {
            let limits = table.remembered_limits(db)?;
            remove(db.conn, &db.config.path)?;
            removed = Some(limits);
        }
        Ok(())
    });
    let Some(limits) = removed else {
        return match done {
            Err(SqlError::Final(e)) => Err(e),
            _ => Err(full),
        };
    };
    store.close();
    let file = store.config.path.display();
    tracing::warn!(target: "cache_db", %file, "the disk was full: the file was created again");
    // The new file keeps the limits of the old one.
    limits.map_or(Ok(()), |limits| store.create(|table, db| table.remember_limits(db, limits)))
}

fn is_full(e: &Error) -> bool {
    let code = e.get_ref().and_then(|cause| cause.downcast_ref::<ffi::Error>());
    code.is_some_and(|code| code.code == ErrorCode::DiskFull)
}

/// Makes the file as small as what is in it, if that is less than half of it, and empties the log.
fn shrink(conn: &Connection, path: &Path) -> SqlResult<()> {
    let pragma = |name: &str| {
        conn.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0).map(i64::unsigned_abs))
    };
    let (size, pages, free) = (pragma("page_size")?, pragma("page_count")?, pragma("freelist_count")?);
    if pages * size > LITTLE && free > pages / 2 {
        // What is left is written once more, to memory and back.
        conn.execute_batch("PRAGMA temp_store = MEMORY; VACUUM")?;
    }
    if log_of(path).metadata().is_ok_and(|log| log.len() > LITTLE) {
        conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    Ok(())
}

/// Removes the file at `path`, which `conn` has open, and gives all its room back, even if others have it open.
///
/// The write lock is held all the while, so nobody is within a write. The next writer finds, once it has
/// written, that its path leads to another file, and writes again. Readers find invalid pages, or
/// rows with wrong checksums. The log stays: the call that makes the next file removes it.
fn remove(conn: &Connection, path: &Path) -> SqlResult<()> {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    let writable = |path: &Path| OpenOptions::new().write(true).open(path);
    let database = writable(path).map_err(|e| io(e, "opening the database", path))?;
    let log = writable(&log_of(path));
    std::fs::remove_file(path).map_err(|e| io(e, "removing the database", path))?;
    for file in [Ok(database), log].into_iter().flatten() {
        if let Err(error) = file.set_len(0) {
            tracing::warn!(target: "cache_db", %error, "room is free only when all have closed the removed database");
        }
    }
    Ok(())
}

fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// Whether the schema holds only the objects `names`, and what SQLite itself makes for them.
fn has_only(conn: &Connection, names: &[&str]) -> SqlResult<bool> {
    let mut statement = conn.prepare("SELECT name, tbl_name FROM sqlite_schema")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (name, table): (String, String) = (row.get(0)?, row.get(1)?);
        let is_ours = |name: &str| names.iter().any(|ours| ours.eq_ignore_ascii_case(name));
        if !(is_ours(&name) || name.starts_with("sqlite_") && is_ours(&table)) {
            return Ok(false);
        }
    }
    Ok(true)
}
