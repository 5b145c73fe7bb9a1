//! The memory backend by settings.

use cache_core::{BackendSettings, FromSettings, MaxEntries, Result};

use crate::LocMemCache;

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
        options.build()
    }
}
