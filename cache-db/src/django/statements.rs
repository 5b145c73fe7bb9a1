//! [`Statements`]: the text of every statement, with the table's name quoted once.

use crate::sql::quote;

/// A row is live at the millisecond `?2`. Like Django, SQLite reads fractions and offsets; what
/// has no date is not live.
const LIVE: &str = "ifnull(expires GLOB '????-??-??*' AND unixepoch(expires, 'subsec') * 1000 > ?2, FALSE)";

/// Every statement of one cache. Keys, values and numbers are parameters; only the name is text.
#[derive(Debug)]
pub(super) struct Statements {
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
}

impl Statements {
    pub(super) fn new(name: &str) -> Self {
        let t = quote(name);
        Self {
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
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::super::schema::Schema;
    use super::*;
    use crate::sql::assert_no_scan;

    fn table(name: &str) -> (Statements, Connection) {
        let conn = Connection::open_in_memory().unwrap();
        Schema::new(name).ensure(&conn).unwrap();
        (Statements::new(name), conn)
    }

    #[test]
    fn no_statement_of_a_call_scans_a_table() {
        let (table, conn) = table("a \"b");
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
        assert_no_scan(&conn, &hot);
    }

    #[test]
    fn an_odd_moment_is_read_as_django_reads_it() {
        let (table, conn) = table("t");
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
