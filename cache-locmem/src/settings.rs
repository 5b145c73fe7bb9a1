//! The memory backend by settings.

use cache_core::{BackendSettings, Error, FromSettings, MaxEntries, Result};

use crate::{Eviction, LocMemCache};

impl FromSettings for LocMemCache {
    const NAMES: &'static [&'static str] =
        &["locmem", "locmemcache", "django.core.cache.backends.locmem.LocMemCache"];

    /// The location is the store's name. As in Django, caches without one share the store of the
    /// empty name.
    fn from_settings(settings: &mut BackendSettings) -> Result<Self> {
        let mut options = Self::builder().name(settings.single_location()?.unwrap_or_default());
        options = match settings.max_entries()? {
            None => options,
            Some(MaxEntries::Limit(entries)) => options.max_entries(entries),
            Some(MaxEntries::Unlimited) => options.unlimited(),
        };
        if let Some(frequency) = settings.cull_frequency()? {
            options = options.cull_frequency(frequency);
        }
        options = match settings.text("eviction")?.as_deref() {
            None => options,
            Some("lru") => options.eviction(Eviction::Lru),
            Some("s3fifo") => options.eviction(Eviction::S3Fifo),
            Some(_) => {
                return Err(Error::invalid_cache_backend(
                    "the option \"eviction\" is a text that means none; give \"lru\" or \"s3fifo\"",
                ));
            }
        };
        options.build()
    }
}
