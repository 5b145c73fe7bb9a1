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
//! - **Nothing has to be set up.** The first use makes the missing directories (mode 0700), the
//!   file (mode 0600, and so its `-wal` and `-shm`) and the table.
//!   [`DatabaseCache::create_table`] does it beforehand, or only says the SQL.
//! - **Several caches can share a file**, each with its own table. SQLite compares the names of
//!   tables without regard to ASCII case: `Sessions` and `sessions` are one cache.
//! - **At most `max_entries` rows** (300, as Django) at every moment and for everybody. When a new
//!   key finds the table full, expired rows go first, then the oldest inserted.
//! - **Deadlines are wall-clock milliseconds**: a step of the machine's clock moves them all.
//! - **A write waits for other writers** up to [`DatabaseOptions::busy_timeout`], and then is
//!   [`ErrorKind::Unavailable`](cache_core::ErrorKind::Unavailable): it never silently stores nothing.
//! - **A crash loses no more than the last writes** and never tears an entry. After a loss of power
//!   the last writes may be missing, and the file is intact (WAL with `synchronous = NORMAL`).
//! - The file belongs on a local disk: SQLite's WAL cannot be shared over a network. A process that
//!   forks must not use the same handle on both sides.
//!
//! Removing the file while it is in use is safe for this crate's own handles, which then start
//! anew. Do not truncate it or copy another file over it while it is in use.

mod cull;
mod errors;
mod open;
mod ops;
mod options;
mod pool;
mod schema;
#[cfg(feature = "settings")]
mod settings;
mod store;

pub use options::{DEFAULT_TABLE, DatabaseOptions};
pub use store::DatabaseCache;
