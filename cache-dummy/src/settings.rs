//! The backend that stores nothing, by settings.

use cache_core::{BackendSettings, FromSettings, Result};

use crate::DummyCache;

impl FromSettings for DummyCache {
    const NAMES: &'static [&'static str] =
        &["dummy", "dummycache", "django.core.cache.backends.dummy.DummyCache"];

    /// As in Django, the location and the limits of a store are taken and mean nothing, so that a
    /// cache is switched off by its backend alone.
    fn from_settings(settings: &mut BackendSettings) -> Result<Self> {
        settings.max_entries()?;
        settings.cull_frequency()?;
        Ok(Self)
    }
}
