//! [`Store`]: runs one operation on a connection of the pool, and tries again where that helps.

use std::time::Duration;

use cache_core::{Error, Key, Payload, PerProcess, Result};

use crate::config::Config;
use crate::deadline::Deadline;
use crate::error::{Remedy, SqlError, SqlResult, public, remedy};
use crate::layout::{Entry, Lookup, PutMode, Table};
use crate::pool::{Access, ConnectionPool};
use crate::sql::Session;

/// The longest pause between two attempts.
const LONGEST_PAUSE_US: u64 = 5_000;

/// The table of a cache, and the connections to its database.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) config: Config,
    pub(crate) table: Box<dyn Table>,
    pool: PerProcess<ConnectionPool>,
}

impl Store {
    pub(crate) const fn new(config: Config, table: Box<dyn Table>) -> Self {
        Self { config, table, pool: PerProcess::new() }
    }

    /// Stores, and so makes what is missing first.
    pub(crate) fn create<T>(&self, work: impl Fn(&dyn Table, Session<'_>) -> SqlResult<T>) -> Result<T> {
        let stored = self.run(Access::Create, work)?;
        stored.ok_or_else(|| Error::storage("the database was not made, which is a mistake of this crate"))
    }

    /// Attempts `work` until it succeeds, the time for waiting is up, or it fails for good. A
    /// failed attempt has changed nothing, so that the next may do all of it.
    ///
    /// Returns `None` if the table does not exist, and `access` does not make it.
    pub(crate) fn run<T>(
        &self,
        access: Access,
        work: impl Fn(&dyn Table, Session<'_>) -> SqlResult<T>,
    ) -> Result<Option<T>> {
        let Config { path, busy_timeout, .. } = &self.config;
        let deadline = Deadline::new(*busy_timeout);
        let (mut reopened, mut written_back) = (false, false);
        let mut pause_us = 0;
        loop {
            // The connection goes back before each pause: readers need it.
            let e = match self.attempt(access, &deadline, &work) {
                Ok(done) => return Ok(done),
                Err(SqlError::Final(e)) => return Err(e),
                Err(SqlError::Sqlite(e)) => e,
            };
            match remedy(&e) {
                Remedy::Wait if !deadline.left().is_zero() => {
                    pause_us = pause(pause_us, deadline.left());
                }
                Remedy::Wait if !busy_timeout.is_zero() => {
                    // The lock may belong to this process, which could not release it: it goes with the
                    // connections.
                    self.close();
                    return Err(public(&e, path, *busy_timeout));
                }
                Remedy::Reopen => {
                    self.close();
                    if reopened {
                        return Err(public(&e, path, *busy_timeout));
                    }
                    reopened = true;
                }
                Remedy::WriteBack if !written_back => {
                    written_back = true;
                    // If the database must grow for it, this fails too, and the next attempt returns the error.
                    drop(self.attempt(access, &deadline, write_back));
                }
                _ => return Err(public(&e, path, *busy_timeout)),
            }
        }
    }

    /// Runs `work` once. Returns `None` if the table does not exist, and `access` does not make it.
    pub(crate) fn attempt<T>(
        &self,
        access: Access,
        deadline: &Deadline,
        work: impl FnOnce(&dyn Table, Session<'_>) -> SqlResult<T>,
    ) -> SqlResult<Option<T>> {
        let (config, table) = (&self.config, &*self.table);
        let lease = self.pool.get().lease(config, table, access, deadline)?;
        let Some(connection) = lease.connection() else { return Ok(None) };
        let done = work(table, Session { conn: &connection.sqlite, config })?;
        // What went into a file that was removed meanwhile is lost: another attempt writes it once more.
        if access.writes() && connection.file.has_gone(&config.path) {
            return Err(SqlError::moved());
        }
        Ok(Some(done))
    }

    /// Closes the connections: those in use once they come back.
    pub(crate) fn close(&self) {
        self.pool.get().reset();
    }

    /// Returns the value, if there is one. Removes what is damaged.
    pub(crate) fn live(&self, key: Key<'_>, found: Lookup) -> Option<Payload> {
        match found {
            Lookup::Live(value) => Some(value),
            Lookup::Absent => None,
            Lookup::Damaged => {
                self.remove_damaged(key);
                None
            }
        }
    }

    /// Removes a damaged row, or leaves it to others: it is a miss in any case, and no reader waits for a writer.
    #[cold]
    fn remove_damaged(&self, key: Key<'_>) {
        let Config { path, table, .. } = &self.config;
        let at_once = Deadline::new(Duration::ZERO);
        let removed = self.attempt(Access::Change, &at_once, |table, db| table.remove_damaged(db, key));
        let removed = removed.ok().flatten().unwrap_or(false);
        tracing::warn!(target: "cache_db", file = %path.display(), table, removed, "a damaged entry");
    }

    /// Stores one entry. Where the value is too large, the older one goes too.
    pub(crate) fn put(&self, mode: PutMode, entry: Entry<'_>) -> Result<bool> {
        self.create(|table, db| match table.put(db, mode, entry) {
            Err(e) if e.is_too_large() => {
                if mode == PutMode::Set {
                    table.remove(db, entry.key)?;
                }
                let (size, most) = (entry.value.bytes().len(), table.longest_value());
                Err(Error::value_too_large(entry.key.as_str(), size, most).into())
            }
            other => other,
        })
    }

    /// Removes all expired rows and returns how many, a part of them in each transaction.
    pub(crate) fn purge_expired(&self) -> Result<u64> {
        let (mut total, mut from) = (0, Some(0));
        while let Some(at) = from {
            let (removed, next) =
                self.run(Access::Change, |table, db| table.purge(db, at))?.unwrap_or_default();
            total += removed;
            from = next;
        }
        Ok(total)
    }
}

/// Writes the write-ahead log back into the database, as far as readers allow. The next write then starts the
/// log from the beginning.
fn write_back(_: &dyn Table, db: Session<'_>) -> SqlResult<()> {
    Ok(db.conn.query_row("PRAGMA wal_checkpoint", [], |_| Ok(()))?)
}

/// Sleeps a little longer than the last time, by chance more or less, so that those who wait do
/// not meet again. Returns the longest time of the next pause, in microseconds.
fn pause(last_us: u64, left: Duration) -> u64 {
    if last_us == 0 {
        std::thread::yield_now();
        return 50;
    }
    std::thread::sleep(Duration::from_micros(fastrand::u64(last_us / 2..=last_us)).min(left));
    (last_us * 3 / 2).min(LONGEST_PAUSE_US)
}
