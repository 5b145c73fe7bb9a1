//! The file backend by settings.

use cache_core::{BackendSettings, CacheUrl, Error, FromSettings, Location, MaxEntries, Result};

use crate::{FileCache, FileCacheBuilder};

impl FromSettings for FileCache {
    const NAMES: &'static [&'static str] =
        &["file", "filecache", "django.core.cache.backends.filebased.FileBasedCache"];

    fn location_of_url(url: &CacheUrl<'_>) -> Result<Location> {
        if !url.authority().is_empty() {
            return Err(Error::invalid_cache_backend(
                "names a host where a directory is meant; write it with three slashes, file:///var/cache/app/files",
            ));
        }
        Ok(Location::One(url.decoded()?))
    }

    /// Takes the location as the directory. A relative one is in the current working directory.
    fn from_settings(settings: &mut BackendSettings) -> Result<Self> {
        let Some(dir) = settings.single_location()? else {
            return Err(Error::invalid_cache_backend(
                "no location is given; name the directory, such as \"/var/cache/app/files\"",
            ));
        };
        let mut builder = Self::builder(dir);
        builder = match settings.max_entries()? {
            None => builder,
            Some(MaxEntries::Limit(entries)) => builder.max_entries(entries),
            Some(MaxEntries::Unlimited) => builder.unlimited(),
        };
        if let Some(frequency) = settings.cull_frequency()? {
            builder = builder.cull_frequency(frequency);
        }
        if let Some(wait) = settings.duration("lock_timeout")? {
            builder = builder.lock_timeout(wait);
        }
        if !settings.has_default_limit() {
            builder = builder.no_default_limit();
        }
        if settings.choice("layout", [("native", false), ("django", true)])? == Some(true) {
            builder = in_djangos_layout(builder, settings)?;
        }
        builder.build()
    }
}

#[cfg(feature = "django")]
fn in_djangos_layout(builder: FileCacheBuilder, settings: &mut BackendSettings) -> Result<FileCacheBuilder> {
    let builder = builder.layout(crate::Layout::Django);
    Ok(match settings.number("max_inflated")? {
        Some(bytes) => builder.max_inflated(bytes),
        None => builder,
    })
}

#[cfg(not(feature = "django"))]
fn in_djangos_layout(_: FileCacheBuilder, _: &mut BackendSettings) -> Result<FileCacheBuilder> {
    Err(Error::invalid_cache_backend(
        "the option \"layout\" is \"django\", which this program was built without; switch on \
         the feature \"django\" of polycache or cache-file",
    ))
}
