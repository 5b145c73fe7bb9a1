//! [`Schema`]: Django's table and its index, made where they are missing.

use cache_core::Error;
use rusqlite::Connection;

use crate::error::{SqlError, SqlResult};
use crate::sql::{create_unless, quote, use_wal};

/// The table of one cache.
#[derive(Debug)]
pub(super) struct Schema {
    name: String,
    index: String,
    create: [String; 2],
}

impl Schema {
    pub(super) fn new(name: &str) -> Self {
        let t = quote(name);
        let index = format!("{name}_expires");
        let create = [
            format!(
                "CREATE TABLE {t} (\n    \"cache_key\" varchar(255) NOT NULL PRIMARY KEY,\n    \
                 \"value\" text NOT NULL,\n    \"expires\" datetime NOT NULL\n)"
            ),
            format!("CREATE INDEX {} ON {t} (\"expires\")", quote(&index)),
        ];
        Self { name: name.to_owned(), index, create }
    }

    /// The names of the table and its index.
    pub(super) fn names(&self) -> [&str; 2] {
        [&self.name, &self.index]
    }

    /// The statements that Django's `createcachetable` runs.
    pub(super) const fn create_sql(&self) -> &[String] {
        &self.create
    }

    /// Makes the table where it is missing and to be made; returns false if it is still missing. A file that
    /// existed keeps its journal mode and all its other settings. `is_new`: this process has just made it, and then
    /// it gets a write-ahead log.
    pub(super) fn prepare(&self, conn: &Connection, is_new: bool, create: bool) -> SqlResult<bool> {
        if !create && !self.exists(conn)? {
            return Ok(false);
        }
        if is_new {
            use_wal(conn)?;
        }
        let mode: String = conn.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
        // With a rollback journal it could cost the application its database when the power fails.
        if mode.eq_ignore_ascii_case("wal") {
            conn.execute_batch("PRAGMA synchronous = NORMAL")?;
        }
        self.ensure(conn)?;
        Ok(true)
    }

    /// Makes the table and its index where the table is missing.
    ///
    /// # Errors
    /// When something else has one of the names, or SQLite fails.
    pub(super) fn ensure(&self, conn: &Connection) -> SqlResult<()> {
        create_unless(conn, || self.exists(conn), &self.create)
    }

    /// Whether the table exists. Changes nothing.
    fn exists(&self, conn: &Connection) -> SqlResult<bool> {
        let names = "SELECT type, name FROM sqlite_schema \
                     WHERE type <> 'trigger' AND name COLLATE NOCASE IN (?1, ?2)";
        let mut statement = conn.prepare(names)?;
        let mut rows = statement.query([&self.name, &self.index])?;
        let mut in_the_way = None;
        while let Some(row) = rows.next()? {
            let (kind, name): (String, String) = (row.get(0)?, row.get(1)?);
            if kind == "table" && name.eq_ignore_ascii_case(&self.name) && self.has_columns(conn)? {
                return Ok(true);
            }
            in_the_way = Some((kind, name));
        }
        let Some((kind, name)) = in_the_way else { return Ok(false) };
        Err(SqlError::Final(Error::invalid_cache_backend(format!(
            "the {kind} {name:?} in the database {} is not Django's table of a cache, which has the columns \
             cache_key (its primary key), value and expires; nothing was changed: give the cache another \
             table name, or drop it",
            conn.path().unwrap_or_default()
        ))))
    }

    fn has_columns(&self, conn: &Connection) -> SqlResult<bool> {
        let columns = "SELECT total((lower(name), pk) IN (VALUES ('cache_key', 1), ('value', 0), ('expires', 0))) \
                       = 3 AND total(pk) = 1 \
                       AND NOT (SELECT max(wr) FROM pragma_table_list WHERE name = ?1 COLLATE NOCASE) \
                       FROM pragma_table_info(?1)";
        Ok(conn.query_row(columns, [&self.name], |row| row.get(0))?)
    }
}
