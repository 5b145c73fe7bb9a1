//! [`Layout`], and [`Table`]: the one place where calls part by it.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{Capabilities, Codec, Culling, Expiry, Key, Payload, Result as CoreResult};
use rusqlite::Connection;

use crate::errors::Fault;
use crate::ops::{Ops, Put};
use crate::options::Settings;
use crate::schema::Sql;

#[cfg(feature = "django")]
use crate::django;

/// What the rows of a cache's table look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// This crate's own.
    #[default]
    Own,
    /// Django's `DatabaseCache`: a Django application uses the same table. Feature `django`.
    ///
    /// The columns are `cache_key`, `value` (a pickle in base64) and `expires` (a second in UTC),
    /// as Django's `createcachetable` makes them, and the cache's codec is
    /// [`cache_pickle::Pickle`]. **Who can write such a table can run code in the Django
    /// application.** See [the crate's page](crate#sharing-a-table-with-django).
    #[cfg(feature = "django")]
    Django,
}

/// The table of a cache.
#[derive(Debug)]
pub(crate) enum Table {
    Own(Box<Sql>),
    #[cfg(feature = "django")]
    Django(Box<django::Table>),
}

/// What a reader makes of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen<T = Payload> {
    /// No row, or one that has expired.
    Absent,
    /// Not what was stored under this key.
    Damaged,
    Live(T),
}

/// What a cache does on one connection. Each call reads the clock itself, so that an attempt after
/// a wait knows the new time.
pub(crate) trait Operations {
    fn get(&self, key: Key<'_>) -> Result<Seen, Fault>;

    fn has(&self, key: Key<'_>) -> Result<bool, Fault>;

    /// Whether there is a value that an `add` gives way to.
    fn is_taken(&self, key: Key<'_>) -> Result<bool, Fault>;

    /// All of `keys` as they are at one moment.
    fn get_many(&self, keys: &[Key<'_>]) -> Result<Vec<Seen>, Fault>;

    /// Stores. False: `put` is `Add` and a live entry is there.
    fn put(&self, put: Put, key: Key<'_>, value: &Payload, expiry: Expiry) -> Result<bool, Fault>;

    /// Stores all of `entries` in one transaction; returns the places of those too large.
    fn set_many(&self, entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Result<Vec<usize>, Fault>;

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool, Fault>;

    /// Removes the row, expired or not; true if it was live.
    fn remove(&self, key: Key<'_>) -> Result<bool, Fault>;

    /// Removes the row if it is damaged; true if it did.
    fn remove_damaged(&self, key: Key<'_>) -> Result<bool, Fault>;

    fn delete_many(&self, keys: &[Key<'_>]) -> Result<(), Fault>;

    /// The sum; the inner error says why there is none. `None`: the entry changed in between.
    fn incr(&self, key: Key<'_>, delta: i64) -> Result<Option<CoreResult<i64>>, Fault>;

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool, Fault>;

    fn clear(&self) -> Result<(), Fault>;

    /// How many entries there are.
    fn entries(&self) -> Result<u64, Fault>;

    /// How many entries went to make room; `None` where nothing knows.
    fn evictions(&self) -> Result<Option<u64>, Fault>;

    /// The limits that a new entry would find.
    fn limits(&self) -> Result<Culling, Fault>;

    /// Has the table remember these limits, where it can.
    fn remember_limits(&self, limits: Culling) -> Result<(), Fault>;

    /// Removes expired rows, a share of them in a transaction. Returns how many went, and whence to
    /// go on; `None` after the last.
    fn purge(&self, from: i64) -> Result<(u64, Option<i64>), Fault>;

    /// Makes what is missing of the schema, all of it or nothing.
    fn ensure(&self) -> Result<(), Fault>;

    /// The size of the database file in bytes.
    fn bytes(&self) -> Result<u64, Fault>;
}

impl Table {
    pub(crate) fn new(layout: Layout, name: &str) -> Self {
        match layout {
            Layout::Own => Self::Own(Box::new(Sql::new(name))),
            #[cfg(feature = "django")]
            Layout::Django => Self::Django(Box::new(django::Table::new(name))),
        }
    }

    /// Calls `work` with the operations of this table on `conn`.
    pub(crate) fn with<T>(
        &self,
        conn: &Connection,
        settings: &Settings,
        work: impl FnOnce(&dyn Operations) -> T,
    ) -> T {
        match self {
            Self::Own(sql) => work(&Ops { conn, sql, settings }),
            #[cfg(feature = "django")]
            Self::Django(table) => work(&django::Ops { conn, table, settings }),
        }
    }

    /// Makes a new connection ready, and with `create` the schema where it is missing; false where it is
    /// missing still. `is_new`: this process has just made the file.
    #[cfg_attr(not(feature = "django"), allow(unused_variables, reason = "the other layout asks"))]
    pub(crate) fn prepare(&self, conn: &Connection, is_new: bool, create: bool) -> Result<bool, Fault> {
        match self {
            Self::Own(sql) => crate::open::prepare_own(conn, sql, create),
            #[cfg(feature = "django")]
            Self::Django(table) => table.prepare(conn, is_new, create),
        }
    }

    /// The SQL that makes the schema.
    pub(crate) fn create(&self) -> Vec<String> {
        match self {
            Self::Own(sql) => sql.create(),
            #[cfg(feature = "django")]
            Self::Django(table) => table.create(),
        }
    }

    /// Whether the database holds this table and nothing else.
    pub(crate) fn is_alone_in(&self, conn: &Connection) -> Result<bool, Fault> {
        match self {
            Self::Own(sql) => crate::empty::has_only(conn, &sql.names()),
            #[cfg(feature = "django")]
            Self::Django(table) => crate::empty::has_only(conn, &table.names()),
        }
    }

    /// The codec that the layout prescribes.
    pub(crate) fn codec(&self) -> Option<Arc<dyn Codec>> {
        match self {
            Self::Own(_) => None,
            #[cfg(feature = "django")]
            Self::Django(_) => Some(Arc::new(cache_pickle::Pickle::default())),
        }
    }

    /// What depends on the layout alone.
    pub(crate) const fn capabilities(&self) -> Capabilities {
        let own = Capabilities {
            persistent: true,
            cross_process: true,
            // Microseconds, rounded up, of a clock that was rounded down.
            ttl_resolution: Duration::from_micros(2),
            ..Capabilities::DEFAULT
        };
        match self {
            Self::Own(_) => own,
            // A deadline is rounded up to the second.
            #[cfg(feature = "django")]
            Self::Django(_) => {
                Capabilities { ttl_resolution: Duration::from_millis(1_002), keeps_kinds: false, ..own }
            }
        }
    }

    /// The longest value in bytes, as far as SQLite's longest row is the limit.
    pub(crate) const fn longest_value(&self) -> usize {
        /// SQLite's longest row in bytes, key included.
        const LONGEST_ROW: usize = 1_000_000_000;
        match self {
            Self::Own(_) => LONGEST_ROW,
            // Base64 writes three bytes as four.
            #[cfg(feature = "django")]
            Self::Django(_) => LONGEST_ROW / 4 * 3,
        }
    }
}
