//! The file backend of the cache framework: one directory, shared by processes.
//!
//! ```
//! use std::time::Duration;
//! use cache_core::Cache;
//! use cache_file::FileCache;
//!
//! # let dir = tempfile::tempdir()?;
//! # let dir = dir.path().join("cache");
//! let cache = Cache::new(FileCache::builder(&dir).max_entries(10_000).build()?);
//! cache.set("user:1", "Ada", Duration::from_secs(300))?;
//! assert_eq!(cache.get::<String>("user:1")?.as_deref(), Some("Ada"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - **Whole values.** An entry is the old or the new one at every moment, also when the writer
//!   is killed. Nothing is synced to the disk: after a power cut the newest entries may be gone
//!   or damaged, and a damaged entry is a miss.
//! - **Atomic between processes.** `add`, `incr`, `touch` and `rename` exclude each other by
//!   `flock`. Reads take no lock.
//! - **An exact bound.** At most `max_entries` entries at every moment, in all processes, but for
//!   the instant in which `incr_version` has an entry of a full store under both keys.
//!   A write costs the same with many entries as with few.
//! - **Its own files only.** Directories are made with mode 0700 and files with 0600. Symbolic
//!   links, FIFOs and the like are never followed or opened for long, and files of others in the
//!   directory are left alone.
//!
//! Unix only. The directory must be on a file system with `flock` between all its users: a local
//! one, not a network share. Deadlines are by the wall clock: setting it back by an hour lets
//! entries live an hour longer.

mod cull;
mod entry;
mod fs;
mod info;
mod layout;
mod lock;
mod options;
mod read;
#[cfg(feature = "settings")]
mod settings;
mod shard;
mod state;
mod store;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cache_core::{AsyncWay, BaseCache, Capabilities, Culling, Expiry, Info, Key, Payload, Result};

use crate::read::Depth;
use crate::store::Store;

pub use cull::Swept;
pub use options::FileOptions;

/// A cache in a directory. Clones share what they know of it; any number of handles, in any
/// number of processes, share the directory itself.
#[derive(Clone, Debug)]
pub struct FileCache {
    store: Arc<Store>,
}

impl FileCache {
    /// A cache in `dir` with Django's limits: 300 entries, of which a third goes when it is full.
    ///
    /// No I/O: the first write makes the directory, parents included, and refuses one that is a
    /// symbolic link or writable for other users.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self::from_parts(Self::builder(dir), Culling::DEFAULT)
    }

    /// Other settings than the defaults.
    #[must_use]
    pub fn builder(dir: impl Into<PathBuf>) -> FileOptions {
        FileOptions::new(dir.into())
    }

    fn from_parts(options: FileOptions, culling: Culling) -> Self {
        let FileOptions { dir, clock, lock_timeout, .. } = options;
        Self { store: Arc::new(Store::new(dir, culling, clock, lock_timeout)) }
    }

    /// The directory, as an absolute path.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.store.dir
    }

    /// Removes everything that has expired or is damaged, and the temporary files of killed
    /// writers, and counts what stays. Reads every file, one subdirectory at a time.
    ///
    /// Nobody has to call it: writes sweep as they go.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](cache_core::ErrorKind::Storage) or
    /// [`ErrorKind::Unavailable`](cache_core::ErrorKind::Unavailable); part of it may be done then.
    pub fn sweep(&self) -> Result<Swept> {
        self.store.sweep()
    }
}

impl BaseCache for FileCache {
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        Ok(self.store.find(key, Depth::Whole)?.map(|found| found.payload))
    }

    fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        self.store.put(key, &value, expiry, false).map(drop)
    }

    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        self.store.put(key, &value, expiry, true)
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        self.store.touch(key, expiry)
    }

    fn delete(&self, key: Key<'_>) -> Result<bool> {
        self.store.delete(key)
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        self.store.incr(key, delta)
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        self.store.rename(from, to)
    }

    fn clear(&self) -> Result<()> {
        self.store.clear()
    }

    /// Reads up to 64 KiB: of a larger entry the header and the key only.
    fn has_key(&self, key: Key<'_>) -> Result<bool> {
        Ok(self.store.find(key, Depth::Head)?.is_some())
    }

    fn close(&self) -> Result<()> {
        self.store.forget_location();
        Ok(())
    }

    /// From the state file: the cost does not depend on the number.
    fn entries(&self) -> Result<Option<u64>> {
        self.store.entries().map(Some)
    }

    fn ping(&self) -> Result<()> {
        self.store.ping()
    }

    /// The bytes are those of the entries' files, all of which are looked at.
    fn info(&self) -> Result<Info> {
        let info = Info {
            entries: Some(self.store.entries()?),
            max_entries: self.store.culling.limit(),
            bytes: Some(self.store.bytes()?),
            ..Info::default()
        };
        Ok(info.with("directory", self.dir().display().to_string()))
    }

    /// [`FileCache::sweep`]. Damaged entries are counted too.
    fn purge_expired(&self) -> Result<Option<u64>> {
        let swept = self.sweep()?;
        Ok(Some(swept.expired + swept.damaged))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            persistent: true,
            cross_process: true,
            evicting: self.store.culling.limit().is_some(),
            // A deadline in milliseconds, rounded up, of a clock that was rounded down.
            ttl_resolution: Duration::from_millis(3),
            ..Capabilities::DEFAULT
        }
    }

    fn as_async(&self) -> AsyncWay<'_> {
        AsyncWay::ThreadPool
    }
}
