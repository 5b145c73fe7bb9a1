//! The memory backend by settings.

use cache_core::{BackendSettings, FromSettings, MaxEntries, Result};

use crate::{Eviction, LocMemCache};

impl FromSettings for LocMemCache {
    const NAMES: &'static [&'static str] =
        &["locmem", "locmemcache", "django.core.cache.backends.locmem.LocMemCache"];

    /// Takes the location as the store's name. As in Django, caches without one share the store of the empty
    /// name.
    fn from_settings(settings: &mut BackendSettings) -> Result<Self> {
        let mut builder = Self::builder().name(settings.single_location()?.unwrap_or_default());
        builder = match settings.max_entries()? {
            None => builder,
            Some(MaxEntries::Limit(entries)) => builder.max_entries(entries),
            Some(MaxEntries::Unlimited) => builder.unlimited(),
        };
        if let Some(frequency) = settings.cull_frequency()? {
            builder = builder.cull_frequency(frequency);
        }
        let policies = [("lru", Eviction::Lru), ("s3fifo", Eviction::S3Fifo)];
        if let Some(policy) = settings.choice("eviction", policies)? {
            builder = builder.eviction(policy);
        }
        builder.build()
    }
}
