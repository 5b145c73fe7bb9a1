//! The operations on one connection, in this crate's own layout.

use cache_core::{Culling, Error, Expiry, Key, Payload, Result as CoreResult};
use rusqlite::{Connection, Statement, params};

use crate::cull;
use crate::errors::{Fault, is_no_room};
use crate::layout::{Operations, Seen};
use crate::options::Settings;
use crate::row::Row;
use crate::schema::Sql;
use crate::sum::KeySum;

/// A connection with what every operation needs to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ops<'a> {
    pub(crate) conn: &'a Connection,
    pub(crate) sql: &'a Sql,
    pub(crate) settings: &'a Settings,
}

/// Whether a write gives way to a live entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    Set,
    Add,
}

/// Runs a statement to its end: before that, what it wrote may not be committed.
pub(crate) fn last_row<T>(
    conn: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    read: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, Fault> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        last = Some(read(row)?);
    }
    Ok(last)
}

/// Runs a statement that gives no rows; returns how many rows it changed.
pub(crate) fn execute(conn: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<usize, Fault> {
    Ok(conn.prepare_cached(sql)?.execute(params)?)
}

/// The size of the database file.
pub(crate) fn file_bytes(conn: &Connection) -> Result<u64, Fault> {
    let size = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    let bytes: Option<i64> = last_row(conn, size, [], |row| row.get(0))?;
    Ok(bytes.unwrap_or_default().max(0).unsigned_abs())
}

impl Ops<'_> {
    fn now(&self) -> i64 {
        self.settings.clock.wall_us()
    }

    /// The parameters that a statement begins with which asks for a live row.
    fn at<'k>(&self, key: Key<'k>) -> (&'k str, i64, i64) {
        (key.as_str(), self.now(), KeySum::of(key.as_str()).param())
    }

    fn look<T>(&self, key: Key<'_>, read: impl FnOnce(&Row<'_>) -> Option<T>) -> Result<Seen<T>, Fault> {
        find(&mut *self.conn.prepare_cached(&self.sql.get)?, key, self.now(), read)
    }

    /// Runs `work` in a write transaction, which the pool rolls back where `work` fails.
    pub(crate) fn write<T>(&self, work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
        execute(self.conn, "BEGIN IMMEDIATE", [])?;
        let done = work()?;
        execute(self.conn, "COMMIT", [])?;
        Ok(done)
    }

    /// Within a transaction.
    fn put_making_room(
        &self,
        put: Put,
        key: Key<'_>,
        value: &Payload,
        expiry: Expiry,
    ) -> Result<bool, Fault> {
        if self.put_if_room(put, key, value, expiry, false)? {
            return Ok(true);
        }
        if put == Put::Add {
            match self.look(key, |_| Some(()))? {
                Seen::Live(()) => return Ok(false),
                // It would stand in the way: only a reader knows of a damaged value.
                Seen::Damaged => drop(self.remove(key)?),
                Seen::Absent => {}
            }
        }
        cull::make_room(self, self.now())?;
        if self.put_if_room(put, key, value, expiry, true)? {
            return Ok(true);
        }
        Err(Fault::Final(Error::storage(format!(
            "the table {:?} of the database {} takes no new entry though there is room: something \
             other than this cache altered it; drop the table, and the cache starts anew",
            self.settings.table,
            self.settings.path.display()
        ))))
    }

    /// False where nothing was stored: the table is full, without room made for this key, and the key is
    /// not in it, or `put` is `Add` and the entry is live.
    fn put_if_room(
        &self,
        put: Put,
        key: Key<'_>,
        value: &Payload,
        expiry: Expiry,
        has_room: bool,
    ) -> Result<bool, Fault> {
        let now = self.now();
        let sql = if put == Put::Set { &self.sql.set } else { &self.sql.add };
        let (row, key_sum) = (Row::new(value, expiry.deadline_us(now)), KeySum::of(key.as_str()));
        let row = params![
            key.as_str(),
            now,
            key_sum.param(),
            row.kind,
            row.codec,
            row.expires,
            row.sum(key_sum),
            row.value,
            has_room
        ];
        match execute(self.conn, sql, row) {
            Err(Fault::Sqlite(e)) if is_no_room(&e) => Ok(false),
            stored => Ok(stored? > 0),
        }
    }
}

impl Operations for Ops<'_> {
    fn get(&self, key: Key<'_>) -> Result<Seen, Fault> {
        self.look(key, |row| row.payload())
    }

    fn has(&self, key: Key<'_>) -> Result<bool, Fault> {
        let mut has = self.conn.prepare_cached(&self.sql.has)?;
        let mut rows = has.query(self.at(key))?;
        Ok(rows.next()?.is_some())
    }

    fn is_taken(&self, key: Key<'_>) -> Result<bool, Fault> {
        // The whole value, so that a damaged one does not stand in the way.
        Ok(matches!(self.look(key, |_| Some(()))?, Seen::Live(())))
    }

    fn get_many(&self, keys: &[Key<'_>]) -> Result<Vec<Seen>, Fault> {
        execute(self.conn, "BEGIN", [])?;
        let mut get = self.conn.prepare_cached(&self.sql.get)?;
        let now = self.now();
        let found = keys
            .iter()
            .map(|&key| find(&mut get, key, now, |row| row.payload()))
            .collect::<Result<_, _>>()?;
        execute(self.conn, "COMMIT", [])?;
        Ok(found)
    }

    /// Stores in one statement where the key or room for it is there, else in a transaction that
    /// makes room. False: `put` is `Add` and a live entry is there.
    fn put(&self, put: Put, key: Key<'_>, value: &Payload, expiry: Expiry) -> Result<bool, Fault> {
        self.settle_limits()?;
        let before = self.conn.last_insert_rowid();
        let stored = self.put_if_room(put, key, value, expiry, false)?
            || self.write(|| self.put_making_room(put, key, value, expiry))?;
        // The entry is stored: a sweep that fails is left to the next one.
        if cull::sweep_is_due(before, self.conn.last_insert_rowid())
            && let Err(e) = self.write(|| cull::sweep_some(self, self.now()))
        {
            tracing::debug!(target: "cache_db", error = ?e, "expired rows were not swept");
        }
        Ok(stored)
    }

    fn set_many(&self, entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Result<Vec<usize>, Fault> {
        self.settle_limits()?;
        self.write(|| {
            // A key that is there needs no room, and within a transaction a look for it costs little.
            let mut replace = self.conn.prepare_cached(&self.sql.replace)?;
            let mut replaced = |key: Key<'_>, value| -> Result<bool, Fault> {
                let row = Row::new(value, expiry.deadline_us(self.now()));
                let sum = row.sum(KeySum::of(key.as_str()));
                let row = params![key.as_str(), row.kind, row.codec, row.expires, sum, row.value];
                Ok(replace.execute(row)? > 0)
            };
            let mut refused = Vec::new();
            for (place, (key, value)) in entries.iter().enumerate() {
                let before = self.conn.last_insert_rowid();
                let stored = match replaced(*key, value) {
                    Ok(false) => self.put_making_room(Put::Set, *key, value, expiry),
                    other => other,
                };
                match stored {
                    Err(Fault::Sqlite(e)) if crate::errors::is_too_large(&e) => {
                        self.remove(*key)?;
                        refused.push(place);
                    }
                    stored => drop(stored?),
                }
                if cull::sweep_is_due(before, self.conn.last_insert_rowid()) {
                    cull::sweep_some(self, self.now())?;
                }
            }
            Ok(refused)
        })
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool, Fault> {
        let (now, key_sum) = (self.now(), KeySum::of(key.as_str()));
        let expires = expiry.deadline_us(now);
        let row = params![key.as_str(), now, key_sum.param(), expires, key_sum.of_expiry(expires)];
        Ok(execute(self.conn, &self.sql.touch, row)? > 0)
    }

    fn remove(&self, key: Key<'_>) -> Result<bool, Fault> {
        let live = last_row(self.conn, &self.sql.delete, self.at(key), |row| row.get(0))?;
        Ok(live.unwrap_or(false))
    }

    fn remove_damaged(&self, key: Key<'_>) -> Result<bool, Fault> {
        self.write(|| {
            let is_damaged = self.get(key)? == Seen::Damaged;
            if is_damaged {
                self.remove(key)?;
            }
            Ok(is_damaged)
        })
    }

    fn delete_many(&self, keys: &[Key<'_>]) -> Result<(), Fault> {
        self.write(|| keys.iter().try_for_each(|&key| self.remove(key).map(drop)))
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<Option<CoreResult<i64>>, Fault> {
        let (least, most) =
            if delta < 0 { (i64::MIN - delta, i64::MAX) } else { (i64::MIN, i64::MAX - delta) };
        let (key_text, now, key_sum) = self.at(key);
        let row = params![key_text, now, key_sum, delta, least, most];
        if let Some(sum) = last_row(self.conn, &self.sql.incr, row, |row| row.get(0))? {
            return Ok(Some(Ok(sum)));
        }
        Ok(match self.get(key)? {
            Seen::Absent | Seen::Damaged => Some(Err(Error::key_not_found(key.as_str()))),
            Seen::Live(Payload::Int(n)) if (least..=most).contains(&n) => None,
            Seen::Live(Payload::Int(_)) => Some(Err(Error::overflow(key.as_str()))),
            Seen::Live(_) => Some(Err(Error::not_an_integer(key.as_str()))),
        })
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool, Fault> {
        self.write(|| {
            let sum_there = |row: &Row<'_>| Some(row.sum(KeySum::of(to.as_str())));
            let Seen::Live(sum) = self.look(from, sum_there)? else { return Ok(false) };
            self.remove(to)?;
            let row = params![from.as_str(), to.as_str(), sum];
            Ok(execute(self.conn, &self.sql.move_key, row)? > 0)
        })
    }

    fn bytes(&self) -> Result<u64, Fault> {
        file_bytes(self.conn)
    }

    fn clear(&self) -> Result<(), Fault> {
        execute(self.conn, &self.sql.clear, []).map(drop)
    }

    fn entries(&self) -> Result<u64, Fault> {
        cull::entries(self)
    }

    fn evictions(&self) -> Result<Option<u64>, Fault> {
        cull::evictions(self).map(Some)
    }

    fn limits(&self) -> Result<Culling, Fault> {
        self.limits_shown()
    }

    fn remember_limits(&self, limits: Culling) -> Result<(), Fault> {
        self.record(limits)
    }

    fn purge(&self, from: i64) -> Result<(u64, Option<i64>), Fault> {
        cull::purge(self, from)
    }

    fn ensure(&self) -> Result<(), Fault> {
        self.sql.ensure(self.conn)
    }
}

/// What `get` finds under `key`, and of a live row what `read` makes of it.
fn find<T>(
    get: &mut Statement<'_>,
    key: Key<'_>,
    now: i64,
    read: impl FnOnce(&Row<'_>) -> Option<T>,
) -> Result<Seen<T>, Fault> {
    let mut rows = get.query([key.as_str()])?;
    let Some(found) = rows.next()? else { return Ok(Seen::Absent) };
    let column = |index| found.get_ref(index);
    let columns = [column(0)?, column(1)?, column(2)?, column(3)?, column(4)?];
    Ok(match Row::read(columns, KeySum::of(key.as_str())) {
        None => Seen::Damaged,
        Some(row) if row.expires.is_some_and(|deadline| deadline <= now) => Seen::Absent,
        Some(row) => read(&row).map_or(Seen::Damaged, Seen::Live),
    })
}
