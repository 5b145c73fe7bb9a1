//! [`DatabaseCache`]: the operations with connections, waiting and second attempts around them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cache_core::{
    BaseCache, Capabilities, Codec, Error, Expiry, Info, Key, Payload, PerProcess, Presence, Result,
};
use cache_fs::can_be_made;

use crate::cull;
use crate::errors::{Fault, Remedy, remedy, surface};
use crate::layout::{Operations, Seen, Table};
use crate::open;
use crate::ops::Put;
use crate::options::{DatabaseOptions, Settings};
use crate::pool::{Patience, Pool, Use};

/// The longest pause between two attempts.
const LONGEST_PAUSE_US: u64 = 5_000;

/// A cache in one table of a SQLite database. See the [crate's page](crate).
///
/// A get is one statement on a connection of a pool of up to 8, and never waits for a writer.
/// A set, an `incr`, a touch or a delete is one statement too. Dropping the cache closes the file.
#[derive(Debug)]
pub struct DatabaseCache {
    pub(crate) settings: Settings,
    pub(crate) table: Table,
    pub(crate) pool: PerProcess<Pool>,
}

impl DatabaseCache {
    /// A cache in the table `table` of the database file `path`, with Django's limits: 300
    /// entries, of which a third goes. No I/O.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheBackend`](cache_core::ErrorKind::InvalidCacheBackend) for a path
    /// that names no file and a table name that cannot be used.
    pub fn new(path: impl AsRef<Path>, table: impl Into<String>) -> Result<Self> {
        Self::builder(path).table(table).build()
    }

    /// The settings of a cache in the database file `path`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cache_db::DatabaseCache;
    ///
    /// let backend = DatabaseCache::builder("cache.db")
    ///     .table("sessions")
    ///     .max_entries(100_000)
    ///     .busy_timeout(Duration::from_secs(2))
    ///     .build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn builder(path: impl AsRef<Path>) -> DatabaseOptions {
        DatabaseOptions::new(path.as_ref())
    }

    pub(crate) fn from_settings(settings: Settings, table: Table) -> Self {
        Self { settings, table, pool: PerProcess::new() }
    }

    /// Makes the file, the table and its companions where they are missing, as Django's
    /// `createcachetable`; asked for again it changes nothing. Returns the SQL. A dry run only
    /// returns it, without any I/O.
    ///
    /// The first use of a cache does the same, so nobody needs to call this.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheBackend`](cache_core::ErrorKind::InvalidCacheBackend) where
    /// something else in the database has one of the names, and then nothing is changed;
    /// otherwise when the store fails.
    pub fn create_table(&self, dry_run: bool) -> Result<Vec<String>> {
        if !dry_run {
            self.store(|ops| ops.ensure())?;
        }
        Ok(self.table.create())
    }

    /// Removes all expired rows and returns how many there were. Looks at every row, 1,000 in a
    /// transaction; other calls go on in between. The cache needs no such call: writes sweep a few
    /// rows now and then.
    ///
    /// # Errors
    /// When the store fails.
    pub fn purge_expired(&self) -> Result<u64> {
        let mut total = 0;
        let mut from = Some(cull::START);
        while let Some(at) = from {
            let (removed, next) = self.change(|ops| ops.purge(at))?.unwrap_or_default();
            total += removed;
            from = next;
        }
        Ok(total)
    }

    /// `None` where there is no store yet.
    fn read<T>(&self, work: impl Fn(&dyn Operations) -> Result<T, Fault>) -> Result<Option<T>> {
        self.run(Use::Read, work)
    }

    /// `None` where there is no store yet, and so nothing to change.
    pub(crate) fn change<T>(&self, work: impl Fn(&dyn Operations) -> Result<T, Fault>) -> Result<Option<T>> {
        self.run(Use::Change, work)
    }

    pub(crate) fn store<T>(&self, work: impl Fn(&dyn Operations) -> Result<T, Fault>) -> Result<T> {
        let stored = self.run(Use::Store, work)?;
        stored.ok_or_else(|| Error::storage("the database was not made, which is a mistake of this crate"))
    }

    /// Attempts `work` until it succeeds, the time for waiting is up, or it fails for good. A
    /// failed attempt has changed nothing, so that the next may do all of it.
    fn run<T>(&self, usage: Use, work: impl Fn(&dyn Operations) -> Result<T, Fault>) -> Result<Option<T>> {
        let Settings { path, busy_timeout, .. } = &self.settings;
        let patience = Patience::new(*busy_timeout);
        let (mut reopened, mut written_back) = (false, false);
        let mut pause_us = 0;
        loop {
            // The connection goes back before each pause: readers need it.
            let attempt = self.pool.get().with(&self.settings, &self.table, usage, &patience, |conn| {
                self.table.with(conn, &self.settings, &work)
            });
            let e = match attempt {
                Ok(done) => return Ok(done),
                Err(Fault::Final(e)) => return Err(e),
                Err(Fault::Sqlite(e)) => e,
            };
            match remedy(&e) {
                Remedy::Wait if !patience.left().is_zero() => {
                    pause_us = pause(pause_us, patience.left());
                }
                Remedy::Wait if !busy_timeout.is_zero() => {
                    // It may be a lock of this process that could not be released, which goes with
                    // its connections.
                    self.pool.get().reset();
                    return Err(surface(&e, path, *busy_timeout));
                }
                Remedy::Reopen => {
                    self.pool.get().reset();
                    if reopened {
                        return Err(surface(&e, path, *busy_timeout));
                    }
                    reopened = true;
                }
                Remedy::WriteBack if !written_back => {
                    written_back = true;
                    // Where the database must grow for it this fails too, and the next attempt says so.
                    drop(self.pool.get().with(
                        &self.settings,
                        &self.table,
                        usage,
                        &patience,
                        open::write_back,
                    ));
                }
                _ => return Err(surface(&e, path, *busy_timeout)),
            }
        }
    }

    /// The value, if there is one.
    fn value(&self, key: Key<'_>, seen: Seen) -> Option<Payload> {
        match seen {
            Seen::Live(value) => Some(value),
            Seen::Absent => None,
            Seen::Damaged => {
                self.remove_damaged(key);
                None
            }
        }
    }

    /// A failure leaves the row to others: it is a miss in any case, and no reader waits for a writer.
    #[cold]
    fn remove_damaged(&self, key: Key<'_>) {
        let Settings { path, table, .. } = &self.settings;
        let patience = Patience::new(Duration::ZERO);
        let removed = self.pool.get().with(&self.settings, &self.table, Use::Change, &patience, |conn| {
            self.table.with(conn, &self.settings, |ops| ops.remove_damaged(key))
        });
        let removed = removed.ok().flatten().unwrap_or(false);
        tracing::warn!(target: "cache_db", file = %path.display(), table, removed, "a damaged entry");
    }

    /// As [`DatabaseCache::run`], for one entry: of a value too large the older one goes too.
    fn put(&self, put: Put, key: Key<'_>, value: &Payload, expiry: Expiry) -> Result<bool> {
        self.store(|ops| match ops.put(put, key, value, expiry) {
            Err(Fault::Sqlite(e)) if remedy(&e) == Remedy::TooLarge => {
                if put == Put::Set {
                    ops.remove(key)?;
                }
                let (size, most) = (value.bytes().len(), self.table.longest_value());
                Err(Fault::Final(Error::value_too_large(key.as_str(), size, most)))
            }
            other => other,
        })
    }
}

/// Sleeps a little longer than the last time, by chance more or less, so that those who wait do
/// not meet again. Returns for how long at most.
fn pause(last_us: u64, left: Duration) -> u64 {
    if last_us == 0 {
        std::thread::yield_now();
        return 50;
    }
    std::thread::sleep(Duration::from_micros(fastrand::u64(last_us / 2..=last_us)).min(left));
    (last_us * 3 / 2).min(LONGEST_PAUSE_US)
}

impl BaseCache for DatabaseCache {
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        Ok(self.read(|ops| ops.get(key))?.and_then(|seen| self.value(key, seen)))
    }

    fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        self.put(Put::Set, key, &value, expiry).map(drop)
    }

    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        // Most adds that fail need no lock to know it.
        if self.read(|ops| ops.is_taken(key))? == Some(true) {
            return Ok(false);
        }
        self.put(Put::Add, key, &value, expiry)
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        Ok(self.change(|ops| ops.touch(key, expiry))?.unwrap_or(false))
    }

    fn delete(&self, key: Key<'_>) -> Result<bool> {
        Ok(self.change(|ops| ops.remove(key))?.unwrap_or(false))
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        loop {
            match self.change(|ops| ops.incr(key, delta))? {
                None => return Err(Error::key_not_found(key.as_str())),
                Some(Some(sum)) => return sum,
                // It changed in between.
                Some(None) => {}
            }
        }
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        Ok(self.change(|ops| ops.rename(from, to))?.unwrap_or(false))
    }

    /// Gives the room back to the system, unless something else is in the file. Where the disk is full, this
    /// crate's own file is made anew in place of that.
    fn clear(&self) -> Result<()> {
        self.empty()
    }

    fn has_key(&self, key: Key<'_>) -> Result<bool> {
        Ok(self.read(|ops| ops.has(key))?.unwrap_or(false))
    }

    fn get_many(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
        let Some(seen) = self.read(|ops| ops.get_many(keys))? else { return Ok(vec![None; keys.len()]) };
        Ok(keys.iter().zip(seen).map(|(&key, seen)| self.value(key, seen)).collect())
    }

    fn set_many(&self, entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Result<Vec<usize>> {
        self.store(|ops| ops.set_many(entries, expiry))
    }

    fn delete_many(&self, keys: &[Key<'_>]) -> Result<()> {
        self.change(|ops| ops.delete_many(keys)).map(drop)
    }

    fn close(&self) -> Result<()> {
        self.pool.get().reset();
        Ok(())
    }

    fn entries(&self) -> Result<Option<u64>> {
        Ok(Some(self.read(|ops| ops.entries())?.unwrap_or_default()))
    }

    fn ping(&self) -> Result<Presence> {
        if self.read(|ops| ops.bytes())?.is_some() {
            return Ok(Presence::Exists);
        }
        let dir = self.settings.path.parent().unwrap_or(&self.settings.path);
        can_be_made(dir).map(|()| Presence::NotYet)
    }

    /// The bytes are those of the whole database file: SQLite does not count them by table.
    fn info(&self) -> Result<Info> {
        let seen = self.read(|ops| Ok((ops.entries()?, ops.bytes()?, ops.limits()?, ops.evictions()?)))?;
        let (entries, bytes, limits, evictions) = seen.unwrap_or((0, 0, self.settings.culling, None));
        let info = Info {
            entries: Some(entries),
            max_entries: limits.limit(),
            bytes: Some(bytes),
            evictions,
            ..Info::default()
        };
        Ok(info
            .with("database", self.settings.path.display().to_string())
            .with("table", &self.settings.table)
            .with("SQLite", rusqlite::version()))
    }

    fn purge_expired(&self) -> Result<Option<u64>> {
        Self::purge_expired(self).map(Some)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { evicting: self.settings.culling.limit().is_some(), ..self.table.capabilities() }
    }

    fn codec(&self) -> Option<Arc<dyn Codec>> {
        self.table.codec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Layout;

    #[test]
    fn a_row_that_is_no_longer_damaged_stays() {
        let layouts = [
            Layout::Own,
            #[cfg(feature = "django")]
            Layout::Django,
        ];
        for layout in layouts {
            let dir = tempfile::tempdir().unwrap();
            let backend = DatabaseCache::builder(dir.path().join("cache.db")).layout(layout).build().unwrap();
            let cache = cache_core::Cache::new(backend);
            cache.set("k", &7, cache_core::Timeout::Never).unwrap();
            let key = cache.make_and_validate_key("k").unwrap();
            // As if it had been written anew since a reader saw damage.
            assert_eq!(cache.backend().value(key.as_key(), Seen::Damaged), None);
            assert_eq!(cache.get::<i64>("k").unwrap(), Some(7), "{layout:?}");
        }
    }
}
