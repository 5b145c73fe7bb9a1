//! [`DatabaseCache`]: the backend.

use std::sync::Arc;

use cache_core::{BaseCache, Capabilities, Codec, Error, Expiry, Info, Key, Payload, Presence, Result};
use cache_fs::can_be_made;

use crate::clear::clear;
use crate::layout::{Entry, PutMode};
use crate::pool::Access;
use crate::store::Store;

/// A cache in one table of a SQLite database. See the [crate's page](crate).
///
/// A get is one statement on a connection of a pool of up to 8, and never waits for a writer.
/// A set, an `incr`, a touch or a delete is one statement too. Dropping the cache closes the file.
#[derive(Debug)]
pub struct DatabaseCache {
    store: Store,
}

impl DatabaseCache {
    pub(crate) const fn of_store(store: Store) -> Self {
        Self { store }
    }

    /// Creates the file, the table and its companions if they are missing, as Django's `createcachetable`. A
    /// second call changes nothing. Returns the SQL. A dry run only returns it, without any I/O.
    ///
    /// The first write does the same, so calling it is optional.
    ///
    /// ```
    /// # use cache_db::DatabaseCache;
    /// let backend = DatabaseCache::new("/var/lib/app/cache.db", "sessions")?;
    /// let sql = backend.create_table(true)?; // for a migration; `false` runs it
    /// assert!(sql[0].starts_with("CREATE TABLE"));
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheBackend`](cache_core::ErrorKind::InvalidCacheBackend) if something else in
    /// the database has one of the names, and then nothing is changed; otherwise when the store fails.
    pub fn create_table(&self, dry_run: bool) -> Result<Vec<String>> {
        if !dry_run {
            self.store.create(|table, db| table.prepare(db.conn, false, true))?;
        }
        Ok(self.store.table.create_sql().to_vec())
    }
}

impl BaseCache for DatabaseCache {
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        let found = self.store.run(Access::Read, |table, db| table.get(db, key))?;
        Ok(found.and_then(|found| self.store.live(key, found)))
    }

    fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        self.store.put(PutMode::Set, Entry { key, value: &value, expiry }).map(drop)
    }

    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        // Most adds that fail need no lock to know it.
        if self.store.run(Access::Read, |table, db| table.is_taken(db, key))? == Some(true) {
            return Ok(false);
        }
        self.store.put(PutMode::Add, Entry { key, value: &value, expiry })
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        Ok(self.store.run(Access::Change, |table, db| table.touch(db, key, expiry))?.unwrap_or(false))
    }

    fn delete(&self, key: Key<'_>) -> Result<bool> {
        Ok(self.store.run(Access::Change, |table, db| table.remove(db, key))?.unwrap_or(false))
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        loop {
            match self.store.run(Access::Change, |table, db| table.incr(db, key, delta))? {
                None => return Err(Error::key_not_found(key.as_str())),
                Some(Some(sum)) => return sum,
                // It changed in between.
                Some(None) => {}
            }
        }
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        Ok(self.store.run(Access::Change, |table, db| table.rename(db, from, to))?.unwrap_or(false))
    }

    /// Returns the space to the system, unless something else is in the file. If the disk is full, this crate's
    /// own file is replaced by a new one instead.
    fn clear(&self) -> Result<()> {
        clear(&self.store)
    }

    fn has_key(&self, key: Key<'_>) -> Result<bool> {
        Ok(self.store.run(Access::Read, |table, db| table.has(db, key))?.unwrap_or(false))
    }

    fn get_many(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
        let Some(found) = self.store.run(Access::Read, |table, db| table.get_many(db, keys))? else {
            return Ok(vec![None; keys.len()]);
        };
        Ok(keys.iter().zip(found).map(|(&key, found)| self.store.live(key, found)).collect())
    }

    fn set_many(&self, entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Result<Vec<usize>> {
        self.store.create(|table, db| table.set_many(db, entries, expiry))
    }

    fn delete_many(&self, keys: &[Key<'_>]) -> Result<()> {
        self.store.run(Access::Change, |table, db| table.delete_many(db, keys)).map(drop)
    }

    fn close(&self) -> Result<()> {
        self.store.close();
        Ok(())
    }

    fn entries(&self) -> Result<Option<u64>> {
        Ok(Some(self.store.run(Access::Read, |table, db| table.entries(db))?.unwrap_or_default()))
    }

    fn ping(&self) -> Result<Presence> {
        if self.store.run(Access::Read, |_, db| db.file_bytes())?.is_some() {
            return Ok(Presence::Exists);
        }
        let path = &self.store.config.path;
        can_be_made(path.parent().unwrap_or(path)).map(|()| Presence::NotYet)
    }

    /// The bytes are the size of the whole database file: SQLite does not count them by table.
    fn info(&self) -> Result<Info> {
        let config = &self.store.config;
        let seen = self.store.run(Access::Read, |table, db| {
            Ok((table.entries(db)?, db.file_bytes()?, table.limits(db)?, table.evictions(db)?))
        })?;
        let (entries, bytes, limits, evictions) = seen.unwrap_or((0, 0, config.culling, None));
        let info = Info::default()
            .with_entries(entries)
            .with_max_entries(limits.limit())
            .with_bytes(bytes)
            .with_evictions(evictions);
        Ok(info
            .with_detail("database", config.path.display().to_string())
            .with_detail("table", &config.table)
            .with_detail("SQLite", rusqlite::version()))
    }

    /// Reads every row, 1,000 in a transaction; other calls go on in between. Calling it is optional: writes sweep a
    /// few rows now and then.
    fn purge_expired(&self) -> Result<Option<u64>> {
        self.store.purge_expired().map(Some)
    }

    fn capabilities(&self) -> Capabilities {
        let is_evicting = self.store.config.culling.limit().is_some();
        self.store.table.capabilities().with_evicting(is_evicting)
    }

    fn codec(&self) -> Option<Arc<dyn Codec>> {
        self.store.table.codec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{Layout, Lookup};

    #[test]
    fn a_row_that_is_no_longer_damaged_stays() {
        let layouts = [
            Layout::Native,
            #[cfg(feature = "django")]
            Layout::Django,
        ];
        for layout in layouts {
            let dir = tempfile::tempdir().unwrap();
            let backend = DatabaseCache::builder(dir.path().join("cache.db")).layout(layout).build().unwrap();
            let cache = cache_core::Cache::new(backend);
            cache.set("k", &7, cache_core::Timeout::Never).unwrap();
            let key = cache.make_and_validate_key("k").unwrap();
            // As if it had been overwritten since a reader saw damage.
            assert_eq!(cache.backend().store.live(key.as_key(), Lookup::Damaged), None);
            assert_eq!(cache.get::<i64>("k").unwrap(), Some(7), "{layout:?}");
        }
    }
}
