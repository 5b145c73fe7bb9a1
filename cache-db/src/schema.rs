//! The SQL text: the table, its companions, and every statement, with the names quoted once.

use cache_core::Error;
use rusqlite::Connection;

use crate::errors::Fault;
use crate::limits::Told;
use crate::sum;

/// What follows a cache's table name in the name of its companion table. No cache may have a
/// name that ends so.
pub(crate) const STATE_SUFFIX: &str = "~state";

/// The same of the companion that remembers the limits, and how many rows went for them. A table of its own: older versions, which know
/// none, go on with the others.
pub(crate) const LIMITS_SUFFIX: &str = "~limits";

/// Every statement of one cache. Keys, values and numbers are parameters; only names are text.
#[derive(Debug)]
pub(crate) struct Sql {
    /// The objects of the schema, in the order in which they are made.
    objects: [Object; 5],
    pub(crate) told: Told,
    pub(crate) get: String,
    pub(crate) has: String,
    pub(crate) set: String,
    pub(crate) add: String,
    pub(crate) replace: String,
    pub(crate) touch: String,
    pub(crate) delete: String,
    pub(crate) incr: String,
    pub(crate) move_key: String,
    pub(crate) clear: String,
    pub(crate) state: String,
    pub(crate) set_hand: String,
    pub(crate) recount: String,
    pub(crate) limits: String,
    pub(crate) remember: String,
    pub(crate) forget_limits: String,
    pub(crate) evicted: String,
    pub(crate) count_evicted: String,
    pub(crate) boundary: String,
    pub(crate) drop_expired: String,
    pub(crate) drop_oldest: String,
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

/// A name as SQL text: in double quotes, those inside doubled.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What the parameters of every statement that asks for a live row begin with: the key, the moment, and the
/// key's sum. A row whose expiry is damaged is not live.
fn live() -> String {
    format!("((expires IS NULL OR expires > ?2) AND {})", sum::expiry_holds("?3"))
}

impl Sql {
    pub(crate) fn new(table: &str) -> Self {
        let name = |suffix: &str| format!("{table}{suffix}");
        let t = quote(table);
        let s = quote(&name(STATE_SUFFIX));
        let l = quote(&name(LIMITS_SUFFIX));
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
        // A full table takes only keys that it has: any other has no kind then, and is refused, unless
        // room was just made for it (?9). A SELECT in place of VALUES would say the same, through a
        // temporary table.
        let upsert = format!(
            "INSERT INTO {t} (key, kind, codec, expires, sum, value) VALUES (?1, CASE WHEN \
             (SELECT entries FROM {s} WHERE id = 1) < ifnull((SELECT max_entries FROM {l} WHERE id = 1), {}) \
             OR ?9 OR EXISTS (SELECT 1 FROM {t} WHERE key = ?1) \
             THEN ?4 END, ?5, ?6, ?7, ?8) ON CONFLICT (key) DO UPDATE SET kind = excluded.kind, \
             codec = excluded.codec, expires = excluded.expires, sum = excluded.sum, value = excluded.value",
            i64::MAX
        );
        let live = live();
        let (touched, counted) =
            (sum::with_high_half("?5"), sum::with_low_half(&sum::integer("(value + ?4)", "?3")));
        Self {
            objects,
            told: Told::default(),
            get: format!("SELECT kind, codec, expires, sum, value FROM {t} WHERE key = ?1"),
            has: format!("SELECT 1 FROM {t} WHERE key = ?1 AND {live}"),
            add: format!("{upsert} WHERE NOT {live}"),
            // Always true: it lets `set` and `add` be bound alike.
            set: format!("{upsert} WHERE ?2 IS NOT NULL AND ?3 IS NOT NULL"),
            replace: format!(
                "UPDATE {t} SET kind = ?2, codec = ?3, expires = ?4, sum = ?5, value = ?6 WHERE key = ?1"
            ),
            touch: format!("UPDATE {t} SET expires = ?4, sum = {touched} WHERE key = ?1 AND {live}"),
            delete: format!("DELETE FROM {t} WHERE key = ?1 RETURNING {live}"),
            // The bounds keep the sum within 64 bits: SQLite would turn it into a float. What is one
            // already, of whoever switched the checks off, is no entry.
            incr: format!(
                "UPDATE {t} SET value = value + ?4, sum = {counted} WHERE key = ?1 AND {live} AND kind = 0 \
                 AND typeof(value) = 'integer' AND value BETWEEN ?5 AND ?6 AND {} RETURNING value",
                sum::integer_holds("?3")
            ),
            move_key: format!("UPDATE {t} SET key = ?2, sum = ?3 WHERE key = ?1"),
            clear: format!("DELETE FROM {t}"),
            state: format!("SELECT entries, hand FROM {s} WHERE id = 1"),
            set_hand: format!("UPDATE {s} SET hand = ?1 WHERE id = 1"),
            recount: format!(
                "INSERT INTO {s} (id, entries, hand) VALUES (1, (SELECT count(*) FROM {t}), 0) \
                 ON CONFLICT (id) DO UPDATE SET entries = excluded.entries"
            ),
            limits: format!("SELECT max_entries, cull_frequency, sum FROM {l} WHERE id = 1"),
            remember: format!(
                "INSERT INTO {l} (id, max_entries, cull_frequency, sum) VALUES (1, ?1, ?2, ?3) \
                 ON CONFLICT (id) DO UPDATE SET max_entries = excluded.max_entries, \
                 cull_frequency = excluded.cull_frequency, sum = excluded.sum"
            ),
            forget_limits: format!("DELETE FROM {l} WHERE id = 1"),
            evicted: format!("SELECT evicted FROM {l} WHERE id = 1"),
            count_evicted: format!("UPDATE {l} SET evicted = evicted + ?1 WHERE id = 1"),
            boundary: format!("SELECT id FROM {t} WHERE id > ?1 ORDER BY id LIMIT 1 OFFSET ?2"),
            drop_expired: format!("DELETE FROM {t} WHERE id > ?1 AND id <= ?2 AND expires <= ?3"),
            drop_oldest: format!("DELETE FROM {t} WHERE id <= ?1"),
        }
    }

    /// The names of the table and its companions.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.objects.iter().map(|object| &*object.name).collect()
    }

    /// What makes the table and its companions where they are missing.
    pub(crate) fn create(&self) -> Vec<String> {
        let objects = self.objects.iter().map(Object::create);
        objects.chain([self.recount.clone()]).collect()
    }

    /// Whether all of the schema is there. Changes nothing.
    ///
    /// # Errors
    /// When something else has one of the names.
    pub(crate) fn is_complete(&self, conn: &Connection) -> Result<bool, Fault> {
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
                    return Err(Fault::Final(Error::invalid_cache_backend(format!(
                        "the table {name:?} in the database {} is a table of Django's DatabaseCache: set \
                         layout = \"django\" in the options (feature \"django\"); nothing was changed",
                        conn.path().unwrap_or_default()
                    ))));
                }
                return Err(Fault::Final(Error::invalid_cache_backend(format!(
                    "the {kind} {name:?} in the database {} was not made by this cache, or was \
                     altered since; nothing was changed: give the cache another table name, or drop it",
                    conn.path().unwrap_or_default()
                ))));
            }
            found += 1;
        }
        Ok(found == self.objects.len())
    }

    /// Whether the table is there, and perhaps not all of its companions.
    pub(crate) fn is_begun(&self, conn: &Connection) -> Result<bool, Fault> {
        let begun =
            "SELECT count(*) > 0 FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE";
        let [table, ..] = &self.objects;
        Ok(conn.query_row(begun, [&table.name], |row| row.get(0))?)
    }

    /// Makes what is missing of the schema, all of it or nothing.
    ///
    /// # Errors
    /// When something else has one of the names, or SQLite fails.
    pub(crate) fn ensure(&self, conn: &Connection) -> Result<(), Fault> {
        if self.is_complete(conn)? {
            return Ok(());
        }
        conn.execute_batch("BEGIN IMMEDIATE")?;
        // Once more, since another process may just have made it.
        if !self.is_complete(conn)? {
            for sql in self.create() {
                conn.execute(&sql, [])?;
            }
        }
        conn.execute_batch("COMMIT")?;
        Ok(())
    }
}

/// Whether the table has the columns that Django's `createcachetable` makes.
fn is_of_django(conn: &Connection, table: &str) -> Result<bool, Fault> {
    let columns =
        "SELECT count(*) = 3 FROM pragma_table_info(?1) WHERE name IN ('cache_key', 'value', 'expires')";
    Ok(conn.query_row(columns, [table], |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_statement_of_a_call_scans_a_table() {
        let sql = Sql::new("a \"b");
        let conn = Connection::open_in_memory().unwrap();
        sql.ensure(&conn).unwrap();
        assert!(sql.is_complete(&conn).unwrap());
        let hot = [
            &sql.get,
            &sql.has,
            &sql.set,
            &sql.add,
            &sql.replace,
            &sql.touch,
            &sql.delete,
            &sql.incr,
            &sql.move_key,
            &sql.state,
            &sql.set_hand,
            &sql.limits,
            &sql.forget_limits,
            &sql.evicted,
            &sql.count_evicted,
            &sql.boundary,
            &sql.drop_expired,
            &sql.drop_oldest,
        ];
        for text in hot {
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
}
