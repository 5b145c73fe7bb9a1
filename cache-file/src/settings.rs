//! The file backend by settings.

use cache_core::{BackendSettings, CacheUrl, Error, FromSettings, Location, MaxEntries, Result};

use crate::{FileCache, FileOptions};

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

    /// The location is the directory. A relative one is in the working directory of now.
    fn from_settings(settings: &mut BackendSettings) -> Result<Self> {
        let Some(dir) = settings.single_location()? else {
            return Err(Error::invalid_cache_backend(
                "no location is given; name the directory, such as \"/var/cache/app/files\"",
            ));
        };
        let mut options = Self::builder(dir);
        options = match settings.max_entries()? {
            None => options,
            Some(MaxEntries::Limit(entries)) => options.max_entries(entries),
            Some(MaxEntries::Unlimited) => options.unlimited(),
        };
        if let Some(frequency) = settings.cull_frequency()? {
            options = options.cull_frequency(frequency);
        }
        if let Some(wait) = settings.duration("lock_timeout")? {
            options = options.lock_timeout(wait);
        }
        if !settings.has_default_limit() {
            options = options.no_default_limit();
        }
        if settings.is_django_layout()? {
            options = in_djangos_layout(options, settings)?;
        }
        options.build()
    }
}

#[cfg(feature = "django")]
fn in_djangos_layout(options: FileOptions, settings: &mut BackendSettings) -> Result<FileOptions> {
    let options = options.layout(crate::Layout::Django);
    Ok(match settings.number("max_inflated")? {
        Some(bytes) => options.max_inflated(bytes),
        None => options,
    })
}

#[cfg(not(feature = "django"))]
fn in_djangos_layout(_: FileOptions, _: &mut BackendSettings) -> Result<FileOptions> {
    Err(Error::invalid_cache_backend(
        "the option \"layout\" is \"django\", which this program was built without: build cache-file with \
         its feature \"django\"",
    ))
}
