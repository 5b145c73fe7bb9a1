//! [`Schema`]: the table and its companions, made and compared with what is in the database.

use cache_core::Error;
use rusqlite::Connection;

use crate::error::{SqlError, SqlResult};
use crate::sql::{create_unless, quote, use_wal};

/// What follows a cache's table name in the name of its companion table. No cache may have a
/// name that ends so.
pub(crate) const STATE_SUFFIX: &str = "~state";

/// The same of the companion that remembers the limits, and how many rows went for them. A table of its own: older
/// versions, which do not know it, go on with the others.
pub(crate) const LIMITS_SUFFIX: &str = "~limits";

/// A page of a new database in bytes. A set writes two or three pages, and 2 KiB made a set of
/// 100 B a quarter faster than SQLite's 4 KiB; reads cost the same.
const PAGE_SIZE: u32 = 2_048;

/// The WAL is written back into the database after this many pages (16 MiB). SQLite's default of 1,000 makes
/// sets slower by a quarter, and a larger number gains nothing.
const WAL_PAGES: u32 = 8_192;

/// The schema of one cache.
#[derive(Debug)]
pub(super) struct Schema {
    /// In the order in which they are made.
    objects: [Object; 5],
    /// The statements that make the objects and count the rows.
    create: Vec<String>,
}

/// An object of the schema, as `sqlite_schema` shows it.
#[derive(Debug)]
struct Object {
    kind: &'static str,
    name: String,
    /// All of the definition after `CREATE <kind> `.
    definition: String,
}

impl Object {
    fn create(&self) -> String {
        format!("CREATE {} IF NOT EXISTS {}", self.kind.to_uppercase(), self.definition)
    }

    /// Tables, views and indexes share their names; triggers have names of their own.
    fn shares_name_with(&self, kind: &str, name: &str) -> bool {
        (self.kind == "trigger") == (kind == "trigger") && self.name.eq_ignore_ascii_case(name)
    }

    fn is(&self, kind: &str, sql: &str) -> bool {
        let whole = format!("CREATE {} {}", self.kind, self.definition);
        self.kind == kind && whole.eq_ignore_ascii_case(sql)
    }
}

impl Schema {
    /// `recount` is the statement that counts the rows of the table.
    pub(super) fn new(table: &str, recount: &str) -> Self {
        let name = |suffix: &str| format!("{table}{suffix}");
        let (t, s, l) = (quote(table), quote(&name(STATE_SUFFIX)), quote(&name(LIMITS_SUFFIX)));
        let trigger = |event: &str, sign: char| Object {
            kind: "trigger",
            name: name(&format!("~{event}")),
            definition: format!(
                "{} AFTER {event} ON {t} BEGIN UPDATE {s} SET entries = entries {sign} 1 WHERE id = 1; END",
                quote(&name(&format!("~{event}")))
            ),
        };
        let objects = [
            Object {
                kind: "table",
                name: table.to_owned(),
                // The value comes last, so that the columns before it are read without its pages.
                definition: format!(
                    "{t} (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, kind INTEGER NOT NULL, \
                     codec INTEGER NOT NULL, expires INTEGER, sum INTEGER NOT NULL, value ANY NOT NULL, \
                     CHECK (typeof(value) = CASE kind WHEN 0 THEN 'integer' ELSE 'blob' END)) STRICT"
                ),
            },
            Object {
                kind: "table",
                name: name(STATE_SUFFIX),
                definition: format!(
                    "{s} (id INTEGER PRIMARY KEY CHECK (id = 1), entries INTEGER NOT NULL, \
                     hand INTEGER NOT NULL) STRICT"
                ),
            },
            Object {
                kind: "table",
                name: name(LIMITS_SUFFIX),
                definition: format!(
                    "{l} (id INTEGER PRIMARY KEY CHECK (id = 1), max_entries INTEGER, \
                     cull_frequency INTEGER NOT NULL, sum INTEGER NOT NULL, \
                     evicted INTEGER NOT NULL DEFAULT 0) STRICT"
                ),
            },
            trigger("insert", '+'),
            trigger("delete", '-'),
        ];
        let create = objects.iter().map(Object::create).chain([recount.to_owned()]).collect();
        Self { objects, create }
    }

    /// The names of the table and its companions.
    pub(super) fn names(&self) -> Vec<&str> {
        self.objects.iter().map(|object| &*object.name).collect()
    }

    /// The statements that make the table and its companions where they are missing.
    pub(super) fn create_sql(&self) -> &[String] {
        &self.create
    }

    /// Gives the file a write-ahead log, which stays with it, and makes the schema. Returns false if it is missing
    /// and not to be made, and then nothing is changed.
    pub(super) fn prepare(&self, conn: &Connection, create: bool) -> SqlResult<bool> {
        conn.execute_batch(&format!("PRAGMA page_size = {PAGE_SIZE}"))?;
        // Before anything is changed: the journal mode stays with the file.
        let is_complete = self.is_complete(conn)?;
        if !is_complete && !create && !self.is_begun(conn)? {
            return Ok(false);
        }
        use_wal(conn)?;
        conn.execute_batch(&format!(
            "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = {WAL_PAGES}; \
             PRAGMA journal_size_limit = {}",
            PAGE_SIZE * WAL_PAGES
        ))?;
        if !is_complete {
            let completed = self.ensure(conn);
            // An older version knows fewer companions: its rows can be read without.
            if create {
                completed?;
            } else if !conn.is_autocommit() {
                conn.execute_batch("ROLLBACK")?;
            }
        }
        Ok(true)
    }

    /// Whether the whole schema exists. Changes nothing.
    ///
    /// # Errors
    /// When something else has one of the names.
    pub(super) fn is_complete(&self, conn: &Connection) -> SqlResult<bool> {
        let names = "SELECT type, name, ifnull(sql, '') FROM sqlite_schema \
                     WHERE name COLLATE NOCASE IN (?1, ?2, ?3, ?4, ?5)";
        let mut statement = conn.prepare(names)?;
        let mut rows = statement.query([0, 1, 2, 3, 4].map(|i| &self.objects[i].name))?;
        let mut found = 0;
        while let Some(row) = rows.next()? {
            let (kind, name, sql): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let Some(object) = self.objects.iter().find(|o| o.shares_name_with(&kind, &name)) else {
                continue;
            };
            if !object.is(&kind, &sql) {
                if is_of_django(conn, &name)? {
                    return Err(SqlError::Final(Error::invalid_cache_backend(format!(
                        "the table {name:?} in the database {} is a table of Django's DatabaseCache: set \
                         layout = \"django\" in the options (feature \"django\"); nothing was changed",
                        conn.path().unwrap_or_default()
                    ))));
                }
                return Err(SqlError::Final(Error::invalid_cache_backend(format!(
                    "the {kind} {name:?} in the database {} was not made by this cache, or was \
                     altered since; nothing was changed: give the cache another table name, or drop it",
                    conn.path().unwrap_or_default()
                ))));
            }
            found += 1;
        }
        Ok(found == self.objects.len())
    }

    /// Whether the table exists, and perhaps not all of its companions.
    fn is_begun(&self, conn: &Connection) -> SqlResult<bool> {
        let begun =
            "SELECT count(*) > 0 FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE";
        let [table, ..] = &self.objects;
        Ok(conn.query_row(begun, [&table.name], |row| row.get(0))?)
    }

    /// Makes what is missing of the schema, all of it or nothing.
    ///
    /// # Errors
    /// When something else has one of the names, or SQLite fails.
    pub(super) fn ensure(&self, conn: &Connection) -> SqlResult<()> {
        create_unless(conn, || self.is_complete(conn), &self.create)
    }
}

/// Whether the table has the columns that Django's `createcachetable` makes.
fn is_of_django(conn: &Connection, table: &str) -> SqlResult<bool> {
    let columns =
        "SELECT count(*) = 3 FROM pragma_table_info(?1) WHERE name IN ('cache_key', 'value', 'expires')";
    Ok(conn.query_row(columns, [table], |row| row.get(0))?)
}
