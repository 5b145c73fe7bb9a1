//! The operations on one connection. Every write is one transaction that takes the write lock
//! first, so that what it read is still so when it writes.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use cache_core::{Culling, Error, Expiry, Key, Payload, Result as CoreResult};
use rusqlite::{Connection, params};

use super::{Table, ballast, cull, rows};
use crate::cull::START;
use crate::errors::{Fault, Remedy, coded, is_too_large, remedy};
use crate::layout::{Operations, Seen};
use crate::ops::{Put, execute, file_bytes, last_row};
use crate::options::Settings;

/// How long a commit waits for readers, while it keeps new ones out. After that the others go on,
/// and the write begins anew.
const LONGEST_COMMIT: Duration = Duration::from_millis(100);

/// A connection with what every operation needs to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ops<'a> {
    pub(crate) conn: &'a Connection,
    pub(crate) table: &'a Table,
    pub(crate) settings: &'a Settings,
}

impl Ops<'_> {
    pub(super) fn now(&self) -> i64 {
        self.settings.clock.wall_ms()
    }

    /// Runs `work` in a write transaction. Where it fails, nothing has changed.
    pub(super) fn write<T>(&self, work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
        execute(self.conn, "BEGIN IMMEDIATE", [])?;
        let done = work().and_then(|done| self.commit().map(|()| done));
        if done.is_err() && !self.conn.is_autocommit() {
            // If it fails, the pool closes the connection.
            drop(execute(self.conn, "ROLLBACK", []));
        }
        done
    }

    /// Where the database has no write-ahead log, readers hold a commit up.
    fn commit(&self) -> Result<(), Fault> {
        let deadline = Instant::now() + self.settings.busy_timeout.min(LONGEST_COMMIT);
        loop {
            match execute(self.conn, "COMMIT", []) {
                Err(Fault::Sqlite(e)) if remedy(&e) == Remedy::Wait && Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                // Without a write-ahead log even the release of a lock can fail, after the change is made: a
                // second attempt could count twice.
                Err(Fault::Sqlite(e)) if self.conn.is_autocommit() && remedy(&e) == Remedy::Reopen => {
                    let file = self.settings.path.display();
                    let message = format!(
                        "the database {file} failed while a change was committed: it may or may not have happened"
                    );
                    return Err(Fault::Final(coded(Error::outcome_unknown(message), &e)));
                }
                done => return done.map(drop),
            }
        }
    }

    /// Stores a row over whatever is there. Within a transaction.
    fn store(&self, key: Key<'_>, value: &str, expiry: Expiry) -> Result<(), Fault> {
        let row = params![key.as_str(), value, rows::expires(expiry, self.now())];
        if execute(self.conn, &self.table.update, row)? > 0 {
            return Ok(());
        }
        if !self.table.has_ballast.swap(true, Ordering::Relaxed) {
            ballast::load(&self.settings.path);
        }
        cull::make_room(self)?;
        execute(self.conn, &self.table.insert, row)?;
        cull::sweep(self)
    }

    /// [`Operations::remove`] within a transaction.
    fn drop_row(&self, key: Key<'_>) -> Result<bool, Fault> {
        let row = params![key.as_str(), self.now()];
        let live = last_row(self.conn, &self.table.delete, row, |row| row.get(0))?;
        Ok(live.unwrap_or(false))
    }
}

impl Operations for Ops<'_> {
    fn get(&self, key: Key<'_>) -> Result<Seen, Fault> {
        let found = last_row(self.conn, &self.table.get, params![key.as_str(), self.now()], |row| {
            Ok(rows::decode(key.as_str(), row.get_ref(0)?))
        })?;
        Ok(found.unwrap_or(Seen::Absent))
    }

    fn has(&self, key: Key<'_>) -> Result<bool, Fault> {
        let found = last_row(self.conn, &self.table.has, params![key.as_str(), self.now()], |_| Ok(()))?;
        Ok(found.is_some())
    }

    fn is_taken(&self, key: Key<'_>) -> Result<bool, Fault> {
        // The whole value, so that a damaged one does not stand in the way.
        Ok(matches!(self.get(key)?, Seen::Live(_)))
    }

    fn get_many(&self, keys: &[Key<'_>]) -> Result<Vec<Seen>, Fault> {
        execute(self.conn, "BEGIN", [])?;
        let found = keys.iter().map(|&key| self.get(key)).collect::<Result<_, _>>()?;
        execute(self.conn, "COMMIT", [])?;
        Ok(found)
    }

    fn put(&self, put: Put, key: Key<'_>, value: &Payload, expiry: Expiry) -> Result<bool, Fault> {
        let value = rows::encode(key, value).map_err(Fault::Final)?;
        self.write(|| {
            if put == Put::Add && self.is_taken(key)? {
                return Ok(false);
            }
            self.store(key, &value, expiry).map(|()| true)
        })
    }

    fn set_many(&self, entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Result<Vec<usize>, Fault> {
        let encoded: Vec<_> = entries
            .iter()
            .map(|(key, value)| rows::encode(*key, value).map(|value| (*key, value)))
            .collect::<Result<_, _>>()
            .map_err(Fault::Final)?;
        self.write(|| {
            let mut refused = Vec::new();
            for (place, (key, value)) in encoded.iter().enumerate() {
                match self.store(*key, value, expiry) {
                    Err(Fault::Sqlite(e)) if is_too_large(&e) => {
                        self.drop_row(*key)?;
                        refused.push(place);
                    }
                    stored => stored?,
                }
            }
            Ok(refused)
        })
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool, Fault> {
        self.write(|| {
            let now = self.now();
            let row = params![key.as_str(), now, rows::expires(expiry, now)];
            Ok(execute(self.conn, &self.table.touch, row)? > 0)
        })
    }

    fn remove(&self, key: Key<'_>) -> Result<bool, Fault> {
        self.write(|| self.drop_row(key))
    }

    fn remove_damaged(&self, key: Key<'_>) -> Result<bool, Fault> {
        self.write(|| {
            let is_damaged = self.get(key)? == Seen::Damaged;
            if is_damaged {
                self.drop_row(key)?;
            }
            Ok(is_damaged)
        })
    }

    fn delete_many(&self, keys: &[Key<'_>]) -> Result<(), Fault> {
        self.write(|| keys.iter().try_for_each(|&key| self.drop_row(key).map(drop)))
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<Option<CoreResult<i64>>, Fault> {
        let sum = self.write(|| {
            let sum = match self.get(key)? {
                Seen::Absent | Seen::Damaged => Err(Error::key_not_found(key.as_str())),
                Seen::Live(Payload::Int(n)) => {
                    n.checked_add(delta).ok_or_else(|| Error::overflow(key.as_str()))
                }
                Seen::Live(_) => Err(Error::not_an_integer(key.as_str())),
            };
            if let Ok(n) = sum {
                let value = rows::encode(key, &Payload::Int(n)).map_err(Fault::Final)?;
                execute(self.conn, &self.table.set_value, params![key.as_str(), value])?;
            }
            Ok(sum)
        })?;
        Ok(Some(sum))
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool, Fault> {
        self.write(|| {
            let row = params![from.as_str(), self.now()];
            let found = last_row(self.conn, &self.table.get, row, |row| {
                let column = row.get_ref(0)?;
                let is_whole = rows::decode(from.as_str(), column) != Seen::Damaged;
                Ok(is_whole.then(|| rows::renamed(column, to.as_str())))
            })?;
            let Some(value) = found.flatten() else { return Ok(false) };
            self.drop_row(to)?;
            let row = params![from.as_str(), to.as_str(), value];
            Ok(execute(self.conn, &self.table.move_key, row)? > 0)
        })
    }

    fn clear(&self) -> Result<(), Fault> {
        // What a clear may have needed is made anew by the next row.
        self.table.has_ballast.store(false, Ordering::Relaxed);
        self.write(|| execute(self.conn, &self.table.clear, []).map(drop))
    }

    fn entries(&self) -> Result<u64, Fault> {
        cull::count(self).map(cull::as_u64)
    }

    fn evictions(&self) -> Result<Option<u64>, Fault> {
        Ok(self.table.evicted.so_far())
    }

    fn limits(&self) -> Result<Culling, Fault> {
        Ok(self.settings.culling)
    }

    fn remember_limits(&self, _limits: Culling) -> Result<(), Fault> {
        Ok(())
    }

    fn purge(&self, _from: i64) -> Result<(u64, Option<i64>), Fault> {
        let (removed, more) = cull::purge(self)?;
        Ok((removed, more.then_some(START)))
    }

    fn ensure(&self) -> Result<(), Fault> {
        self.table.ensure(self.conn)
    }

    fn bytes(&self) -> Result<u64, Fault> {
        file_bytes(self.conn)
    }
}
