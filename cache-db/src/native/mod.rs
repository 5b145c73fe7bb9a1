//! This crate's native layout: one table and two companions, with a checksum in each row.

mod capacity;
mod checksum;
mod limits;
mod row;
mod schema;
mod state;
mod statements;
mod sweep;

use cache_core::{Culling, Error, Expiry, Key, Payload, Result as CoreResult};
use rusqlite::{Connection, ffi, params};

use self::checksum::KeySum;
use self::limits::Settled;
use self::row::{Row, look};
use self::schema::Schema;
pub(crate) use self::schema::{LIMITS_SUFFIX, STATE_SUFFIX};
use self::statements::Statements;
use crate::error::{SqlError, SqlResult};
use crate::layout::{Entry, Lookup, PutMode, Table};
use crate::sql::Session;

/// SQLite's longest row in bytes, key included.
const LONGEST_ROW: usize = 1_000_000_000;

/// A table in this crate's native layout.
#[derive(Debug)]
pub(crate) struct NativeTable {
    schema: Schema,
    sql: Statements,
    limits: Settled,
}

impl NativeTable {
    pub(crate) fn new(name: &str) -> Self {
        let sql = Statements::new(name);
        Self { schema: Schema::new(name, &sql.recount), sql, limits: Settled::default() }
    }

    fn look<T>(
        &self,
        db: Session<'_>,
        key: Key<'_>,
        read: impl FnOnce(&Row<'_>) -> Option<T>,
    ) -> SqlResult<Lookup<T>> {
        look(&mut *db.conn.prepare_cached(&self.sql.get)?, key, now_us(db), read)
    }

    /// Stores without making room. Returns false if nothing was stored: the table is full, without `has_room`
    /// made for this key, and the key is not in it, or `mode` is `Add` and the entry is live.
    fn put_if_room(
        &self,
        db: Session<'_>,
        mode: PutMode,
        entry: Entry<'_>,
        has_room: bool,
    ) -> SqlResult<bool> {
        let (now, key) = (now_us(db), entry.key.as_str());
        let sql = if mode == PutMode::Set { &self.sql.set } else { &self.sql.add };
        let (row, key_sum) = (Row::new(entry.value, entry.expiry.deadline_us(now)), KeySum::of(key));
        let row = params![
            key,
            now,
            key_sum.param(),
            row.kind,
            row.codec,
            row.expires,
            row.sum(key_sum),
            row.value,
            has_room
        ];
        match db.conn.prepare_cached(sql)?.execute(row) {
            // The upsert's answer to a new key in a full table.
            Err(e) if e.sqlite_error().is_some_and(|e| e.extended_code == ffi::SQLITE_CONSTRAINT_NOTNULL) => {
                Ok(false)
            }
            stored => Ok(stored? > 0),
        }
    }

    /// Stores, and makes room where the table is full. Within a transaction.
    fn put_making_room(&self, db: Session<'_>, mode: PutMode, entry: Entry<'_>) -> SqlResult<bool> {
        if self.put_if_room(db, mode, entry, false)? {
            return Ok(true);
        }
        if mode == PutMode::Add {
            match self.look(db, entry.key, |_| Some(()))? {
                Lookup::Live(()) => return Ok(false),
                // It would stand in the way: only a reader knows of a damaged value.
                Lookup::Damaged => drop(self.remove(db, entry.key)?),
                Lookup::Absent => {}
            }
        }
        capacity::make_room(&self.sql, db)?;
        if self.put_if_room(db, mode, entry, true)? {
            return Ok(true);
        }
        Err(SqlError::Final(Error::storage(format!(
            "the table {:?} of the database {} rejects a new entry although it has room: another \
             program altered it; drop the table, and the cache creates it again",
            db.config.table,
            db.config.path.display()
        ))))
    }
}

impl Table for NativeTable {
    fn names(&self) -> Vec<&str> {
        self.schema.names()
    }

    fn create_sql(&self) -> &[String] {
        self.schema.create_sql()
    }

    fn longest_value(&self) -> usize {
        LONGEST_ROW
    }

    fn prepare(&self, conn: &Connection, _is_new: bool, create: bool) -> SqlResult<bool> {
        self.limits.look_again();
        self.schema.prepare(conn, create)
    }

    fn get(&self, db: Session<'_>, key: Key<'_>) -> SqlResult<Lookup> {
        self.look(db, key, |row| row.payload())
    }

    fn has(&self, db: Session<'_>, key: Key<'_>) -> SqlResult<bool> {
        let mut has = db.conn.prepare_cached(&self.sql.has)?;
        let mut rows = has.query(live_params(db, key))?;
        Ok(rows.next()?.is_some())
    }

    fn is_taken(&self, db: Session<'_>, key: Key<'_>) -> SqlResult<bool> {
        // The whole value, so that a damaged one does not stand in the way.
        Ok(matches!(self.look(db, key, |_| Some(()))?, Lookup::Live(())))
    }

    fn get_many(&self, db: Session<'_>, keys: &[Key<'_>]) -> SqlResult<Vec<Lookup>> {
        db.execute("BEGIN", [])?;
        let mut get = db.conn.prepare_cached(&self.sql.get)?;
        let now = now_us(db);
        let found = keys
            .iter()
            .map(|&key| look(&mut get, key, now, |row| row.payload()))
            .collect::<Result<_, _>>()?;
        db.execute("COMMIT", [])?;
        Ok(found)
    }

    /// One statement where the key or room for it exists, else a transaction that makes room.
    fn put(&self, db: Session<'_>, mode: PutMode, entry: Entry<'_>) -> SqlResult<bool> {
        self.limits.settle(&self.sql, db)?;
        let before = db.conn.last_insert_rowid();
        let stored = self.put_if_room(db, mode, entry, false)?
            || db.write(|| self.put_making_room(db, mode, entry))?;
        // The entry is stored: a sweep that fails is left to the next one.
        if sweep::is_due(before, db.conn.last_insert_rowid())
            && let Err(e) = db.write(|| sweep::sweep_next(&self.sql, db))
        {
            tracing::debug!(target: "cache_db", error = ?e, "expired rows were not swept");
        }
        Ok(stored)
    }

    fn set_many(
        &self,
        db: Session<'_>,
        entries: &[(Key<'_>, Payload)],
        expiry: Expiry,
    ) -> SqlResult<Vec<usize>> {
        self.limits.settle(&self.sql, db)?;
        db.write(|| {
            // A key that exists needs no room, and within a transaction a look for it costs little.
            let mut replace = db.conn.prepare_cached(&self.sql.replace)?;
            let mut replaced = |entry: Entry<'_>| -> SqlResult<bool> {
                let (row, key) = (Row::new(entry.value, expiry.deadline_us(now_us(db))), entry.key.as_str());
                let sum = row.sum(KeySum::of(key));
                Ok(replace.execute(params![key, row.kind, row.codec, row.expires, sum, row.value])? > 0)
            };
            let mut refused = Vec::new();
            for (index, (key, value)) in entries.iter().enumerate() {
                let entry = Entry { key: *key, value, expiry };
                let before = db.conn.last_insert_rowid();
                let stored = match replaced(entry) {
                    Ok(false) => self.put_making_room(db, PutMode::Set, entry),
                    other => other,
                };
                match stored {
                    Err(e) if e.is_too_large() => {
                        self.remove(db, entry.key)?;
                        refused.push(index);
                    }
                    stored => drop(stored?),
                }
                if sweep::is_due(before, db.conn.last_insert_rowid()) {
                    sweep::sweep_next(&self.sql, db)?;
                }
            }
            Ok(refused)
        })
    }

    fn touch(&self, db: Session<'_>, key: Key<'_>, expiry: Expiry) -> SqlResult<bool> {
        let (now, key_sum) = (now_us(db), KeySum::of(key.as_str()));
        let expires = expiry.deadline_us(now);
        let row = params![key.as_str(), now, key_sum.param(), expires, key_sum.of_expiry(expires)];
        Ok(db.execute(&self.sql.touch, row)? > 0)
    }

    fn remove(&self, db: Session<'_>, key: Key<'_>) -> SqlResult<bool> {
        let live = db.last_row(&self.sql.delete, live_params(db, key), |row| row.get(0))?;
        Ok(live.unwrap_or(false))
    }

    fn remove_damaged(&self, db: Session<'_>, key: Key<'_>) -> SqlResult<bool> {
        db.write(|| {
            let is_damaged = self.get(db, key)? == Lookup::Damaged;
            if is_damaged {
                self.remove(db, key)?;
            }
            Ok(is_damaged)
        })
    }

    fn delete_many(&self, db: Session<'_>, keys: &[Key<'_>]) -> SqlResult<()> {
        db.write(|| keys.iter().try_for_each(|&key| self.remove(db, key).map(drop)))
    }

    fn incr(&self, db: Session<'_>, key: Key<'_>, delta: i64) -> SqlResult<Option<CoreResult<i64>>> {
        let (least, most) =
            if delta < 0 { (i64::MIN - delta, i64::MAX) } else { (i64::MIN, i64::MAX - delta) };
        let (key_text, now, key_sum) = live_params(db, key);
        let row = params![key_text, now, key_sum, delta, least, most];
        if let Some(sum) = db.last_row(&self.sql.incr, row, |row| row.get(0))? {
            return Ok(Some(Ok(sum)));
        }
        Ok(match self.get(db, key)? {
            Lookup::Absent | Lookup::Damaged => Some(Err(Error::key_not_found(key.as_str()))),
            Lookup::Live(Payload::Int(n)) if (least..=most).contains(&n) => None,
            Lookup::Live(Payload::Int(_)) => Some(Err(Error::overflow(key.as_str()))),
            Lookup::Live(_) => Some(Err(Error::not_an_integer(key.as_str()))),
        })
    }

    fn rename(&self, db: Session<'_>, from: Key<'_>, to: Key<'_>) -> SqlResult<bool> {
        db.write(|| {
            let sum_under_to = |row: &Row<'_>| Some(row.sum(KeySum::of(to.as_str())));
            let Lookup::Live(sum) = self.look(db, from, sum_under_to)? else { return Ok(false) };
            self.remove(db, to)?;
            let row = params![from.as_str(), to.as_str(), sum];
            Ok(db.execute(&self.sql.move_key, row)? > 0)
        })
    }

    fn clear(&self, db: Session<'_>) -> SqlResult<()> {
        db.execute(&self.sql.clear, []).map(drop)
    }

    fn entries(&self, db: Session<'_>) -> SqlResult<u64> {
        state::entries(&self.sql, db)
    }

    fn evictions(&self, db: Session<'_>) -> SqlResult<Option<u64>> {
        capacity::evictions(&self.sql, db).map(Some)
    }

    fn limits(&self, db: Session<'_>) -> SqlResult<Culling> {
        limits::shown(&self.sql, db)
    }

    fn remembered_limits(&self, db: Session<'_>) -> SqlResult<Option<Culling>> {
        Ok(limits::remembered(&self.sql, db)?.limits())
    }

    fn remember_limits(&self, db: Session<'_>, limits: Culling) -> SqlResult<()> {
        limits::record(&self.sql, db, limits)
    }

    fn purge(&self, db: Session<'_>, from: i64) -> SqlResult<(u64, Option<i64>)> {
        sweep::purge(&self.sql, db, from)
    }
}

fn now_us(db: Session<'_>) -> i64 {
    db.config.clock.wall_us()
}

/// The parameters that a statement begins with which asks for a live row.
fn live_params<'k>(db: Session<'_>, key: Key<'k>) -> (&'k str, i64, i64) {
    (key.as_str(), now_us(db), KeySum::of(key.as_str()).param())
}
