//! [`Session`], which runs statements on a connection, and what both layouts need of SQL.

use cache_core::Error;
use rusqlite::{Connection, Params, Row};

use crate::config::Config;
use crate::error::{SqlError, SqlResult};

/// A connection for the time of one attempt, and the settings of its cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Session<'a> {
    pub(crate) conn: &'a Connection,
    pub(crate) config: &'a Config,
}

impl Session<'_> {
    /// Runs a statement that returns no rows; returns how many rows it changed.
    pub(crate) fn execute(self, sql: &str, params: impl Params) -> SqlResult<usize> {
        Ok(self.conn.prepare_cached(sql)?.execute(params)?)
    }

    /// Runs a statement to its end and returns its last row: before that, what it wrote may not be committed.
    pub(crate) fn last_row<T>(
        self,
        sql: &str,
        params: impl Params,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> SqlResult<Option<T>> {
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        let mut last = None;
        while let Some(row) = rows.next()? {
            last = Some(read(row)?);
        }
        Ok(last)
    }

    /// Runs `work` in a write transaction, which the pool rolls back where `work` fails.
    pub(crate) fn write<T>(self, work: impl FnOnce() -> SqlResult<T>) -> SqlResult<T> {
        self.execute("BEGIN IMMEDIATE", [])?;
        let done = work()?;
        self.execute("COMMIT", [])?;
        Ok(done)
    }

    /// The size of the database file in bytes.
    pub(crate) fn file_bytes(self) -> SqlResult<u64> {
        let size = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
        Ok(self.last_row(size, [], |row| row.get(0))?.map_or(0, as_u64))
    }
}

/// Gives the database a write-ahead log, which stays with the file.
///
/// # Errors
/// If the file system cannot have one.
pub(crate) fn use_wal(conn: &Connection) -> SqlResult<()> {
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode.eq_ignore_ascii_case("wal") {
        return Ok(());
    }
    let file = conn.path().unwrap_or_default();
    Err(SqlError::Final(Error::storage(format!(
        "the database {file} cannot use a write-ahead log (its journal mode stays {mode:?}); put it on a \
         local disk where this process may write"
    ))))
}

/// Runs the statements `create` in one transaction, unless the schema `exists`.
pub(crate) fn create_unless(
    conn: &Connection,
    exists: impl Fn() -> SqlResult<bool>,
    create: &[String],
) -> SqlResult<()> {
    if exists()? {
        return Ok(());
    }
    conn.execute_batch("BEGIN IMMEDIATE")?;
    // Once more, since another process may just have made it.
    if !exists()? {
        for sql in create {
            conn.execute(sql, [])?;
        }
    }
    Ok(conn.execute_batch("COMMIT")?)
}

/// Writes a name as SQL text: in double quotes, those inside doubled.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(crate) fn as_u64(n: i64) -> u64 {
    n.max(0).unsigned_abs()
}

pub(crate) fn as_i64(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Fails where one of `statements` would scan a table.
#[cfg(test)]
pub(crate) fn assert_no_scan(conn: &Connection, statements: &[&String]) {
    for text in statements {
        let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
        let mut rows = statement.raw_query();
        let mut steps = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            steps.push(row.get::<_, String>(3).unwrap());
        }
        let scans = |step: &String| step.contains("SCAN") && step != "SCAN CONSTANT ROW";
        assert!(!steps.iter().any(scans), "{text}: {steps:?}");
        assert!(steps.iter().any(|step| step.contains("SEARCH")), "{text}: {steps:?}");
    }
}
