//! [`TestContext`]: what a check gets: caches on its own locations, time, and what the backend can do.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use cache_core::{BaseCache, CacheBuilder, Capabilities, Clock, Codec, ManualClock};

use crate::mode::Mode;
use crate::network::Network;
use crate::outcome::{Outcome, Stop};
use crate::servers::Server;
use crate::spec::Spec;
use crate::suite::Suite;
use crate::test_cache::TestCache;

/// The context of one check in one mode: caches on its own locations, time, and what the backend can do.
pub struct TestContext {
    pub(crate) suite: Suite,
    pub(crate) check: String,
    mode: Mode,
    scratch: tempfile::TempDir,
    clock: Clock,
    hands: Option<ManualClock>,
    capabilities: Capabilities,
    leases: Mutex<HashMap<String, Vec<Server>>>,
    /// The backends that this check has opened, by location, while they live.
    opened: Mutex<Vec<(Spec, Weak<dyn BaseCache>)>>,
    /// Things the check did although the suite does not know that the backend allows them.
    misuse: Mutex<Option<Stop>>,
    backend: Arc<dyn BaseCache>,
    main: TestCache,
}

impl Drop for TestContext {
    fn drop(&mut self) {
        let leases = std::mem::take(&mut *self.leases.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(pool) = &self.suite.servers {
            leases.into_values().for_each(|servers| pool.give_back(servers));
        }
    }
}

impl std::fmt::Debug for TestContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestContext")
            .field("check", &self.check)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// Tells the locations of one process apart; the process's number tells processes apart.
static LOCATIONS: AtomicUsize = AtomicUsize::new(0);

/// Where the directories of all checks are made.
fn scratch_root() -> PathBuf {
    std::env::var_os("CONFORMANCE_DIR").map_or_else(std::env::temp_dir, PathBuf::from)
}

impl TestContext {
    /// Makes the context of the check of this full name. A check in real time gets the machine's clock from every
    /// backend.
    pub(crate) fn new(suite: &Suite, check: String, mode: Mode, real_time: bool) -> Outcome<Self> {
        let scratch = tempfile::Builder::new().prefix("conformance-").tempdir_in(scratch_root())?;
        let (clock, hands) = if suite.manual_clock && !real_time {
            let (clock, hands) = Clock::manual();
            (clock, Some(hands))
        } else {
            (Clock::system(), None)
        };
        let number = LOCATIONS.fetch_add(1, Ordering::Relaxed);
        let unique = format!("c{}x{number}", std::process::id());
        let leases = Mutex::default();
        let spec = spec_in(suite, &leases, scratch.path(), &unique, &clock)?;
        let backend = (suite.open)(&spec)?;
        let capabilities = backend.capabilities();
        let main = TestCache { cache: suite.builder(Arc::clone(&backend)).build()?, mode };
        Ok(Self {
            suite: suite.clone(),
            check,
            mode,
            scratch,
            clock,
            hands,
            capabilities,
            leases,
            opened: Mutex::new(vec![(spec, Arc::downgrade(&backend))]),
            misuse: Mutex::default(),
            backend,
            main,
        })
    }

    /// Returns the check's own fault, if it asked more of the backend than [`Suite`] allows.
    pub(crate) fn misuse(&self) -> Outcome {
        self.misuse.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }

    /// Returns the mode of this run.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Records the result of a row of the table of faults (`faults::record`), under the
    /// suite's name and half.
    pub(crate) fn record(&self, row: u8, tried: u64, failures: u64, figure: &str) {
        let half = if self.mode == Mode::Async { " async" } else { "" };
        if self.suite.recorded {
            crate::fault_report::record(row, &format!("{}{half}", self.suite.name), tried, failures, figure);
        }
    }

    /// Returns what the backend declares that it can do.
    #[must_use]
    pub const fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Returns a cache with default settings on this check's main location: no prefix, version 1, no limit on
    /// entries. Each call gives another handle on the same cache.
    #[must_use]
    pub fn cache(&self) -> TestCache {
        self.main.clone()
    }

    /// Returns a cache on this check's main location and the same backend, with other settings.
    ///
    /// # Errors
    /// When the settings are refused.
    pub fn build(
        &self,
        settings: impl FnOnce(CacheBuilder<dyn BaseCache>) -> CacheBuilder<dyn BaseCache>,
    ) -> cache_core::Result<TestCache> {
        let cache = settings(self.suite.builder(Arc::clone(&self.backend))).build()?;
        Ok(TestCache { cache, mode: self.mode })
    }

    /// Returns a cache on this check's main location that writes with this codec, or `None` if the backend's
    /// layout prescribes the codec.
    ///
    /// # Errors
    /// When the settings are refused.
    pub fn in_codec(&self, codec: impl Codec + 'static) -> cache_core::Result<Option<TestCache>> {
        if self.backend.codec().is_some() {
            return Ok(None);
        }
        self.build(|builder| builder.codec(codec)).map(Some)
    }

    /// Returns a cache with default settings over this backend.
    ///
    /// # Errors
    /// When the settings are refused.
    pub fn over(&self, backend: Arc<dyn BaseCache>) -> Outcome<TestCache> {
        Ok(TestCache { cache: self.suite.builder(backend).build()?, mode: self.mode })
    }

    /// Returns the spec of one of this check's locations: the same `name` is the same location. No limit on
    /// entries; change what the check needs changed, then [`TestContext::open`] it.
    ///
    /// # Errors
    /// When the location's directory cannot be made.
    pub fn spec(&self, name: &str) -> Outcome<Spec> {
        let unique = format!("{}{name}", self.scratch_name());
        spec_in(&self.suite, &self.leases, self.scratch.path(), &unique, &self.clock)
    }

    /// Opens a backend: another handle if the location is open already. A check that opens one location twice
    /// calls [`TestContext::needs_shared_locations`] first, or it fails on the backends that do not allow that.
    ///
    /// # Errors
    /// When the backend refuses the settings.
    #[track_caller]
    pub fn open(&self, spec: &Spec) -> cache_core::Result<Arc<dyn BaseCache>> {
        if !self.suite.shared_locations {
            let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
            opened.retain(|(_, backend)| backend.strong_count() > 0);
            if opened.iter().any(|(other, _)| (&other.location, &other.dir) == (&spec.location, &spec.dir)) {
                let text =
                    "it opens a location that is open already, and does not call needs_shared_locations";
                let mut misuse = self.misuse.lock().unwrap_or_else(PoisonError::into_inner);
                misuse.get_or_insert(Stop::broken(text));
            }
        }
        let backend = (self.suite.open)(spec)?;
        self.opened
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((spec.clone(), Arc::downgrade(&backend)));
        Ok(backend)
    }

    /// Returns a cache with default settings on a location of that name.
    ///
    /// # Errors
    /// When the backend refuses the settings.
    pub fn cache_at(&self, name: &str) -> Outcome<TestCache> {
        self.over(self.open(&self.spec(name)?)?)
    }

    /// Returns a cache on a new location that holds at most `max_entries`.
    ///
    /// # Errors
    /// When the backend does not evict: then the check is skipped.
    pub fn culling_cache(&self, name: &str, max_entries: u64, cull_frequency: u32) -> Outcome<TestCache> {
        let spec = Spec { max_entries: Some(max_entries), cull_frequency, ..self.spec(name)? };
        let backend = self.open(&spec)?;
        // A backend may say so only where it is given a limit.
        self.needs(backend.capabilities().evicting, "it has no limit on entries")?;
        self.over(backend)
    }

    /// Makes a location whose servers stand behind fault proxies, with this operation timeout. No later check
    /// gets these servers.
    ///
    /// # Errors
    /// Without servers the check is skipped.
    pub fn network(&self, timeout: Duration) -> Outcome<Network> {
        let Some(pool) = &self.suite.servers else {
            return Err(Stop::Skipped("it talks to no server".to_owned()));
        };
        let unique = format!("{}network", self.scratch_name());
        // In the directory alone, without a lease: these servers are paused and killed.
        let (no_suite, none) = (Suite { servers: None, ..self.suite.clone() }, Mutex::default());
        let spec = spec_in(&no_suite, &none, self.scratch.path(), &unique, &self.clock)?;
        Network::start(pool.take()?, Spec { timeout, ..spec })
    }

    fn scratch_name(&self) -> String {
        let path = self.scratch.path().file_name().unwrap_or_default();
        path.to_string_lossy().replace(|c: char| !c.is_ascii_alphanumeric(), "")
    }

    /// Returns a directory for this check's own files, which is removed afterwards.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Lets time pass: at once if the backend has a manual clock.
    pub async fn wait(&self, time: Duration) {
        match (&self.hands, self.mode) {
            (Some(hands), _) => hands.advance(time),
            (None, Mode::Sync) => std::thread::sleep(time),
            (None, Mode::Async) => tokio::time::sleep(time).await,
        }
    }

    /// Lets a lifetime that begins now, and the backend's resolution, pass.
    pub async fn outlive(&self, lifetime: Duration) {
        self.wait(lifetime + self.capabilities.ttl_resolution + Duration::from_millis(10)).await;
    }

    /// Returns the control of the manual clock.
    ///
    /// # Errors
    /// Without one the check is skipped.
    pub fn hands(&self) -> Outcome<&ManualClock> {
        self.hands.as_ref().ok_or_else(|| Stop::Skipped("it has no manual clock".to_owned()))
    }

    /// Whether `limit` has really passed since `start`. If so, the machine was too slow and this check proves
    /// nothing about the backend. Never with a manual clock.
    #[must_use]
    pub fn overslept(&self, start: Instant, limit: Duration) -> bool {
        self.hands.is_none() && start.elapsed() >= limit
    }

    /// Skips the check unless the backend has what it needs.
    ///
    /// # Errors
    /// The skip, with the reason.
    pub fn needs(&self, has: bool, lack: &str) -> Outcome {
        if has { Ok(()) } else { Err(Stop::Skipped(lack.to_owned())) }
    }

    /// Skips the check unless entries survive reopening.
    ///
    /// # Errors
    /// The skip.
    pub fn needs_persistent(&self) -> Outcome {
        self.needs(self.capabilities.persistent, "its entries do not outlive the handle")
    }

    /// Skips the check unless one location can be opened twice.
    ///
    /// # Errors
    /// The skip.
    pub fn needs_shared_locations(&self) -> Outcome {
        self.needs(self.suite.shared_locations, "a location cannot be opened twice")
    }

    /// Skips the check unless the store remembers its limits.
    ///
    /// # Errors
    /// The skip.
    pub fn needs_remembered_limits(&self) -> Outcome {
        self.needs(self.suite.remembers_limits, "its store does not remember limits")
    }

    /// Skips the check unless several processes share a location.
    ///
    /// # Errors
    /// The skip.
    pub fn needs_processes(&self) -> Outcome {
        self.needs(self.capabilities.cross_process, "a location belongs to one process")
    }

    /// Skips the check unless the data lies below [`Spec::dir`].
    ///
    /// # Errors
    /// The skip.
    pub fn needs_directory(&self) -> Outcome {
        self.needs(self.suite.directory, "it keeps nothing in a directory")
    }

    /// Skips the check unless each entry is a file.
    ///
    /// # Errors
    /// The skip.
    pub fn needs_file_per_entry(&self) -> Outcome {
        self.needs(self.suite.file_per_entry, "it keeps no file per entry")
    }

    /// Skips the check on backends that refuse keys which break memcached's rules.
    ///
    /// # Errors
    /// The skip.
    pub fn needs_any_key(&self) -> Outcome {
        self.needs(!self.capabilities.strict_keys, "it refuses such keys (strict_keys)")
    }

    /// Skips the check on backends whose layout prescribes the codec.
    ///
    /// # Errors
    /// The skip.
    pub fn needs_any_codec(&self) -> Outcome {
        self.needs(self.backend.codec().is_none(), "its layout prescribes the codec")
    }

    /// Returns the largest value that the backend takes, in bytes.
    ///
    /// # Errors
    /// Without a limit the check is skipped.
    pub fn max_value_size(&self) -> Outcome<usize> {
        self.capabilities
            .max_value_size
            .ok_or_else(|| Stop::Skipped("it has no limit on a value's size".to_owned()))
    }

    /// The same, if the suite can make values beyond it.
    ///
    /// # Errors
    /// The skip.
    pub fn testable_limit(&self) -> Outcome<usize> {
        let limit = self.max_value_size()?;
        self.needs(limit <= 64 << 20, "its limit on a value's size is beyond 64 MiB")?;
        Ok(limit)
    }
}

fn spec_in(
    suite: &Suite,
    leases: &Mutex<HashMap<String, Vec<Server>>>,
    scratch: &Path,
    unique: &str,
    clock: &Clock,
) -> Outcome<Spec> {
    let dir: PathBuf = scratch.join(unique);
    if !dir.exists() {
        std::fs::create_dir(&dir)?;
    }
    let mut servers = Vec::new();
    if let Some(pool) = &suite.servers {
        let mut leases = leases.lock().unwrap_or_else(PoisonError::into_inner);
        if !leases.contains_key(unique) {
            leases.insert(unique.to_owned(), pool.take()?);
        }
        servers.extend(leases[unique].iter().map(Server::address));
    }
    Ok(Spec {
        location: unique.to_owned(),
        dir,
        max_entries: None,
        names_limits: true,
        cull_frequency: 3,
        servers,
        // Generous, so that a busy machine does not fail checks; checks about timeouts change it.
        timeout: Duration::from_secs(10),
        max_connections: 16,
        clock: clock.clone(),
    })
}
