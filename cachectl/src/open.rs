//! Opens the cache that the command line names.

use cache_core::{Cache, Caches, CachesBuilder, DEFAULT_CACHE_ALIAS, Json, Zlib};
use cache_db::DatabaseCache;
use cache_dummy::DummyCache;
use cache_file::FileCache;
use cache_locmem::LocMemCache;
use cache_memcached::MemcachedCache;
use cache_pickle::Pickle;
use cache_redis::RedisCache;

use crate::cli::{Cli, Version};
use crate::failure::{Failure, Result};

/// Which settings, and which cache of them.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    settings: Option<std::path::PathBuf>,
    url: Option<String>,
    pub(crate) alias: Option<String>,
}

impl Chosen {
    /// # Errors
    /// If both a URL and settings are given. clap sees no conflict between options before the
    /// command and after it.
    pub(crate) fn of(cli: &Cli) -> Result<Self> {
        let Cli { settings, url, cache, .. } = cli;
        if url.is_some() && (settings.is_some() || cache.is_some()) {
            return Err(Failure::wrong(
                "--url names a cache by itself; leave out --settings and --cache, or --url",
            ));
        }
        Ok(Self { settings: settings.clone(), url: url.clone(), alias: cache.clone() })
    }

    /// All caches of the settings. A file or URL on the command line overrides the environment.
    fn builder(&self) -> CachesBuilder {
        // What the settings leave out is the service's affair: this tool evicts nothing because of it.
        let builder = Caches::builder()
            .no_default_limit()
            .backend::<DatabaseCache>()
            .backend::<DummyCache>()
            .backend::<FileCache>()
            .backend::<LocMemCache>()
            .backend::<MemcachedCache>()
            .backend::<RedisCache>()
            .codec("pickle", Pickle::default())
            .codec("zlib-pickle", Zlib::new(Pickle::default()))
            .codec("zlib-json", Zlib::new(Json));
        match (&self.url, &self.settings) {
            (Some(url), _) => builder.url(DEFAULT_CACHE_ALIAS, url),
            (None, Some(file)) => builder.file(file),
            (None, None) => builder.environment(),
        }
    }

    /// All caches of the settings, each by itself: a bad one, or one of a backend that only the
    /// deployment's program knows, is an error if it is asked for. No I/O but that of reading the settings.
    pub(crate) fn caches(&self) -> cache_core::Result<Caches> {
        self.builder().build_each()
    }

    /// The alias that is meant.
    pub(crate) fn alias(&self) -> &str {
        self.alias.as_deref().unwrap_or(DEFAULT_CACHE_ALIAS)
    }

    /// The cache.
    pub(crate) fn cache(&self) -> cache_core::Result<Cache> {
        self.caches()?.get(self.alias())
    }

    /// The same with a version of keys.
    pub(crate) fn cache_of(&self, version: Version) -> Result<Cache> {
        let cache = self.cache()?;
        Ok(version.version.map_or_else(|| cache.clone(), |version| cache.with_version(version)))
    }
}
