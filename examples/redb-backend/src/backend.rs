//! [`RedbCache`]: the backend.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use polycache::backend::{BaseCache, Capabilities, Expiry, Key, Payload};
use polycache::{Clock, Error, Result};
use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, ReadableTableMetadata, Table, TableDefinition,
};

/// A deadline in microseconds of the wall clock (`None` is never), a payload's kind and codec, and its bytes.
type Row<'a> = (Option<i64>, u8, u8, &'a [u8]);

const ENTRIES: TableDefinition<'_, &str, Row<'static>> = TableDefinition::new("entries");

/// The kind of an integer, whose bytes are its eight in little endian. [`Payload::from_parts`] knows the others.
const INT: u8 = 0;

/// How many writes may be lost in a crash. A write that reaches the disk before it returns takes milliseconds.
const WRITES_PER_SYNC: u32 = 1_000;

/// One redb file. Nothing is opened or made before the first use.
pub struct RedbCache {
    path: PathBuf,
    clock: Clock,
    database: RwLock<Option<Database>>,
    writes: AtomicU32,
}

impl RedbCache {
    /// The file at `path`. The first use makes it, in a folder that exists.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            clock: Clock::system(),
            database: RwLock::default(),
            writes: AtomicU32::new(0),
        }
    }

    /// Takes the time from `clock`.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Calls `work` with the database, which is opened where it is not.
    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T>) -> Result<T> {
        loop {
            if let Some(database) = &*self.database.read().unwrap_or_else(PoisonError::into_inner) {
                return work(database);
            }
            let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
            if database.is_none() {
                *database = Some(Database::create(&self.path).map_err(|e| self.failed(e))?);
            }
        }
    }

    /// Calls `work` with the entries, in a transaction that is dropped where `work` fails.
    fn change<T>(&self, work: impl FnOnce(&mut Table<'_, &str, Row<'static>>) -> Result<T>) -> Result<T> {
        let sync = self.writes.fetch_add(1, Ordering::Relaxed) % WRITES_PER_SYNC == WRITES_PER_SYNC - 1;
        self.with(|database| {
            let mut transaction = database.begin_write().map_err(|e| self.failed(e))?;
            if !sync {
                transaction.set_durability(Durability::None).map_err(|e| self.failed(e))?;
            }
            let mut entries = transaction.open_table(ENTRIES).map_err(|e| self.failed(e))?;
            let result = work(&mut entries)?;
            drop(entries);
            transaction.commit().map_err(|e| self.failed(e))?;
            Ok(result)
        })
    }

    /// The live row of `key`, as `read` sees it.
    fn live<T>(
        &self,
        entries: &impl ReadableTable<&'static str, Row<'static>>,
        key: Key<'_>,
        read: impl FnOnce(Row<'_>) -> Option<T>,
    ) -> Result<Option<T>> {
        let row = entries.get(key.as_str()).map_err(|e| self.failed(e))?;
        Ok(row.and_then(|row| if self.is_live(row.value().0) { read(row.value()) } else { None }))
    }

    fn is_live(&self, deadline: Option<i64>) -> bool {
        deadline.is_none_or(|deadline| self.clock.wall_us() < deadline)
    }

    fn deadline(&self, expiry: Expiry) -> Option<i64> {
        expiry.deadline_us(self.clock.wall_us())
    }

    fn put(
        &self,
        entries: &mut Table<'_, &str, Row<'static>>,
        key: Key<'_>,
        value: &Payload,
        deadline: Option<i64>,
    ) -> Result<()> {
        let (kind, codec) = value.tags();
        let number;
        let data = match value {
            Payload::Int(n) => {
                number = n.to_le_bytes();
                &number[..]
            }
            other => other.bytes(),
        };
        entries.insert(key.as_str(), (deadline, kind as u8, codec.0, data)).map_err(|e| self.failed(e))?;
        Ok(())
    }

    /// Which of the cache's errors an error of redb is. It names the file, and no key.
    fn failed(&self, error: impl Into<redb::Error>) -> Error {
        let error = error.into();
        let path = self.path.display();
        match error {
            redb::Error::DatabaseAlreadyOpen => {
                Error::unavailable(format!("{path} is open in another process, or twice in this one"))
            }
            other => Error::storage(format!("redb failed on {path}")).with_source(other),
        }
    }
}

/// The payload in a row; `None` where it is damaged.
fn payload((_, kind, codec, data): Row<'_>) -> Option<Payload> {
    match kind {
        INT => Some(Payload::Int(i64::from_le_bytes(data.try_into().ok()?))),
        _ => Payload::from_parts(kind, codec, Bytes::copy_from_slice(data)),
    }
}

/// A row that outlives its transaction.
fn owned((deadline, kind, codec, data): Row<'_>) -> Option<(Option<i64>, u8, u8, Vec<u8>)> {
    Some((deadline, kind, codec, data.to_vec()))
}

impl BaseCache for RedbCache {
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        self.with(|database| {
            let transaction = database.begin_read().map_err(|e| self.failed(e))?;
            match transaction.open_table(ENTRIES) {
                Ok(entries) => self.live(&entries, key, payload),
                // Nothing was written yet.
                Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
                Err(e) => Err(self.failed(e)),
            }
        })
    }

    fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        let deadline = self.deadline(expiry);
        self.change(|entries| self.put(entries, key, &value, deadline))
    }

    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        self.change(|entries| {
            let absent = self.live(entries, key, |_| Some(()))?.is_none();
            if absent {
                self.put(entries, key, &value, self.deadline(expiry))?;
            }
            Ok(absent)
        })
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        self.change(|entries| {
            let Some((_, kind, codec, data)) = self.live(entries, key, owned)? else { return Ok(false) };
            let row = (self.deadline(expiry), kind, codec, &*data);
            entries.insert(key.as_str(), row).map_err(|e| self.failed(e))?;
            Ok(true)
        })
    }

    fn delete(&self, key: Key<'_>) -> Result<bool> {
        self.change(|entries| {
            let removed = entries.remove(key.as_str()).map_err(|e| self.failed(e))?;
            Ok(removed.is_some_and(|row| self.is_live(row.value().0)))
        })
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        self.change(|entries| {
            let found = self.live(entries, key, |row| Some((row.0, payload(row)?)))?;
            let (deadline, value) = found.ok_or_else(|| Error::key_not_found(key.as_str()))?;
            let Payload::Int(number) = value else { return Err(Error::not_an_integer(key.as_str())) };
            let sum = number.checked_add(delta).ok_or_else(|| Error::overflow(key.as_str()))?;
            self.put(entries, key, &Payload::Int(sum), deadline)?;
            Ok(sum)
        })
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        self.change(|entries| {
            let Some((deadline, kind, codec, data)) = self.live(entries, from, owned)? else {
                return Ok(false);
            };
            entries.insert(to.as_str(), (deadline, kind, codec, &*data)).map_err(|e| self.failed(e))?;
            entries.remove(from.as_str()).map_err(|e| self.failed(e))?;
            Ok(true)
        })
    }

    fn clear(&self) -> Result<()> {
        self.change(|entries| entries.retain(|_, _| false).map_err(|e| self.failed(e)))
    }

    /// Counts what has expired too.
    fn entries(&self) -> Result<Option<u64>> {
        self.change(|entries| Ok(Some(entries.len().map_err(|e| self.failed(e))?)))
    }

    fn purge_expired(&self) -> Result<Option<u64>> {
        self.change(|entries| {
            let before = entries.len().map_err(|e| self.failed(e))?;
            entries.retain(|_, row| self.is_live(row.0)).map_err(|e| self.failed(e))?;
            let after = entries.len().map_err(|e| self.failed(e))?;
            Ok(Some(before - after))
        })
    }

    fn close(&self) -> Result<()> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = database.take() {
            // Nothing changes; but this transaction reaches the disk, and with it all before it.
            open.begin_write().map_err(|e| self.failed(e))?.commit().map_err(|e| self.failed(e))?;
        }
        Ok(())
    }

    fn capabilities(&self) -> Capabilities {
        // A deadline is in whole microseconds: rounded up, so that nothing is gone early.
        Capabilities::DEFAULT.with_persistent(true).with_ttl_resolution(Duration::from_micros(2))
    }
}

/// A cache that is dropped is closed first.
impl Drop for RedbCache {
    fn drop(&mut self) {
        self.close().ok();
    }
}

impl fmt::Debug for RedbCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbCache").field("path", &self.path).finish_non_exhaustive()
    }
}
