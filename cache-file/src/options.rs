//! [`FileOptions`]: the settings of a file cache.

use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::time::Duration;

use cache_core::{Clock, Culling, Error, NamedLimits, Result, refuse_url};

use crate::FileCache;

/// Builds a [`FileCache`].
///
/// ```
/// use cache_file::FileCache;
///
/// let backend = FileCache::builder("/var/cache/app/files").max_entries(10_000).cull_frequency(4).build()?;
/// # Ok::<(), cache_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct FileOptions {
    pub(crate) dir: PathBuf,
    pub(crate) limits: NamedLimits,
    pub(crate) has_default_limit: bool,
    pub(crate) clock: Clock,
    pub(crate) lock_timeout: Duration,
    pub(crate) layout: Layout,
    #[cfg(feature = "django")]
    pub(crate) max_inflated: usize,
    /// What is wrong with the directory that was named: then `dir` is empty, since it may hold a password.
    problem: Option<String>,
}

/// How entries lie in the directory. Handles of different layouts do not see each other's entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// This crate's own: whole keys, checksums, an exact bound at any size.
    #[default]
    Own,
    /// That of Django's `FileBasedCache`, to share the directory with it. See the
    /// [crate's documentation](crate#sharing-a-directory-with-django).
    #[cfg(feature = "django")]
    Django,
}

/// Beyond a day a wait is a hang.
const LONGEST_LOCK_TIMEOUT: Duration = Duration::from_secs(86_400);

/// 64 MiB.
#[cfg(feature = "django")]
const DEFAULT_MAX_INFLATED: usize = 64 << 20;

impl FileOptions {
    pub(crate) fn new(dir: PathBuf) -> Self {
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

    /// Django's `MAX_ENTRIES`: the most entries at any moment, in all processes. Where no handle names it, 300.
    ///
    /// The store remembers it ([`Layout::Own`]): a handle that names none adopts it, and one that names
    /// another changes it with its first new entry, for all handles. Where more entries than that are
    /// there, each new one removes more than it adds, until the limit holds.
    ///
    /// Whoever creates the directory also decides into how many subdirectories it is divided: one
    /// up to 512 entries, else about one per 256 entries. Handles that open it later with another
    /// limit keep that division; it is efficient while the limit is not many times larger.
    ///
    /// In [`Layout::Django`] there is one directory, and Django's own writers cull by their limit:
    /// give both sides the same. A limit above 512 is counted now and then, in between each program
    /// by its own writes; culling reads the beginning of every file while other writers wait.
    #[must_use]
    pub const fn max_entries(mut self, max_entries: u64) -> Self {
        self.limits = self.limits.max_entries(max_entries);
        self
    }

    /// No limit on the number of entries; expired ones are still removed as new ones come. The store
    /// remembers it, as a limit.
    #[must_use]
    pub const fn unlimited(mut self) -> Self {
        self.limits = self.limits.unlimited();
        self
    }

    /// Django's `CULL_FREQUENCY`: one in this many entries goes when a new key finds the store
    /// full and nothing in it has expired; 0 means all of them. Where no handle names it, 3: the store
    /// remembers it too.
    #[must_use]
    pub const fn cull_frequency(mut self, cull_frequency: u32) -> Self {
        self.limits = self.limits.cull_frequency(cull_frequency);
        self
    }

    /// Has a handle that names no limit evict nothing where nothing remembers one: for tools that look into
    /// the caches of others. In [`Layout::Django`] it is then as if [`unlimited`](Self::unlimited); a store of
    /// [`Layout::Own`] that such a handle makes remembers no limit, and takes that of the first other handle.
    #[must_use]
    pub const fn no_default_limit(mut self) -> Self {
        self.has_default_limit = false;
        self
    }

    /// Where the time comes from. Default: the machine's clock. Deadlines are wall-clock time.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How long a call waits for other writers of the same subdirectory before it gives up with
    /// [`ErrorKind::Unavailable`](cache_core::ErrorKind::Unavailable): 5 seconds by default, at most a day. Reads
    /// do not wait, but for one who writes the entry in place, as Django's `touch` does in
    /// [`Layout::Django`].
    #[must_use]
    pub const fn lock_timeout(mut self, lock_timeout: Duration) -> Self {
        self.lock_timeout = lock_timeout;
        self
    }

    /// How entries lie in the directory. Default: [`Layout::Own`].
    #[must_use]
    pub const fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// In [`Layout::Django`], the most bytes of a pickled value, since values there are
    /// compressed: a larger one is refused by `set`, and one that Django wrote is an error of
    /// `get` and `touch`. Default: 64 MiB.
    #[cfg(feature = "django")]
    #[must_use]
    pub const fn max_inflated(mut self, bytes: usize) -> Self {
        self.max_inflated = bytes;
        self
    }

    pub(crate) fn culling(&self) -> Result<Culling> {
        let default = if self.has_default_limit { Culling::DEFAULT } else { Culling::DEFAULT.unlimited() };
        self.limits.over(default)
    }

    /// The backend. No I/O: the directory is made by the first write.
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
        Ok(FileCache::from_parts(self, culling))
    }
}
