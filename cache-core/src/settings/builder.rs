//! [`CachesBuilder`]: what a program registers, and the sources of its settings.

use std::error::Error as StdError;
use std::ffi::OsString;
use std::fmt;
#[cfg(any(feature = "json", feature = "toml"))]
use std::path::Path;
use std::sync::Arc;

use super::alias::Compat;
use super::document;
use super::plan::{Names, Plan, Registered};
use super::{Caches, FromSettings, Problem, Setting, environment};
use crate::codec::{Codec, MessagePack};
use crate::django::{DEFAULT_KEY_FUNCTION, default_key_func};
use crate::error::{Error, Result};
use crate::key::Named;

/// Builds [`Caches`]: first register backends and functions by name, then add one or several sources of
/// settings. **A later source replaces a cache of an earlier one as a whole**, so that
/// `.file("cache.toml").environment()` lets `CACHE_URL` decide if it is set.
///
/// Only `CachesBuilder::file` does I/O: it reads that file. A source that cannot be read is an error of
/// [`CachesBuilder::build`].
pub struct CachesBuilder {
    names: Names,
    sources: Vec<Result<Vec<Source>>>,
}

/// A cache's table, or why it is missing, and where it comes from.
struct Source {
    alias: String,
    place: String,
    table: Result<Setting, Problem>,
    /// See [`BackendSettings::database`](super::BackendSettings::database).
    djangos_database: Option<&'static str>,
}

impl Source {
    fn new(alias: String, place: String, table: Result<Setting, Problem>) -> Self {
        Self { alias, place, table, djangos_database: None }
    }
}

/// The settings of all sources, read.
struct Read {
    /// What is wrong with the settings as a whole: then it is unknown which caches they name.
    problems: Vec<Error>,
    /// Each cache by its alias: a plan, or what is wrong with its settings.
    caches: Vec<(String, Result<Plan, Problem>)>,
}

impl Default for CachesBuilder {
    fn default() -> Self {
        let builder = Self { names: Names::default(), sources: Vec::new() }
            .codec("messagepack", MessagePack)
            .key_function(DEFAULT_KEY_FUNCTION, |key, prefix, version| {
                Ok(default_key_func(key, prefix, version))
            });
        #[cfg(feature = "json")]
        let builder = builder.codec("json", crate::codec::Json);
        builder
    }
}

impl CachesBuilder {
    /// Registers a backend: settings can then use all its [`FromSettings::NAMES`].
    ///
    /// ```
    /// # use cache_core::Caches;
    /// # use cache_locmem::LocMemCache;
    /// let caches = Caches::builder().backend::<LocMemCache>(); // one line for each backend
    /// let caches = caches.url("default", "locmem://").url("sessions", "locmemcache://sessions").build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn backend<B: FromSettings>(mut self) -> Self {
        self.names.backends.push(Registered::new::<B>());
        self
    }

    /// Registers a key function for settings that name it as `key_function`. Any name will do, such as the
    /// dotted path that a Django project gives.
    ///
    /// ```
    /// # use cache_core::Caches;
    /// # use cache_locmem::LocMemCache;
    /// let caches = Caches::builder()
    ///     .backend::<LocMemCache>()
    ///     .key_function("myapp.keys.slashes", |key, prefix, version| Ok(format!("{prefix}/{version}/{key}")))
    ///     .url("default", "locmem://?key_prefix=shop&key_function=myapp.keys.slashes")
    ///     .build()?;
    /// assert_eq!(caches.default_cache()?.make_key("basket")?, "shop/1/basket");
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn key_function<F>(mut self, name: impl Into<String>, function: F) -> Self
    where
        F: Fn(&str, &str, i64) -> Result<String, Box<dyn StdError + Send + Sync>> + Send + Sync + 'static,
    {
        self.names.key_functions.push(Named { name: name.into().into(), call: Arc::new(function) });
        self
    }

    /// Registers a key validator for settings that name it as `key_validator`. It checks every made key in place of
    /// memcached's rules: see [`CacheBuilder::key_validator`](crate::CacheBuilder::key_validator).
    ///
    /// ```
    /// use cache_core::{Caches, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    ///
    /// let caches = Caches::builder()
    ///     .backend::<LocMemCache>()
    ///     .key_validator("ascii", |key| if key.is_ascii() { Ok(()) } else { Err("is not ASCII".into()) })
    ///     .url("default", "locmem://?key_validator=ascii")
    ///     .build()?;
    /// assert!(caches.default_cache()?.set("café", &1, DEFAULT_TIMEOUT).is_err());
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn key_validator<F>(mut self, name: impl Into<String>, validator: F) -> Self
    where
        F: Fn(&str) -> Result<(), Box<dyn StdError + Send + Sync>> + Send + Sync + 'static,
    {
        self.names.key_validators.push(Named { name: name.into().into(), call: Arc::new(validator) });
        self
    }

    /// Registers a codec for settings that name it as `codec` or in `also_decode`. `messagepack` is registered,
    /// and with the feature `json` also `json`.
    ///
    /// ```
    /// # use cache_core::{Caches, MessagePack};
    /// # use cache_locmem::LocMemCache;
    /// let caches = Caches::builder()
    ///     .backend::<LocMemCache>()
    ///     .codec("compact", MessagePack)
    ///     .url("default", "locmem://?codec=compact&also_decode=json")
    ///     .build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn codec(mut self, name: impl Into<String>, codec: impl Codec + 'static) -> Self {
        self.names.codecs.push((name.into(), Arc::new(codec)));
        self
    }

    /// Declares names of backends and codecs that this program was built without. For settings that use one, the
    /// error ends with `remedy` instead of calling the name unknown. A registration under the same name takes
    /// precedence.
    ///
    /// This is for crates that register backends by their features, such as `polycache`.
    ///
    /// ```
    /// use cache_core::Caches;
    ///
    /// let caches = Caches::builder().unavailable(&["redis", "rediss"], "switch on the feature \"redis\"");
    /// let error = caches.url("default", "redis://localhost").build().unwrap_err();
    /// assert!(error.to_string().ends_with("switch on the feature \"redis\""));
    /// ```
    #[must_use]
    pub fn unavailable(mut self, names: &'static [&'static str], remedy: &'static str) -> Self {
        self.names.unavailable.push((names, remedy));
        self
    }

    /// Sets the database file of caches whose settings name only a table, as Django's `DatabaseCache` and
    /// `dbcache://` do.
    ///
    /// ```
    /// # use cache_core::Caches;
    /// # use cache_locmem::LocMemCache;
    /// let caches = Caches::builder()
    ///     .backend::<LocMemCache>()
    ///     .database("/var/lib/app/cache.db") // the file for `dbcache://pages`, which names only a table
    ///     .url("default", "locmem://")
    ///     .build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn database(mut self, path: impl Into<String>) -> Self {
        self.names.database = Some(path.into());
        self
    }

    /// Makes caches whose settings name no `max_entries` evict nothing if the store remembers no limit: for a tool
    /// that looks into the caches of others. Otherwise they have Django's 300, and a tool with incomplete settings
    /// would empty a larger cache.
    ///
    /// ```
    /// # use cache_core::Caches;
    /// # use cache_locmem::LocMemCache;
    /// let caches = Caches::builder()
    ///     .backend::<LocMemCache>()
    ///     .url("default", "locmem://")
    ///     .no_default_limit() // an operator's tool, which must not evict what the service keeps
    ///     .build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn no_default_limit(mut self) -> Self {
        self.names.no_default_limit = true;
        self
    }

    /// Sets how cache URLs are read that do not have the setting `compat` themselves: for a program that
    /// shares its URLs with a Django application.
    ///
    /// ```
    /// # use cache_core::{Caches, Compat};
    /// # use cache_locmem::LocMemCache;
    /// let caches = Caches::builder()
    ///     .backend::<LocMemCache>()
    ///     .compat(Compat::DjangoEnviron) // reads every URL as the Django application does
    ///     .url("default", "locmem://")
    ///     .build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub const fn compat(mut self, compat: Compat) -> Self {
        self.names.compat = Some(compat);
        self
    }

    /// Adds settings from any self-describing serde source: a table of caches by alias, or a document that
    /// has one as `caches` or `CACHES`.
    ///
    /// ```
    /// # use cache_core::{Caches, Setting, Timeout};
    /// # use cache_locmem::LocMemCache;
    /// let shop = Setting::Table(vec![
    ///     ("BACKEND".into(), "locmem".into()),
    ///     ("TIMEOUT".into(), 60.into()),
    /// ]);
    /// let settings = Setting::Table(vec![("default".into(), shop)]); // or from a format that serde reads
    /// let caches = Caches::builder().backend::<LocMemCache>().settings(settings).build()?;
    /// assert_eq!(caches.default_cache()?.config().timeout, Timeout::from_secs(60));
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn settings(self, document: Setting) -> Self {
        self.document(Ok(document), "")
    }

    /// Adds settings as TOML text: `[caches.default]`, or `[default]`.
    ///
    /// ```
    /// # use cache_core::{Caches, Timeout};
    /// # use cache_locmem::LocMemCache;
    /// let settings = "
    ///     [caches.default]
    ///     url = 'locmem://?max_entries=10000'
    ///     timeout = '5m'
    /// ";
    /// let caches = Caches::builder().backend::<LocMemCache>().toml(settings).build()?;
    /// assert_eq!(caches.default_cache()?.config().timeout, Timeout::from_secs(300));
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[cfg(feature = "toml")]
    #[must_use]
    pub fn toml(self, text: &str) -> Self {
        self.document(document::toml(text, "the settings"), "")
    }

    /// Adds settings as JSON text, such as a dump of Django's `CACHES`.
    ///
    /// ```
    /// # use cache_core::Caches;
    /// # use cache_locmem::LocMemCache;
    /// let settings = r#"{"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "VERSION": 2}}"#;
    /// let caches = Caches::builder().backend::<LocMemCache>().json(settings).build()?;
    /// assert_eq!(caches.default_cache()?.version(), 2);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[cfg(feature = "json")]
    #[must_use]
    pub fn json(self, text: &str) -> Self {
        self.document(document::json(text, "the settings"), "")
    }

    /// Adds settings from a file whose name ends with `.toml` or `.json`. Reads it at once.
    ///
    /// ```no_run
    /// # use cache_core::Caches;
    /// # use cache_locmem::LocMemCache;
    /// let caches = Caches::builder()
    ///     .backend::<LocMemCache>()
    ///     .file("/etc/app/caches.toml")
    ///     .environment() // CACHE_URL replaces the cache `default` of the file
    ///     .build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[cfg(any(feature = "json", feature = "toml"))]
    #[must_use]
    pub fn file(self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let document = read_file(path);
        self.document(document, &format!(" in {}", path.display()))
    }

    /// Adds one cache by its URL.
    ///
    /// ```
    /// # use cache_core::Caches;
    /// # use cache_locmem::LocMemCache;
    /// let caches = Caches::builder()
    ///     .backend::<LocMemCache>()
    ///     .url("sessions", "locmem://sessions?max_entries=10000&timeout=2h")
    ///     .build()?;
    /// assert_eq!(caches.get("sessions")?.info()?.max_entries, Some(10_000));
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn url(mut self, alias: impl Into<String>, url: impl Into<String>) -> Self {
        let alias = alias.into();
        let table = Setting::Table(vec![("url".to_owned(), Setting::Text(url.into()))]);
        let place = format!("cache {alias:?}");
        self.sources.push(Ok(vec![Source::new(alias, place, Ok(table))]));
        self
    }

    /// Adds the caches of the process's environment: `CACHE_URL` for the cache `default`,
    /// `CACHE_SESSIONS_URL` for the cache `sessions`, and so on.
    ///
    /// ```
    /// # use cache_core::Caches;
    /// # use cache_locmem::LocMemCache;
    /// let caches = Caches::builder()
    ///     .backend::<LocMemCache>()
    ///     .url("default", "locmem://") // unless CACHE_URL names another store
    ///     .environment()
    ///     .build()?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn environment(self) -> Self {
        self.variables(std::env::vars_os())
    }

    /// Like [`CachesBuilder::environment`], from other variables than the process's.
    ///
    /// ```
    /// # use cache_core::Caches;
    /// # use cache_locmem::LocMemCache;
    /// let variables = [("CACHE_SESSIONS_URL".into(), "locmem://sessions".into())];
    /// let caches = Caches::builder().backend::<LocMemCache>().variables(variables).build()?;
    /// assert!(caches.aliases().eq(["sessions"]));
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn variables(mut self, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let source = |variable: environment::Variable| {
            let place = format!("cache {:?} in {}", variable.alias, variable.name);
            Source::new(variable.alias, place, variable.table)
        };
        self.sources.push(Ok(environment::read(variables).into_iter().map(source).collect()));
        self
    }

    fn document(mut self, document: Result<Setting>, place: &str) -> Self {
        let sources = document.and_then(|document| {
            let djangos_database = document::djangos_database(&document);
            let caches = document::aliases(document)
                .map_err(|problem| Error::invalid_cache_backend(format!("the settings{place} {problem}")))?;
            let source = |(alias, table)| {
                let place = format!("cache {alias:?}{place}");
                Source { djangos_database, ..Source::new(alias, place, Ok(table)) }
            };
            Ok(caches.into_iter().map(source).collect())
        });
        self.sources.push(sources);
        self
    }

    /// Builds the caches after checking all their settings: each backend is made once and dropped, so that a
    /// bad setting shows when the program starts. No I/O.
    ///
    /// ```
    /// # use cache_core::{Caches, ErrorKind};
    /// # use cache_locmem::LocMemCache;
    /// let caches = Caches::builder().backend::<LocMemCache>();
    /// let error = caches.url("default", "locmem://?timeout=soon").build().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidCacheBackend); // and its text names the setting
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheBackend`](crate::ErrorKind::InvalidCacheBackend), the first of
    /// [`CachesBuilder::check`].
    pub fn build(self) -> Result<Caches> {
        let Read { problems, caches } = self.read().checked();
        match problems.into_iter().next() {
            None => Ok(Caches::new(caches)),
            Some(problem) => Err(problem),
        }
    }

    /// Builds each cache on its own: bad settings of one do not keep the others from being used. They are an error
    /// of [`Caches::get`] for that alias, each time it is called. No I/O.
    ///
    /// For tools that look into some cache of a deployment. A service starts with
    /// [`CachesBuilder::build`], which finds every bad setting at once.
    ///
    /// ```
    /// use cache_core::Caches;
    /// # use cache_locmem::LocMemCache;
    ///
    /// let settings = r#"{"default": {"url": "locmem://"}, "pages": {"backend": "shop.caches.Pages"}}"#;
    /// let caches = Caches::builder().backend::<LocMemCache>().json(settings).build_each()?;
    /// assert!(caches.default_cache().is_ok());
    /// assert!(caches.get("pages").is_err());
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidCacheBackend`](crate::ErrorKind::InvalidCacheBackend) if a source cannot be read, if
    /// the sources name no cache, or if two backends are registered under one name.
    pub fn build_each(self) -> Result<Caches> {
        let Read { problems, caches } = self.read();
        match problems.into_iter().next() {
            None => Ok(Caches::new(caches)),
            Some(problem) => Err(problem),
        }
    }

    /// Returns all errors of the settings, at most one per cache; none if they are good. No I/O.
    ///
    /// ```
    /// # use cache_core::Caches;
    /// # use cache_locmem::LocMemCache;
    /// let caches = Caches::builder().backend::<LocMemCache>();
    /// let errors = caches.url("default", "locmem://?timeout=soon").url("pages", "locmem://?max_entries=0").check();
    /// assert_eq!(errors.len(), 2);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn check(self) -> Vec<Error> {
        self.read().checked().problems
    }

    fn read(self) -> Read {
        let mut problems = Vec::new();
        if let Err(problem) = self.names.check() {
            problems.push(Error::invalid_cache_backend(problem));
        }
        let mut sources: Vec<Source> = Vec::new();
        for source in self.sources {
            match source {
                Err(problem) => problems.push(problem),
                Ok(caches) => {
                    for cache in caches {
                        match sources.iter_mut().find(|other| other.alias == cache.alias) {
                            Some(other) => *other = cache,
                            None => sources.push(cache),
                        }
                    }
                }
            }
        }
        if sources.is_empty() && problems.is_empty() {
            problems.push(Error::invalid_cache_backend(
                "the settings name no cache; give a table such as [caches.default], or set CACHE_URL",
            ));
        }
        let plan = |Source { alias, place, table, djangos_database }: Source| {
            let plan = table
                .and_then(|table| Plan::read(&alias, place.clone(), &table, &self.names, djangos_database))
                .map_err(|problem| format!("{place}: {problem}"));
            (alias, plan)
        };
        Read { caches: sources.into_iter().map(plan).collect(), problems }
    }
}

impl Read {
    /// Adds the errors of each cache to the problems: at most one error per cache.
    fn checked(mut self) -> Self {
        // Together, so that two caches that claim one location with different limits are found.
        let mut made = Vec::new();
        for (_, plan) in &self.caches {
            match plan.as_ref().map(Plan::make) {
                Ok(Ok(cache)) => made.push(cache),
                Ok(Err(problem)) => self.problems.push(problem),
                Err(problem) => self.problems.push(Error::invalid_cache_backend(problem)),
            }
        }
        self
    }
}

#[cfg(any(feature = "json", feature = "toml"))]
fn read_file(path: &Path) -> Result<Setting> {
    let shown = path.display();
    let read = || {
        let bytes = std::fs::read(path).map_err(|e| {
            Error::invalid_cache_backend(format!("the settings in {shown} cannot be read")).with_source(e)
        })?;
        document::text(bytes, &format!("the settings in {shown}"))
    };
    match path.extension().and_then(|ending| ending.to_str()) {
        #[cfg(feature = "toml")]
        Some("toml") => document::toml(&read()?, &format!("the settings in {shown}")),
        #[cfg(feature = "json")]
        Some("json") => document::json(&read()?, &format!("the settings in {shown}")),
        _ => Err(Error::invalid_cache_backend(format!(
            "the settings in {shown} are in a form that this program does not read; it reads {}",
            match (cfg!(feature = "toml"), cfg!(feature = "json")) {
                (true, true) => ".toml and .json",
                (true, false) => ".toml; for .json switch on the feature \"json\" of polycache or cache-core",
                _ => ".json; for .toml switch on the feature \"toml\" of polycache or cache-core",
            }
        ))),
    }
}

impl fmt::Debug for CachesBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let backends: Vec<_> = self.names.backends.iter().map(|backend| (backend.type_name)()).collect();
        f.debug_struct("CachesBuilder").field("backends", &backends).finish_non_exhaustive()
    }
}
