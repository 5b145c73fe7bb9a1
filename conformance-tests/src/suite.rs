//! [`Suite`]: how a backend's author declares how to open the backend, and what it cannot declare itself.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cache_core::{BaseCache, CacheBuilder, Result};

use crate::servers::{Server, ServerPool};
use crate::spec::Spec;
use crate::watched_backend::{Act, Watched};

/// Opens the backend under test.
type Open = dyn Fn(&Spec) -> Result<Arc<dyn BaseCache>> + Send + Sync;

/// Changes the settings of every cache that the suite builds.
type Configure = dyn Fn(CacheBuilder<dyn BaseCache>) -> CacheBuilder<dyn BaseCache> + Send + Sync;

/// Holds a location's write lock until it is dropped.
type Lock = dyn Fn(&Spec) -> std::io::Result<Box<dyn Send>> + Send + Sync;

/// A backend under test: how to open it, and what the backend cannot declare itself.
///
/// The backend declares the rest in [`BaseCache::capabilities`]. Checks that it lacks the means for show as
/// skipped, with the reason.
#[derive(Clone)]
pub struct Suite {
    pub(crate) name: String,
    pub(crate) open: Arc<Open>,
    pub(crate) configure: Option<Arc<Configure>>,
    pub(crate) manual_clock: bool,
    pub(crate) shared_locations: bool,
    pub(crate) remembers_limits: bool,
    pub(crate) directory: bool,
    pub(crate) file_per_entry: bool,
    pub(crate) lock: Option<Arc<Lock>>,
    pub(crate) servers: Option<Arc<ServerPool>>,
    pub(crate) waivers: Vec<(String, String)>,
    pub(crate) observed: bool,
    /// Whether what its checks try goes into the report of faults.
    pub(crate) recorded: bool,
}

impl Suite {
    /// The checks that must pass even on a backend that is merely [observed](Self::observe). No cache fails them,
    /// so a failure means that the connection to the backend is broken.
    pub const BASICS: [&'static str; 6] = [
        "B::set_get",
        "B::add_absent_true",
        "B::add_present_false",
        "B::delete_true_then_false",
        "W::moves",
        "L::clear_empties",
    ];

    /// Starts the suite for the backend called `name`, which `open` opens. `open` does no I/O: building a
    /// backend never does.
    pub fn new<B: BaseCache>(name: &str, open: impl Fn(&Spec) -> Result<B> + Send + Sync + 'static) -> Self {
        Self {
            name: name.to_owned(),
            open: Arc::new(move |spec| Ok(Arc::new(open(spec)?))),
            configure: None,
            manual_clock: false,
            shared_locations: false,
            remembers_limits: false,
            directory: false,
            file_per_entry: false,
            lock: None,
            servers: None,
            waivers: Vec::new(),
            observed: false,
            recorded: false,
        }
    }

    /// Declares that the backend takes its time from [`Spec::clock`]. The suite then moves the clock and
    /// waits for nothing.
    #[must_use]
    pub const fn manual_clock(mut self) -> Self {
        self.manual_clock = true;
        self
    }

    /// Declares that opening one location twice in a process gives two handles on the same entries. Without this
    /// no check opens a location that it has open; it closes and drops the handle first.
    #[must_use]
    pub const fn shared_locations(mut self) -> Self {
        self.shared_locations = true;
        self
    }

    /// Declares that the store remembers its limits on entries: a handle that names none ([`Spec::names_limits`])
    /// adopts them, and one that names others changes them for all, or is refused with `InvalidCacheBackend`.
    #[must_use]
    pub const fn remembers_limits(mut self) -> Self {
        self.remembers_limits = true;
        self
    }

    /// Declares that the backend keeps its data below [`Spec::dir`] and nowhere else. More checks apply then, and
    /// they check these duties:
    ///
    /// - **Building** creates nothing on the disk. It refuses a path that contains a NUL with
    ///   `InvalidCacheBackend` (`L::bad_location_err`).
    /// - **The first write** makes the directory, with any missing parents; so does a later one when another
    ///   process has removed the directory under the open handle. While the directory is missing, reading finds
    ///   nothing, and removing removes nothing (`L::location_created`, `L::location_deleted_underneath`).
    /// - **Modes**: every directory that it makes, nested ones too, is 0700 and every file 0600, whatever the
    ///   umask (`L::file_modes`).
    /// - **Unreachable**: with a file where the directory should be, each operation is an error of the kind
    ///   `Storage`, `Unavailable` or `InvalidCacheBackend` within 2 seconds, the file stays as it is, and the
    ///   handle works again once the file is gone (`L::readonly_location_err`, `X::unreachable_every_op`,
    ///   `X::unreachable_bounded`, `X::reconnect`).
    /// - **Other programs' files** in the directory are not read as entries, counted, evicted or removed, not even
    ///   by `clear` (`L::clear_spares_foreign_data`, `X::foreign_files_ignored`).
    /// - **A full disk** refuses a `set` with an error and keeps the old value or none (`X::disk_full`, where
    ///   `CONFORMANCE_SMALL_DISK` names a small file system).
    #[must_use]
    pub const fn directory(mut self) -> Self {
        self.directory = true;
        self
    }

    /// Declares that each entry is a regular file of its own below [`Spec::dir`], which holds the made key's
    /// bytes: the suite damages it.
    #[must_use]
    pub const fn file_per_entry(mut self) -> Self {
        self.directory = true;
        self.file_per_entry = true;
        self
    }

    /// Sets how to lock a location against writers from outside, as another program's transaction does. The
    /// returned value holds the lock until it is dropped. Lets `X::db_locked` run.
    #[must_use]
    pub fn lock(
        mut self,
        lock: impl Fn(&Spec) -> std::io::Result<Box<dyn Send>> + Send + Sync + 'static,
    ) -> Self {
        self.lock = Some(Arc::new(lock));
        self
    }

    /// Declares that the backend talks to servers: every location has `per_location` of its own, started by
    /// `start`, and finds them in [`Spec::servers`].
    ///
    /// ```no_run
    /// # use conformance_tests::{Suite, servers::Server};
    /// # use cache_locmem::LocMemCache;
    /// # fn open(spec: &conformance_tests::Spec) -> cache_core::Result<LocMemCache> { LocMemCache::builder().build() }
    /// Suite::new("redis", open).servers(1, || Server::redis(&[])).shared_locations().run()
    /// ```
    #[must_use]
    pub fn servers(
        mut self,
        per_location: usize,
        start: impl Fn() -> std::io::Result<Server> + Send + Sync + 'static,
    ) -> Self {
        self.servers = Some(Arc::new(ServerPool::new(per_location, Box::new(start))));
        self
    }

    /// Changes the settings of every cache that the suite builds, such as the codec.
    #[must_use]
    pub fn configure(
        mut self,
        configure: impl Fn(CacheBuilder<dyn BaseCache>) -> CacheBuilder<dyn BaseCache> + Send + Sync + 'static,
    ) -> Self {
        self.configure = Some(Arc::new(configure));
        self
    }

    /// Declares that the check (`"T::half_second"`) is known to fail, and where that is dealt with. Once it
    /// passes, the suite fails until the waiver is removed.
    #[must_use]
    pub fn waive(mut self, check: &str, link: &str) -> Self {
        self.waivers.push((check.to_owned(), link.to_owned()));
        self
    }

    /// Shows the backend beside the others, and asserts only the [basics](Self::BASICS) of it. Other failures are
    /// reported and show as ignored. Only the sync API is run, and a check that takes longer than 15 s is skipped
    /// unless it is one of the basics.
    ///
    /// ```
    /// # use conformance_tests::Suite;
    /// let basics = [
    ///     "B::set_get",
    ///     "B::add_absent_true",
    ///     "B::add_present_false",
    ///     "B::delete_true_then_false",
    ///     "W::moves",
    ///     "L::clear_empties",
    /// ];
    /// assert_eq!(Suite::BASICS, basics);
    /// assert!(basics.iter().all(|&check| Suite::checks().iter().any(|name| name == check)));
    /// ```
    #[must_use]
    pub const fn observe(mut self) -> Self {
        self.observed = true;
        self
    }

    /// The same suite, whose backends refuse every call once a check is given up, so that the rest of the check
    /// ends soon.
    pub(crate) fn refusing_once(mut self, given_up: &Arc<AtomicBool>) -> Self {
        let (open, given_up) = (Arc::clone(&self.open), Arc::clone(given_up));
        self.open = Arc::new(move |spec| {
            let given_up = Arc::clone(&given_up);
            Ok(Watched::over(&open(spec)?, move |_, _| {
                if given_up.load(Ordering::Relaxed) { Act::Refuse } else { Act::Forward }
            }))
        });
        self
    }

    pub(crate) fn builder(&self, backend: Arc<dyn BaseCache>) -> CacheBuilder<dyn BaseCache> {
        let builder = CacheBuilder::from_arc(backend);
        match &self.configure {
            Some(configure) => configure(builder),
            None => builder,
        }
    }
}

impl fmt::Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suite").field("name", &self.name).finish_non_exhaustive()
    }
}
