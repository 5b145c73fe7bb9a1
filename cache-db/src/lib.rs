//! The SQLite backend of the cache framework: one table of one database file, shared by any
//! number of threads and processes.
//!
//! ```no_run
//! use std::time::Duration;
//! use cache_core::Cache;
//! use cache_db::DatabaseCache;
//!
//! let cache = Cache::new(DatabaseCache::new("/var/cache/app/cache.db", "cache")?);
//! cache.set("user:1", "Ada", Duration::from_secs(300))?;
//! let name: Option<String> = cache.get("user:1")?;
//! # Ok::<(), cache_core::Error>(())
//! ```
//!
//! # What to know
//!
//! - **No setup is needed.** The first write creates the missing directories (mode 0700), the file (mode 0600,
//!   and so its `-wal` and `-shm`) and the table. [`DatabaseCache::create_table`] does it beforehand, or only
//!   returns the SQL. Until then reads and removals find nothing and create nothing, and `ping` returns
//!   [`Presence::NotYet`](cache_core::Presence::NotYet).
//! - **Only this user and root.** The file, the files that SQLite has beside it and every directory on the way belong to
//!   this user or root, and nobody else may write there, by the [rule of `cache-fs`](cache_fs#the-rule).
//!   Otherwise every call fails with
//!   [`ErrorKind::InvalidCacheBackend`](cache_core::ErrorKind::InvalidCacheBackend). What root makes in the directory of
//!   another user belongs to that user. A database that Django makes and uses as another user needs
//!   [`DatabaseCacheBuilder::trusted_group`].
//! - **After `fork` the database is the parent's.** In a child every call on a file that the parent had open fails with
//!   [`ErrorKind::Rejected`](cache_core::ErrorKind::Rejected), whatever the handle: SQLite would use the file without
//!   locks. Close the cache before the fork (`Cache::close`), or use it only afterwards; then both sides go on.
//! - **Several caches can share a file**, each with its own table. SQLite ignores the case of ASCII letters in
//!   names of tables: `Sessions` and `sessions` are one cache.
//! - **At most `max_entries` rows** (300, as in Django), at every moment and for all handles together. When a new
//!   key finds the table full, expired rows are removed first, then the oldest inserted.
//! - **The table remembers its limits.** A handle that names none adopts them, so that a tool or a second
//!   service never shrinks a cache to Django's 300. A handle that names others changes them with its first
//!   new entry, for all who have the table open. [`Info`](cache_core::Info) shows the limits, and how many rows they
//!   evicted. A lower limit empties the table step by step: until it holds, each new key removes more rows than it
//!   adds, 1,000 at most.
//! - **Deadlines are wall-clock microseconds**: a step of the machine's clock moves them all.
//! - **A write waits for other writers** up to [`DatabaseCacheBuilder::busy_timeout`], and then fails with
//!   [`ErrorKind::Unavailable`](cache_core::ErrorKind::Unavailable): it never silently stores nothing.
//! - **Damaged data is a miss**: each row has a checksum, bound to its key. A `get` that finds a damaged row
//!   logs a warning (target `cache_db`) and removes the row.
//! - **A crash loses no more than the last writes** and never tears an entry. After a loss of power
//!   the last writes may be missing, and the file is intact (WAL with `synchronous = NORMAL`).
//! - The file belongs on a local disk: SQLite's WAL cannot be shared over a network.
//!
//! The file can be removed while it is in use: this crate's own handles then make a new one. Do not truncate it or
//! copy another file over it while it is in use.
//!
//! # Sharing a table with Django
//!
//! With the feature `django`, `DatabaseCacheBuilder::layout(Layout::Django)` reads and writes the table
//! of Django's `DatabaseCache`, in a database of its own or in the application's.
//!
//! - **A Python reader executes what it unpickles**: anyone who can write to the table can run code in the
//!   Django application.
//! - **Only rows change.** An existing database keeps its journal mode and all its other
//!   settings, and gets no trigger and no second table. A missing table is made
//!   as `createcachetable` makes it. A file that this crate makes has a write-ahead log, and mode
//!   0600: where Django runs as another user, let Django make the file, and pass a group of both to
//!   [`DatabaseCacheBuilder::trusted_group`].
//! - **Times are UTC**: Django's `USE_TZ = True`, its default, and no `TIME_ZONE` for the database.
//! - **Deadlines are whole seconds**, rounded up here and down by Django: an entry lives up to a
//!   second longer than asked for, and never shorter.
//! - **Values are pickles**: the cache's codec is `cache_pickle::Pickle`, and no other works. A value that
//!   is not base64 is a miss, and is removed as damaged.
//! - **A value that this crate wrote has a checksum**, which Python ignores. A damaged one is a miss. A value that
//!   Django wrote has none, and no expiry has one.
//! - **`add`, `incr` and `incr_version` are atomic** among the writers of this crate. Django's own
//!   `incr` is a get and a set, and loses what others add in between.
//! - **At most `max_entries` rows, as far as this crate writes**: Django goes by its own limit. Every new key
//!   counts the rows, as in Django. Above a limit of 512 a handle counts again only after a 64th of the limit
//!   in new keys of its own, and each of several handles may exceed the limit by that. Then expired rows are
//!   removed first, and then the oldest inserted; Django instead goes by the order of the keys. Such a table
//!   remembers no limit: a handle that names none has 300, unless it is built with
//!   [`DatabaseCacheBuilder::no_default_limit`].
//! - **Every write is one transaction.** In a database without a write-ahead log it waits for
//!   readers too, and reaches the disk before it returns.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backend;
mod builder;
mod clear;
mod config;
mod connection;
mod database_file;
mod deadline;
#[cfg(feature = "django")]
mod django;
mod error;
mod fork_guard;
mod layout;
mod native;
mod path_watcher;
mod pool;
mod queue;
#[cfg(feature = "settings")]
mod settings;
mod sql;
mod store;
mod sync;

pub use backend::DatabaseCache;
pub use builder::{DEFAULT_TABLE, DatabaseCacheBuilder};
pub use layout::Layout;
