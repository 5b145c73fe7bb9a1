//! [`FileCacheBuilder`]: the settings of a file cache.

use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cache_core::{Clock, Culling, Error, NamedLimits, Result, refuse_url};

use crate::backend::FileCache;
#[cfg(feature = "django")]
use crate::django::DjangoStore;
use crate::layout::{Layout, Store};
use crate::native::{Limits, NativeStore};

/// Builds a [`FileCache`].
///
/// ```
/// use cache_file::FileCache;
///
/// let backend = FileCache::builder("/var/cache/app/files").max_entries(10_000).cull_frequency(4).build()?;
/// # Ok::<(), cache_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct FileCacheBuilder {
    dir: PathBuf,
    limits: NamedLimits,
    has_default_limit: bool,
    clock: Clock,
    lock_timeout: Duration,
    layout: Layout,
    #[cfg(feature = "django")]
    max_inflated: usize,
    /// What is wrong with the given directory. `dir` is then empty, since it may hold a password.
    problem: Option<String>,
}

/// A wait beyond a day is a hang.
const LONGEST_LOCK_TIMEOUT: Duration = Duration::from_secs(86_400);

/// 64 MiB.
#[cfg(feature = "django")]
const DEFAULT_MAX_INFLATED: usize = 64 << 20;

impl FileCache {
    /// Opens a cache in `dir` with the limits that it remembers. A new one gets Django's: 300 entries, and a full
    /// one evicts a third.
    ///
    /// Does no I/O: the first write creates the directory, parents included. It refuses a directory that is a
    /// symbolic link, writable for other users or, unless this process is root's, another user's.
    ///
    /// ```
    /// # use cache_core::Cache;
    /// # use cache_file::FileCache;
    /// let cache = Cache::new(FileCache::new("/var/cache/app/files"));
    /// ```
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self::builder(dir).open(Culling::DEFAULT)
    }

    /// Starts a builder for a cache in `dir`.
    ///
    /// ```
    /// # use cache_core::Cache;
    /// # use cache_file::FileCache;
    /// let backend = FileCache::builder("/var/cache/app/files").max_entries(10_000).build()?;
    /// let cache = Cache::new(backend);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn builder(dir: impl Into<PathBuf>) -> FileCacheBuilder {
        FileCacheBuilder::new(dir.into())
    }
}

impl FileCacheBuilder {
    fn new(dir: PathBuf) -> Self {
        let problem = refuse_url(&dir.to_string_lossy(), "the path of a directory").err();
        let dir = if problem.is_some() { PathBuf::new() } else { dir };
        // A relative directory means the one of now, also after the process has moved elsewhere.
        let dir = std::path::absolute(&dir).unwrap_or(dir);
        Self {
            dir,
            limits: NamedLimits::NONE,
            has_default_limit: true,
            clock: Clock::system(),
            lock_timeout: Duration::from_secs(5),
            layout: Layout::default(),
            #[cfg(feature = "django")]
            max_inflated: DEFAULT_MAX_INFLATED,
            problem: problem.map(|problem| problem.to_string()),
        }
    }

    /// Limits the number of entries at any moment, in all processes, as Django's `MAX_ENTRIES`. If no handle names a
    /// limit, it is 300.
    ///
    /// The store remembers it ([`Layout::Native`]): a handle that names none adopts it, and one that names another
    /// changes it with its first new entry, for all handles. If the store holds more entries than that, each new
    /// one removes more than it adds, until the limit holds.
    ///
    /// The handle that creates the directory also decides how many subdirectories it has: one up to 512
    /// entries, else about one per 256 entries. Handles that open it later with another limit keep that
    /// division; it is efficient while the limit is not many times larger.
    ///
    /// In [`Layout::Django`] a single directory holds all entries, and Django's own writers cull by their
    /// limit: give both sides the same. A limit above 512 is counted only now and then, and in between each
    /// program counts just its own writes. Culling reads the beginning of every file while other writers
    /// wait.
    ///
    /// ```
    /// # use cache_file::FileCache;
    /// let backend = FileCache::builder("/var/cache/app/files").max_entries(100_000).build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn max_entries(mut self, max_entries: u64) -> Self {
        self.limits = self.limits.max_entries(max_entries);
        self
    }

    /// Removes the limit on the number of entries. Expired entries are still removed as new ones come. The store
    /// remembers this, as it remembers a limit.
    ///
    /// ```
    /// # use cache_file::FileCache;
    /// let backend = FileCache::builder("/var/cache/app/files").unlimited().build()?; // lifetimes alone bound it
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn unlimited(mut self) -> Self {
        self.limits = self.limits.unlimited();
        self
    }

    /// Removes one in this many entries when a new key finds the store full and nothing in it has expired, as
    /// Django's `CULL_FREQUENCY`; 0 means all of them. If no handle names it, it is 3. The store remembers it too.
    ///
    /// ```
    /// # use cache_file::FileCache;
    /// // A full cache loses a tenth of its entries.
    /// let backend = FileCache::builder("/var/cache/app/files").cull_frequency(10).build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn cull_frequency(mut self, cull_frequency: u32) -> Self {
        self.limits = self.limits.cull_frequency(cull_frequency);
        self
    }

    /// Evicts nothing if neither this handle nor the store names a limit: for tools that look into the caches of
    /// others. In [`Layout::Django`] the cache is then [`unlimited`](Self::unlimited). A store of [`Layout::Native`]
    /// that such a handle creates remembers no limit, and takes that of the first other handle.
    ///
    /// ```
    /// # use cache_core::Cache;
    /// # use cache_file::FileCache;
    /// let backend = FileCache::builder("/var/cache/app/files").no_default_limit().build()?;
    /// let cache = Cache::new(backend); // of an operator's tool, which does not know the service's limit
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn no_default_limit(mut self) -> Self {
        self.has_default_limit = false;
        self
    }

    /// Takes the time from `clock`. Default: the machine's clock. Deadlines are wall-clock time.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_core::Clock;
    /// # use cache_file::FileCache;
    /// let (clock, hands) = Clock::manual();
    /// let backend = FileCache::builder("/var/cache/app/files").clock(clock).build()?;
    /// hands.advance(Duration::from_secs(60)); // entries of a minute have expired for this handle
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Limits how long a call waits for other writers of the same subdirectory, before it fails with
    /// [`ErrorKind::Unavailable`](cache_core::ErrorKind::Unavailable). Default: 5 seconds; at most a day. Reads
    /// wait only for a writer that changes the entry in place, as Django's `touch` does in [`Layout::Django`].
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_file::FileCache;
    /// let backend = FileCache::builder("/var/cache/app/files").lock_timeout(Duration::from_millis(500)).build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn lock_timeout(mut self, lock_timeout: Duration) -> Self {
        self.lock_timeout = lock_timeout;
        self
    }

    /// Chooses how entries are laid out in the directory. Default: [`Layout::Native`].
    ///
    /// ```
    /// # use cache_file::{FileCache, Layout};
    /// // This crate's own, or `Layout::Django`.
    /// let backend = FileCache::builder("/var/cache/app/files").layout(Layout::Native).build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// Limits the bytes of a pickled value in [`Layout::Django`], where values are compressed. `set` refuses a
    /// larger one, and `get` and `touch` fail on one that Django wrote. Default: 64 MiB.
    ///
    /// ```
    /// # use cache_file::{FileCache, Layout};
    /// let backend = FileCache::builder("/var/cache/app/files")
    ///     .layout(Layout::Django)
    ///     .max_inflated(1 << 20) // refuses values of more than 1 MiB
    ///     .build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[cfg(feature = "django")]
    #[must_use]
    pub const fn max_inflated(mut self, bytes: usize) -> Self {
        self.max_inflated = bytes;
        self
    }

    fn culling(&self) -> Result<Culling> {
        let default = if self.has_default_limit { Culling::DEFAULT } else { Culling::DEFAULT.unlimited() };
        self.limits.over(default)
    }

    /// Makes the backend. Does no I/O: the first write makes the directory.
    ///
    /// ```
    /// # use cache_core::ErrorKind;
    /// # use cache_file::FileCache;
    /// let backend = FileCache::builder("/var/cache/app/files").build()?;
    /// let error = FileCache::builder("").build().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidCacheBackend);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheBackend`](cache_core::ErrorKind::InvalidCacheBackend) for
    /// `max_entries` 0, and for a directory whose path is empty or has a NUL byte.
    pub fn build(mut self) -> Result<FileCache> {
        self.lock_timeout = self.lock_timeout.min(LONGEST_LOCK_TIMEOUT);
        if let Some(problem) = self.problem {
            return Err(Error::invalid_cache_backend(problem));
        }
        let path = self.dir.as_os_str();
        if path.is_empty() {
            return Err(Error::invalid_cache_backend("the cache directory is an empty path: name one"));
        }
        if path.as_bytes().contains(&0) {
            return Err(Error::invalid_cache_backend(format!(
                "the cache directory {path:?} has a NUL byte, which no path can have"
            )));
        }
        let culling = self.culling()?;
        Ok(self.open(culling))
    }

    #[cfg_attr(not(feature = "django"), allow(unused_variables, reason = "the other layout asks"))]
    fn open(self, culling: Culling) -> FileCache {
        let Self { dir, clock, lock_timeout, .. } = self;
        let store: Arc<dyn Store> = match self.layout {
            Layout::Native => {
                let limits = Limits::new(self.limits, self.has_default_limit);
                Arc::new(NativeStore::new(dir, clock, lock_timeout, limits))
            }
            #[cfg(feature = "django")]
            Layout::Django => {
                Arc::new(DjangoStore::new(dir, clock, lock_timeout, culling, self.max_inflated))
            }
        };
        FileCache::over(store)
    }
}
