//! `clear`: gives the room back to the system, and works on a disk that is full.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use cache_core::{Error, Result};
use rusqlite::{Connection, ErrorCode, ffi};

#[cfg(feature = "django")]
use crate::django::ballast;
use crate::errors::{Fault, io};
use crate::layout::Table;
use crate::ops::Ops;
use crate::pool::{Patience, Use};
use crate::schema::Sql;
use crate::store::DatabaseCache;

/// So many bytes are not given back: the next rows take them again.
const LITTLE: u64 = 64 << 10;

impl DatabaseCache {
    /// Removes all rows, and the room that they took.
    pub(crate) fn empty(&self) -> Result<()> {
        match self.change(|ops| ops.clear()) {
            Ok(None) => Ok(()),
            Ok(Some(())) => {
                self.give_back();
                Ok(())
            }
            Err(e) if is_full(&e) => self.empty_full_disk(e),
            Err(e) => Err(e),
        }
    }

    /// The rows are gone: a failure here is not the caller's, and the room is there for the next rows.
    fn give_back(&self) {
        let (settings, patience) = (&self.settings, Patience::new(self.settings.busy_timeout));
        let given = self.pool.get().with(settings, &self.table, Use::Change, &patience, |conn| {
            if self.table.is_alone_in(conn)? { shrink(conn, &settings.path) } else { Ok(()) }
        });
        if let Err(e) = given {
            tracing::debug!(target: "cache_db", error = ?e, "the file was not made smaller");
        }
    }

    /// Where a disk is full, rows cannot be deleted: that is written down before it is done. The file of
    /// this crate's own layout is removed in place of it, if it holds this cache alone. In Django's, which others
    /// have open, the ballast makes room.
    fn empty_full_disk(&self, full: Error) -> Result<()> {
        match &self.table {
            Table::Own(sql) => self.make_anew(sql, full),
            #[cfg(feature = "django")]
            Table::Django(_) => {
                self.change(|ops| {
                    ballast::drop(&self.settings.path)?;
                    ops.clear()
                })?;
                self.give_back();
                Ok(())
            }
        }
    }

    fn make_anew(&self, sql: &Sql, full: Error) -> Result<()> {
        let (settings, patience) = (&self.settings, Patience::new(self.settings.busy_timeout));
        let mut removed = None;
        let done = self.pool.get().with(settings, &self.table, Use::Change, &patience, |conn| {
            if self.table.is_alone_in(conn)? {
                let limits = Ops { conn, sql, settings }.remembered()?.limits();
                remove(conn, &settings.path)?;
                removed = Some(limits);
            }
            Ok(())
        });
        let Some(limits) = removed else {
            return match done {
                Err(Fault::Final(e)) => Err(e),
                _ => Err(full),
            };
        };
        self.pool.get().reset();
        let file = settings.path.display();
        tracing::warn!(target: "cache_db", %file, "the disk was full: the file was made anew");
        // It has to go on with the limits that it had.
        limits.map_or(Ok(()), |limits| self.store(|ops| ops.remember_limits(limits)))
    }
}

fn is_full(e: &Error) -> bool {
    let code = e.get_ref().and_then(|cause| cause.downcast_ref::<ffi::Error>());
    code.is_some_and(|code| code.code == ErrorCode::DiskFull)
}

/// Makes the file as small as what is in it, if that is less than half of it, and empties the log.
fn shrink(conn: &Connection, path: &Path) -> Result<(), Fault> {
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

/// Removes the file at `path`, which `conn` has open, and gives all its room back, whoever else has it open.
///
/// The write lock is held all the while, so nobody is within a write. Whoever has the lock next finds, once it has
/// written, that its path leads to another file, and writes again. Readers find pages that are no pages any more, or
/// rows whose checksums are wrong. The log stays for whoever makes the next file: it removes what it finds.
fn remove(conn: &Connection, path: &Path) -> Result<(), Fault> {
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

/// Whether the schema has nothing but these objects and what SQLite itself makes for them.
pub(crate) fn has_only(conn: &Connection, names: &[&str]) -> Result<bool, Fault> {
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
