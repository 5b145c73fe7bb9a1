//! [`DatabaseCacheBuilder`]: takes the settings of a cache, and checks them before any I/O.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cache_core::{Clock, Culling, Error, NamedLimits, Result, refuse_url};

use crate::backend::DatabaseCache;
use crate::config::Config;
#[cfg(feature = "django")]
use crate::django::DjangoTable;
use crate::layout::{Layout, Table};
use crate::native::{LIMITS_SUFFIX, NativeTable, STATE_SUFFIX};
use crate::store::Store;

/// The table of a cache if its settings name none.
pub const DEFAULT_TABLE: &str = "cache";

const DEFAULT_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A wait beyond a day is a hang. The limit also keeps every deadline within the range of the clock.
const LONGEST_BUSY_TIMEOUT: Duration = Duration::from_secs(86_400);

const LONGEST_TABLE_NAME: usize = 128;

/// Builds a [`DatabaseCache`]: see [`DatabaseCache::builder`].
#[derive(Clone, Debug)]
pub struct DatabaseCacheBuilder {
    config: Config,
    layout: Layout,
    /// What is wrong with the given path. The path is then left out, since it may hold a password.
    problem: Option<String>,
}

impl DatabaseCache {
    /// Makes a cache in the table `table` of the database file `path`, with Django's limits: 300 entries, and
    /// a full table evicts a third. No I/O.
    ///
    /// ```
    /// # use cache_core::Cache;
    /// # use cache_db::DatabaseCache;
    /// let cache = Cache::new(DatabaseCache::new("/var/lib/app/cache.db", "sessions")?);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheBackend`](cache_core::ErrorKind::InvalidCacheBackend) for a path that does
    /// not name a file and a table name that cannot be used.
    pub fn new(path: impl AsRef<Path>, table: impl Into<String>) -> Result<Self> {
        Self::builder(path).table(table).build()
    }

    /// Returns the builder of a cache in the database file `path`.
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
    pub fn builder(path: impl AsRef<Path>) -> DatabaseCacheBuilder {
        DatabaseCacheBuilder::new(path.as_ref())
    }
}

impl DatabaseCacheBuilder {
    pub(crate) fn new(path: &Path) -> Self {
        let problem = refuse_url(&path.to_string_lossy(), "the path of a SQLite file").err();
        let config = Config {
            path: if problem.is_some() { PathBuf::new() } else { path.to_owned() },
            table: DEFAULT_TABLE.to_owned(),
            culling: Culling::DEFAULT,
            named: NamedLimits::NONE,
            has_default_limit: true,
            busy_timeout: DEFAULT_BUSY_TIMEOUT,
            clock: Clock::system(),
            trusted_group: None,
        };
        Self { config, layout: Layout::Native, problem: problem.map(|problem| problem.to_string()) }
    }

    /// Sets the name of the table, [`DEFAULT_TABLE`] by default. It has 1 to 128 bytes and no NUL byte. Spaces and
    /// quotes are allowed. Names that begin with `sqlite_` or end with `~state` or `~limits` are reserved.
    ///
    /// ```
    /// # use cache_db::DatabaseCache;
    /// let sessions = DatabaseCache::builder("/var/lib/app/cache.db").table("sessions").build()?;
    /// let pages = DatabaseCache::builder("/var/lib/app/cache.db").table("pages").build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.config.table = name.into();
        self
    }

    /// Sets what the rows look like, [`Layout::Native`] by default.
    ///
    /// ```
    /// # use cache_db::{DatabaseCache, Layout};
    /// // This crate's own, or `Layout::Django`.
    /// let backend = DatabaseCache::builder("/var/lib/app/cache.db").layout(Layout::Native).build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// Sets Django's `MAX_ENTRIES`: the most entries at any moment; not zero. If no handle names it, it is 300.
    ///
    /// The table remembers it ([`Layout::Native`]): a handle that names none adopts it, and one that names another
    /// changes it with its first new entry, for all handles. If the table holds more rows than that, each new key
    /// removes more than it adds, until the limit holds.
    ///
    /// ```
    /// # use cache_db::DatabaseCache;
    /// let backend = DatabaseCache::builder("/var/lib/app/cache.db").max_entries(100_000).build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn max_entries(mut self, entries: u64) -> Self {
        self.config.named = self.config.named.max_entries(entries);
        self
    }

    /// Removes the limit on the number of entries: only expiry removes them. The table remembers that, as it does a
    /// limit.
    ///
    /// ```
    /// # use cache_db::DatabaseCache;
    /// let backend = DatabaseCache::builder("/var/lib/app/cache.db").unlimited().build()?; // lifetimes alone bound it
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn unlimited(mut self) -> Self {
        self.config.named = self.config.named.unlimited();
        self
    }

    /// Sets Django's `CULL_FREQUENCY`: if a new key finds the table full and nothing in it has expired, one in
    /// this many entries is evicted, the oldest inserted first; 0 means all. 3 by default.
    ///
    /// In a table of more than 1,000 entries it is that share of 1,000 entries, so that no write
    /// takes longer than in a small table.
    ///
    /// The table remembers it too.
    ///
    /// ```
    /// # use cache_db::DatabaseCache;
    /// // A full table loses 50 entries.
    /// let backend = DatabaseCache::builder("/var/lib/app/cache.db").max_entries(500).cull_frequency(10).build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn cull_frequency(mut self, one_in: u32) -> Self {
        self.config.named = self.config.named.cull_frequency(one_in);
        self
    }

    /// Makes a handle that names no limit evict nothing if the table remembers none: for tools that look into the
    /// caches of others. In [`Layout::Django`] the cache is then [`unlimited`](Self::unlimited). A table of
    /// [`Layout::Native`] that such a handle creates remembers no limit, and takes that of the first other handle.
    ///
    /// ```
    /// # use cache_core::Cache;
    /// # use cache_db::DatabaseCache;
    /// let backend = DatabaseCache::builder("/var/lib/app/cache.db").no_default_limit().build()?;
    /// let cache = Cache::new(backend); // of an operator's tool, which does not know the service's limit
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn no_default_limit(mut self) -> Self {
        self.config.has_default_limit = false;
        self
    }

    /// Sets how long a call waits for other writers and for a free connection, 5 s by default, at most
    /// a day. With zero, no call waits.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_db::DatabaseCache;
    /// let backend = DatabaseCache::builder("/var/lib/app/cache.db").busy_timeout(Duration::from_millis(500)).build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.config.busy_timeout = timeout;
        self
    }

    /// Sets the clock, the machine's by default.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_core::Clock;
    /// # use cache_db::DatabaseCache;
    /// let (clock, hands) = Clock::manual();
    /// let backend = DatabaseCache::builder("/var/lib/app/cache.db").clock(clock).build()?;
    /// hands.advance(Duration::from_secs(60)); // entries of a minute have expired for this handle
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.config.clock = clock;
        self
    }

    /// Trusts the members of a group, by its number: the database file, the files that SQLite has beside it and the
    /// directories on the way may belong to the group and be writable for it. By default no group is trusted: they
    /// belong to this user or root alone.
    ///
    /// For a database that a Django application makes and uses as another user. **Every member of the group decides
    /// what this cache finds.** What this process makes has mode 0600 all the same, so let Django make the file.
    ///
    /// ```
    /// # use cache_db::DatabaseCache;
    /// // Django runs as another user, and both are in the group 990.
    /// let backend = DatabaseCache::builder("/srv/app/db.sqlite3").table("django_cache").trusted_group(990).build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn trusted_group(mut self, group: u32) -> Self {
        self.config.trusted_group = Some(group);
        self
    }

    /// Checks the settings. No I/O: the first use opens the file and makes what is missing.
    ///
    /// ```
    /// # use cache_core::ErrorKind;
    /// # use cache_db::DatabaseCache;
    /// let backend = DatabaseCache::builder("/var/lib/app/cache.db").build()?;
    /// let error = DatabaseCache::builder("/var/lib/app/cache.db").table("sqlite_cache").build().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidCacheBackend);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheBackend`](cache_core::ErrorKind::InvalidCacheBackend) for a path that does
    /// not name a file, a table name that cannot be used, and a limit of no entries.
    pub fn build(self) -> Result<DatabaseCache> {
        if let Some(problem) = self.problem {
            return Err(Error::invalid_cache_backend(problem));
        }
        let mut config = self.config;
        check_table(&config.table)?;
        config.path = absolute(&config.path)?;
        let default = if config.has_default_limit { Culling::DEFAULT } else { Culling::DEFAULT.unlimited() };
        config.culling = config.named.over(default)?;
        config.busy_timeout = config.busy_timeout.min(LONGEST_BUSY_TIMEOUT);
        let table: Box<dyn Table> = match self.layout {
            Layout::Native => Box::new(NativeTable::new(&config.table)),
            #[cfg(feature = "django")]
            Layout::Django => Box::new(DjangoTable::new(&config.table)),
        };
        Ok(DatabaseCache::of_store(Store::new(config, table)))
    }
}

fn check_table(name: &str) -> Result<()> {
    refuse_url(name, "the name of a table")?;
    let lower = name.to_ascii_lowercase();
    let problem = if name.is_empty() {
        "is empty"
    } else if name.len() > LONGEST_TABLE_NAME {
        "is longer than 128 bytes"
    } else if name.contains('\0') {
        "has a NUL byte"
    } else if lower.starts_with("sqlite_") {
        "begins with \"sqlite_\", which SQLite keeps for itself"
    } else if lower.ends_with(STATE_SUFFIX) {
        "ends with \"~state\", which is where the count of another cache is kept"
    } else if lower.ends_with(LIMITS_SUFFIX) {
        "ends with \"~limits\", which is where the limits of another cache are kept"
    } else {
        return Ok(());
    };
    let shown: String = name.chars().take(LONGEST_TABLE_NAME).collect();
    Err(Error::invalid_cache_backend(format!("the table name {shown:?} {problem}; give another name")))
}

fn absolute(path: &Path) -> Result<PathBuf> {
    let invalid = |problem: &str| {
        Error::invalid_cache_backend(format!(
            "the database path {} {problem}; give the path of a file",
            path.display()
        ))
    };
    if path == Path::new(":memory:") {
        return Err(invalid("is SQLite's name for a database in memory: use the memory backend instead"));
    }
    if path.file_name().is_none() {
        return Err(invalid("names no file"));
    }
    if path.as_os_str().as_encoded_bytes().contains(&0) {
        return Err(invalid("has a NUL byte"));
    }
    std::path::absolute(path).map_err(|e| invalid("cannot be made absolute").with_source(e))
}
