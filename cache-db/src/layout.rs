//! [`Layout`], and [`Table`]: what a cache does with its table, whatever its layout.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use cache_core::{Capabilities, Codec, Culling, Expiry, Key, Payload, Result as CoreResult};
use rusqlite::Connection;

use crate::error::SqlResult;
use crate::sql::Session;

/// What the rows of a cache's table look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// This crate's own.
    #[default]
    Native,
    /// Django's `DatabaseCache`: a Django application uses the same table. Feature `django`.
    ///
    /// The columns are `cache_key`, `value` (a pickle in base64) and `expires` (a second in UTC),
    /// as Django's `createcachetable` makes them, and the cache's codec is
    /// [`cache_pickle::Pickle`]. **Anyone who can write such a table can run code in the Django
    /// application.** See [the crate's page](crate#sharing-a-table-with-django).
    #[cfg(feature = "django")]
    Django,
}

/// The most rows that one step of a cull examines. A table of up to that size is examined as a whole.
pub(crate) const WINDOW: i64 = 1_000;

/// A new row whose number is a multiple of this sweeps: it checks some rows for expired ones.
pub(crate) const SWEEP_EVERY: i64 = 64;

/// How many rows a sweep looks at: four for each new key, so that at most one expired row per three live ones
/// stays behind, however large the table.
pub(crate) const SWEEP_ROWS: i64 = 4 * SWEEP_EVERY;

/// What a read finds under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lookup<T = Payload> {
    /// No row, or one that has expired.
    Absent,
    /// Not what was stored under this key.
    Damaged,
    Live(T),
}

/// Whether a write gives way to a live entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PutMode {
    Set,
    Add,
}

/// An entry to store.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) key: Key<'a>,
    pub(crate) value: &'a Payload,
    pub(crate) expiry: Expiry,
}

/// The table of a cache in one layout. Each operation reads the clock itself, so that an attempt after
/// a wait knows the new time.
pub(crate) trait Table: Debug + Send + Sync {
    /// The names of the table and what belongs to it.
    fn names(&self) -> Vec<&str>;

    /// The SQL that makes the schema.
    fn create_sql(&self) -> &[String];

    /// The codec that the layout prescribes.
    fn codec(&self) -> Option<Arc<dyn Codec>> {
        None
    }

    /// What depends on the layout alone.
    fn capabilities(&self) -> Capabilities {
        Capabilities::DEFAULT
            .with_persistent(true)
            .with_cross_process(true)
            // Microseconds, rounded up, of a clock that was rounded down.
            .with_ttl_resolution(Duration::from_micros(2))
    }

    /// The longest value in bytes, as far as SQLite's longest row is the limit.
    fn longest_value(&self) -> usize;

    /// Prepares a connection, and with `create` creates the missing parts of the schema, all of them or none.
    /// Returns false if something is still missing. `is_new`: this process has just created the file.
    fn prepare(&self, conn: &Connection, is_new: bool, create: bool) -> SqlResult<bool>;

    fn get(&self, db: Session<'_>, key: Key<'_>) -> SqlResult<Lookup>;

    fn has(&self, db: Session<'_>, key: Key<'_>) -> SqlResult<bool>;

    /// Whether a value exists that an `add` gives way to.
    fn is_taken(&self, db: Session<'_>, key: Key<'_>) -> SqlResult<bool>;

    /// Reads all of `keys` as they are at one moment.
    fn get_many(&self, db: Session<'_>, keys: &[Key<'_>]) -> SqlResult<Vec<Lookup>>;

    /// Stores an entry. Returns false if `mode` is `Add` and a live entry exists.
    fn put(&self, db: Session<'_>, mode: PutMode, entry: Entry<'_>) -> SqlResult<bool>;

    /// Stores all of `entries` in one transaction. Returns the indexes of the entries that are too large.
    fn set_many(
        &self,
        db: Session<'_>,
        entries: &[(Key<'_>, Payload)],
        expiry: Expiry,
    ) -> SqlResult<Vec<usize>>;

    fn touch(&self, db: Session<'_>, key: Key<'_>, expiry: Expiry) -> SqlResult<bool>;

    /// Removes the row, expired or not. Returns whether it was live.
    fn remove(&self, db: Session<'_>, key: Key<'_>) -> SqlResult<bool>;

    /// Removes the row if it is damaged. Returns whether it was.
    fn remove_damaged(&self, db: Session<'_>, key: Key<'_>) -> SqlResult<bool>;

    fn delete_many(&self, db: Session<'_>, keys: &[Key<'_>]) -> SqlResult<()>;

    /// Returns the sum; the inner error says why the value cannot be counted. `None`: the entry changed in
    /// between.
    fn incr(&self, db: Session<'_>, key: Key<'_>, delta: i64) -> SqlResult<Option<CoreResult<i64>>>;

    fn rename(&self, db: Session<'_>, from: Key<'_>, to: Key<'_>) -> SqlResult<bool>;

    fn clear(&self, db: Session<'_>) -> SqlResult<()>;

    /// Frees the room that the layout keeps back for a full disk. Returns false if it keeps none: the file then
    /// belongs to this crate alone and can be created again.
    fn free_ballast(&self, _db: Session<'_>) -> SqlResult<bool> {
        Ok(false)
    }

    /// Counts the entries.
    fn entries(&self, db: Session<'_>) -> SqlResult<u64>;

    /// How many entries were evicted; `None` if that is not recorded.
    fn evictions(&self, db: Session<'_>) -> SqlResult<Option<u64>>;

    /// The limits that a new entry would find.
    fn limits(&self, db: Session<'_>) -> SqlResult<Culling>;

    /// The limits that the table remembers.
    fn remembered_limits(&self, _db: Session<'_>) -> SqlResult<Option<Culling>> {
        Ok(None)
    }

    /// Makes the table remember `limits`, where it can.
    fn remember_limits(&self, _db: Session<'_>, _limits: Culling) -> SqlResult<()> {
        Ok(())
    }

    /// Removes expired rows, up to [`WINDOW`] in one transaction. Returns how many went, and where to
    /// go on; `None` after the last.
    fn purge(&self, db: Session<'_>, from: i64) -> SqlResult<(u64, Option<i64>)>;
}
