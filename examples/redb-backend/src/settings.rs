//! How settings name the backend: `redb:///var/cache/app/cache.redb`.

use polycache::backend::{BackendSettings, FromSettings};
use polycache::{Error, Result};

use crate::RedbCache;

impl FromSettings for RedbCache {
    const NAMES: &'static [&'static str] = &["redb"];

    fn from_settings(settings: &mut BackendSettings) -> Result<Self> {
        match settings.single_location()? {
            Some(path) if !path.is_empty() => Ok(Self::new(path)),
            _ => Err(Error::invalid_cache_backend(
                "names no file; write redb:///var/cache/app/cache.redb, or give \"location\"",
            )),
        }
    }
}
