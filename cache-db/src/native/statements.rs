//! [`Statements`]: the text of every statement, with the names quoted once.

use super::checksum;
use super::schema::{LIMITS_SUFFIX, STATE_SUFFIX};
use crate::sql::quote;

/// Every statement of one cache. Keys, values and numbers are parameters; only names are text.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) get: String,
    pub(super) has: String,
    pub(super) set: String,
    pub(super) add: String,
    pub(super) replace: String,
    pub(super) touch: String,
    pub(super) delete: String,
    pub(super) incr: String,
    pub(super) move_key: String,
    pub(super) clear: String,
    pub(super) state: String,
    pub(super) set_hand: String,
    pub(super) recount: String,
    pub(super) limits: String,
    pub(super) remember: String,
    pub(super) forget_limits: String,
    pub(super) evicted: String,
    pub(super) count_evicted: String,
    pub(super) boundary: String,
    pub(super) drop_expired: String,
    pub(super) drop_oldest: String,
}

/// What the parameters of every statement that asks for a live row begin with: the key, the moment, and the
/// key's sum. A row whose expiry is damaged is not live.
fn live() -> String {
    format!("((expires IS NULL OR expires > ?2) AND {})", checksum::expiry_holds("?3"))
}

impl Statements {
    pub(super) fn new(table: &str) -> Self {
        let name = |suffix: &str| quote(&format!("{table}{suffix}"));
        let (t, s, l) = (name(""), name(STATE_SUFFIX), name(LIMITS_SUFFIX));
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
        let (touched, counted) = (
            checksum::with_high_half("?5"),
            checksum::with_low_half(&checksum::integer("(value + ?4)", "?3")),
        );
        Self {
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
            // The bounds keep the sum within 64 bits: SQLite would turn it into a float. A value that already is
            // one was written with the checks off, and is not an entry.
            incr: format!(
                "UPDATE {t} SET value = value + ?4, sum = {counted} WHERE key = ?1 AND {live} AND kind = 0 \
                 AND typeof(value) = 'integer' AND value BETWEEN ?5 AND ?6 AND {} RETURNING value",
                checksum::integer_holds("?3")
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
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::super::schema::Schema;
    use super::*;
    use crate::sql::assert_no_scan;

    #[test]
    fn no_statement_of_a_call_scans_a_table() {
        let name = "a \"b";
        let sql = Statements::new(name);
        let conn = Connection::open_in_memory().unwrap();
        let schema = Schema::new(name, &sql.recount);
        schema.ensure(&conn).unwrap();
        assert!(schema.is_complete(&conn).unwrap());
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
        assert_no_scan(&conn, &hot);
    }
}
