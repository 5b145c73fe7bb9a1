//! The SQL text: Django's table and its index, and every statement.

use std::sync::atomic::AtomicBool;

use cache_core::Error;
use rusqlite::Connection;

use super::cull::{Evicted, Trust};
use crate::errors::Fault;
use crate::schema::quote;

/// A row is live at the millisecond `?2`. Like Django, SQLite reads fractions and offsets; what
/// has no date is not live.
const LIVE: &str = "ifnull(expires GLOB '????-??-??*' AND unixepoch(expires, 'subsec') * 1000 > ?2, FALSE)";

/// The table of one cache, with every statement. Keys, values and numbers are parameters; only
/// names are text.
#[derive(Debug)]
pub(crate) struct Table {
    name: String,
    index: String,
    create: [String; 2],
    pub(super) get: String,
    pub(super) has: String,
    pub(super) update: String,
    pub(super) insert: String,
    pub(super) touch: String,
    pub(super) delete: String,
    pub(super) set_value: String,
    pub(super) move_key: String,
    pub(super) clear: String,
    pub(super) count: String,
    pub(super) drop_expired: String,
    pub(super) drop_oldest: String,
    pub(super) trust: Trust,
    pub(super) evicted: Evicted,
    /// This handle has seen to it that there is a ballast.
    pub(super) has_ballast: AtomicBool,
}

impl Table {
    pub(crate) fn new(name: &str) -> Self {
        let t = quote(name);
        let index = format!("{name}_expires");
        let create = [
            format!(
                "CREATE TABLE {t} (\n    \"cache_key\" varchar(255) NOT NULL PRIMARY KEY,\n    \
                 \"value\" text NOT NULL,\n    \"expires\" datetime NOT NULL\n)"
            ),
            format!("CREATE INDEX {} ON {t} (\"expires\")", quote(&index)),
        ];
        Self {
            create,
            index,
            get: format!("SELECT value FROM {t} WHERE cache_key = ?1 AND {LIVE}"),
            has: format!("SELECT 1 FROM {t} WHERE cache_key = ?1 AND {LIVE}"),
            update: format!(
                "UPDATE {t} SET value = ?2, expires = datetime(?3, 'unixepoch') WHERE cache_key = ?1"
            ),
            insert: format!(
                "INSERT INTO {t} (cache_key, value, expires) VALUES (?1, ?2, datetime(?3, 'unixepoch'))"
            ),
            touch: format!(
                "UPDATE {t} SET expires = datetime(?3, 'unixepoch') WHERE cache_key = ?1 AND {LIVE}"
            ),
            delete: format!("DELETE FROM {t} WHERE cache_key = ?1 RETURNING {LIVE}"),
            set_value: format!("UPDATE {t} SET value = ?2 WHERE cache_key = ?1"),
            move_key: format!(
                "UPDATE {t} SET cache_key = ?2, value = ifnull(?3, value) WHERE cache_key = ?1"
            ),
            clear: format!("DELETE FROM {t}"),
            count: format!("SELECT count(*) FROM {t}"),
            // The text finds them by the index; an offset in it may say another moment.
            drop_expired: format!(
                "DELETE FROM {t} WHERE rowid IN (SELECT rowid FROM {t} \
                 WHERE expires <= datetime(?2 / 1000, 'unixepoch') AND NOT {LIVE} LIMIT ?1)"
            ),
            drop_oldest: format!(
                "DELETE FROM {t} WHERE rowid IN (SELECT rowid FROM {t} ORDER BY rowid LIMIT ?1)"
            ),
            trust: Trust::default(),
            evicted: Evicted::default(),
            has_ballast: AtomicBool::new(false),
            name: name.to_owned(),
        }
    }

    /// The names of the table and its index.
    pub(crate) fn names(&self) -> [&str; 2] {
        [&self.name, &self.index]
    }

    /// What Django's `createcachetable` runs.
    pub(crate) fn create(&self) -> Vec<String> {
        self.create.to_vec()
    }

    /// Makes the table where it is missing and to be made; false where it is missing still. A file that was there keeps its journal mode and all
    /// else; `is_new`: this process has just made it, and then it gets a write-ahead log.
    pub(crate) fn prepare(&self, conn: &Connection, is_new: bool, create: bool) -> Result<bool, Fault> {
        if !create && !self.is_there(conn)? {
            return Ok(false);
        }
        if is_new {
            crate::open::use_wal(conn)?;
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
    pub(crate) fn ensure(&self, conn: &Connection) -> Result<(), Fault> {
        if self.is_there(conn)? {
            return Ok(());
        }
        conn.execute_batch("BEGIN IMMEDIATE")?;
        // Once more, since another process may just have made it.
        if !self.is_there(conn)? {
            for sql in &self.create {
                conn.execute(sql, [])?;
            }
        }
        conn.execute_batch("COMMIT")?;
        Ok(())
    }

    /// Whether a table of this name is there. Changes nothing.
    fn is_there(&self, conn: &Connection) -> Result<bool, Fault> {
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
        Err(Fault::Final(Error::invalid_cache_backend(format!(
            "the {kind} {name:?} in the database {} is not Django's table of a cache, which has the columns \
             cache_key (its primary key), value and expires; nothing was changed: give the cache another \
             table name, or drop it",
            conn.path().unwrap_or_default()
        ))))
    }

    fn has_columns(&self, conn: &Connection) -> Result<bool, Fault> {
        let columns = "SELECT total((lower(name), pk) IN (VALUES ('cache_key', 1), ('value', 0), ('expires', 0))) \
                       = 3 AND total(pk) = 1 \
                       AND NOT (SELECT max(wr) FROM pragma_table_list WHERE name = ?1 COLLATE NOCASE) \
                       FROM pragma_table_info(?1)";
        Ok(conn.query_row(columns, [&self.name], |row| row.get(0))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_statement_of_a_call_scans_a_table() {
        let table = Table::new("a \"b");
        let conn = Connection::open_in_memory().unwrap();
        table.ensure(&conn).unwrap();
        assert!(table.is_there(&conn).unwrap());
        let hot = [
            &table.get,
            &table.has,
            &table.update,
            &table.touch,
            &table.delete,
            &table.set_value,
            &table.move_key,
            &table.drop_expired,
        ];
        for text in hot {
            let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
            let mut rows = statement.raw_query();
            let mut steps = Vec::new();
            while let Some(row) = rows.next().unwrap() {
                steps.push(row.get::<_, String>(3).unwrap());
            }
            assert!(!steps.iter().any(|step| step.contains("SCAN")), "{text}: {steps:?}");
            assert!(steps.iter().any(|step| step.contains("SEARCH")), "{text}: {steps:?}");
        }
    }

    #[test]
    fn an_odd_moment_is_read_as_django_reads_it() {
        let conn = Connection::open_in_memory().unwrap();
        let table = Table::new("t");
        table.ensure(&conn).unwrap();
        // 2023-11-14 22:13:20
        let second = 1_700_000_000_000_i64;
        for (text, live_until) in [
            ("2023-11-14 22:13:20", Some(second)),
            ("2023-11-14T22:13:20", Some(second)),
            ("2023-11-14 22:13", Some(second - 20_000)),
            ("2023-11-14", Some(second - 80_000_000)),
            ("2023-11-14 22:13:20.5", Some(second + 500)),
            ("2023-11-14 22:13:20.500000", Some(second + 500)),
            ("2023-11-14 22:13:20+00:00", Some(second)),
            ("2023-11-14 22:13:20Z", Some(second)),
            ("2023-11-14 22:13:20-02:00", Some(second + 7_200_000)),
            ("2023-11-14 22:13:20.250+05:30", Some(second + 250 - 19_800_000)),
            ("9999-12-31 23:59:59", Some(253_402_300_799_000)),
            ("", None),
            ("now", None),
            ("soon", None),
            ("2460263.5", None),
            ("1700000000", None),
            ("22:13:20", None),
            ("2023-13-14 22:13:20", None),
            ("2023-11-14 25:00:00", None),
            ("2023-11-14 22:13:20 at night", None),
        ] {
            conn.execute("INSERT OR REPLACE INTO t VALUES ('k', '', ?1)", [text]).unwrap();
            let live = |now: i64| {
                let mut statement = conn.prepare(&table.has).unwrap();
                statement.exists(("k", now)).unwrap()
            };
            let at = live_until.unwrap_or(second);
            assert_eq!((live(at - 1), live(at)), (live_until.is_some(), false), "{text}");
            assert!(live_until.is_some() || !live(0), "{text}");
            // What the text alone calls expired is not swept before its moment.
            let swept = |now: i64| conn.execute(&table.drop_expired, (1, now)).unwrap() > 0;
            assert!(live_until.is_none() || !swept(at - 1), "{text}");
        }
    }
}
