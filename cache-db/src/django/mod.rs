//! Django's layout: the table, the rows and the writes of its `DatabaseCache`
//! (django/core/cache/backends/db.py).
//!
//! The database may be the application's own. Nothing in it is changed but the rows of the cache's
//! table, and it gets no other table.

mod ballast;
mod capacity;
mod row;
mod schema;
mod statements;
mod sweep;
mod transaction;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cache_core::{Capabilities, Codec, Culling, Error, Expiry, Key, Payload, Result as CoreResult};
use rusqlite::{Connection, params};

use self::capacity::Capacity;
use self::schema::Schema;
use self::statements::Statements;
use self::transaction::write;
use crate::error::SqlResult;
use crate::layout::{Entry, Lookup, PutMode, Table, WINDOW};
use crate::sql::{Session, as_u64};

/// SQLite's longest row, of which base64 writes three bytes as four.
const LONGEST_VALUE: usize = 1_000_000_000 / 4 * 3;

/// A table in Django's layout.
#[derive(Debug)]
pub(crate) struct DjangoTable {
    schema: Schema,
    sql: Statements,
    capacity: Capacity,
    /// This handle has made sure that a ballast exists.
    has_ballast: AtomicBool,
}

impl DjangoTable {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            schema: Schema::new(name),
            sql: Statements::new(name),
            capacity: Capacity::default(),
            has_ballast: AtomicBool::new(false),
        }
    }

    /// Stores a row over whatever is in its place. Within a transaction.
    fn store(&self, db: Session<'_>, key: Key<'_>, value: &str, expiry: Expiry) -> SqlResult<()> {
        let row = params![key.as_str(), value, row::expires(expiry, now_ms(db))];
        if db.execute(&self.sql.update, row)? > 0 {
            return Ok(());
        }
        if !self.has_ballast.swap(true, Ordering::Relaxed) {
            ballast::make(db.config);
        }
        self.capacity.make_room(&self.sql, db)?;
        db.execute(&self.sql.insert, row)?;
        sweep::sweep_if_due(&self.sql, db)
    }

    /// [`Table::remove`] within a transaction.
    fn remove_row(&self, db: Session<'_>, key: Key<'_>) -> SqlResult<bool> {
        let live = db.last_row(&self.sql.delete, live_params(db, key), |row| row.get(0))?;
        Ok(live.unwrap_or(false))
    }
}

impl Table for DjangoTable {
    fn names(&self) -> Vec<&str> {
        self.schema.names().to_vec()
    }

    fn create_sql(&self) -> &[String] {
        self.schema.create_sql()
    }

    fn codec(&self) -> Option<Arc<dyn Codec>> {
        Some(Arc::new(cache_pickle::Pickle::default()))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::DEFAULT
            .with_persistent(true)
            .with_cross_process(true)
            // A deadline is rounded up to the second, from a clock that was rounded down.
            .with_ttl_resolution(Duration::from_millis(1_002))
            .with_preserves_type_tags(false)
    }

    fn longest_value(&self) -> usize {
        LONGEST_VALUE
    }

    fn prepare(&self, conn: &Connection, is_new: bool, create: bool) -> SqlResult<bool> {
        self.schema.prepare(conn, is_new, create)
    }

    fn get(&self, db: Session<'_>, key: Key<'_>) -> SqlResult<Lookup> {
        let found = db.last_row(&self.sql.get, live_params(db, key), |row| {
            Ok(row::decode(key.as_str(), row.get_ref(0)?))
        })?;
        Ok(found.unwrap_or(Lookup::Absent))
    }

    fn has(&self, db: Session<'_>, key: Key<'_>) -> SqlResult<bool> {
        Ok(db.last_row(&self.sql.has, live_params(db, key), |_| Ok(()))?.is_some())
    }

    fn is_taken(&self, db: Session<'_>, key: Key<'_>) -> SqlResult<bool> {
        // The whole value, so that a damaged one does not stand in the way.
        Ok(matches!(self.get(db, key)?, Lookup::Live(_)))
    }

    fn get_many(&self, db: Session<'_>, keys: &[Key<'_>]) -> SqlResult<Vec<Lookup>> {
        db.execute("BEGIN", [])?;
        let found = keys.iter().map(|&key| self.get(db, key)).collect::<Result<_, _>>()?;
        db.execute("COMMIT", [])?;
        Ok(found)
    }

    fn put(&self, db: Session<'_>, mode: PutMode, entry: Entry<'_>) -> SqlResult<bool> {
        let value = row::encode(entry.key, entry.value)?;
        write(db, || {
            if mode == PutMode::Add && self.is_taken(db, entry.key)? {
                return Ok(false);
            }
            self.store(db, entry.key, &value, entry.expiry).map(|()| true)
        })
    }

    fn set_many(
        &self,
        db: Session<'_>,
        entries: &[(Key<'_>, Payload)],
        expiry: Expiry,
    ) -> SqlResult<Vec<usize>> {
        let encoded = entries
            .iter()
            .map(|(key, value)| row::encode(*key, value).map(|value| (*key, value)))
            .collect::<CoreResult<Vec<_>>>()?;
        write(db, || {
            let mut refused = Vec::new();
            for (index, (key, value)) in encoded.iter().enumerate() {
                match self.store(db, *key, value, expiry) {
                    Err(e) if e.is_too_large() => {
                        self.remove_row(db, *key)?;
                        refused.push(index);
                    }
                    stored => stored?,
                }
            }
            Ok(refused)
        })
    }

    fn touch(&self, db: Session<'_>, key: Key<'_>, expiry: Expiry) -> SqlResult<bool> {
        write(db, || {
            let now = now_ms(db);
            let row = params![key.as_str(), now, row::expires(expiry, now)];
            Ok(db.execute(&self.sql.touch, row)? > 0)
        })
    }

    fn remove(&self, db: Session<'_>, key: Key<'_>) -> SqlResult<bool> {
        write(db, || self.remove_row(db, key))
    }

    fn remove_damaged(&self, db: Session<'_>, key: Key<'_>) -> SqlResult<bool> {
        write(db, || {
            let is_damaged = self.get(db, key)? == Lookup::Damaged;
            if is_damaged {
                self.remove_row(db, key)?;
            }
            Ok(is_damaged)
        })
    }

    fn delete_many(&self, db: Session<'_>, keys: &[Key<'_>]) -> SqlResult<()> {
        write(db, || keys.iter().try_for_each(|&key| self.remove_row(db, key).map(drop)))
    }

    fn incr(&self, db: Session<'_>, key: Key<'_>, delta: i64) -> SqlResult<Option<CoreResult<i64>>> {
        let sum = write(db, || {
            let sum = match self.get(db, key)? {
                Lookup::Absent | Lookup::Damaged => Err(Error::key_not_found(key.as_str())),
                Lookup::Live(Payload::Int(n)) => {
                    n.checked_add(delta).ok_or_else(|| Error::overflow(key.as_str()))
                }
                Lookup::Live(_) => Err(Error::not_an_integer(key.as_str())),
            };
            if let Ok(n) = sum {
                let value = row::encode(key, &Payload::Int(n))?;
                db.execute(&self.sql.set_value, params![key.as_str(), value])?;
            }
            Ok(sum)
        })?;
        Ok(Some(sum))
    }

    fn rename(&self, db: Session<'_>, from: Key<'_>, to: Key<'_>) -> SqlResult<bool> {
        write(db, || {
            let found = db.last_row(&self.sql.get, live_params(db, from), |row| {
                let column = row.get_ref(0)?;
                let is_whole = row::decode(from.as_str(), column) != Lookup::Damaged;
                Ok(is_whole.then(|| row::renamed(column, to.as_str())))
            })?;
            let Some(value) = found.flatten() else { return Ok(false) };
            self.remove_row(db, to)?;
            let row = params![from.as_str(), to.as_str(), value];
            Ok(db.execute(&self.sql.move_key, row)? > 0)
        })
    }

    fn clear(&self, db: Session<'_>) -> SqlResult<()> {
        // The next row makes the ballast again, which a clear may have needed.
        self.has_ballast.store(false, Ordering::Relaxed);
        write(db, || db.execute(&self.sql.clear, []).map(drop))
    }

    fn free_ballast(&self, db: Session<'_>) -> SqlResult<bool> {
        ballast::free(&db.config.path).map(|()| true)
    }

    fn entries(&self, db: Session<'_>) -> SqlResult<u64> {
        capacity::count(&self.sql, db).map(as_u64)
    }

    fn evictions(&self, _db: Session<'_>) -> SqlResult<Option<u64>> {
        Ok(self.capacity.evictions())
    }

    fn limits(&self, db: Session<'_>) -> SqlResult<Culling> {
        Ok(db.config.culling)
    }

    fn purge(&self, db: Session<'_>, from: i64) -> SqlResult<(u64, Option<i64>)> {
        let removed = write(db, || sweep::drop_expired(&self.sql, db, WINDOW))?;
        Ok((as_u64(removed), (removed == WINDOW).then_some(from)))
    }
}

fn now_ms(db: Session<'_>) -> i64 {
    db.config.clock.wall_ms()
}

/// The parameters that a statement begins with which asks for a live row.
fn live_params<'k>(db: Session<'_>, key: Key<'k>) -> (&'k str, i64) {
    (key.as_str(), now_ms(db))
}
