//! The backend that stores nothing: Django's `DummyCache`, for development and tests.
//!
//! Keys are validated all the same, so that a bad key shows before a real cache sees it.
//!
//! ```
//! use cache_core::{Cache, DEFAULT_TIMEOUT};
//! use cache_dummy::DummyCache;
//!
//! let cache = Cache::new(DummyCache);
//! cache.set("k", &1, DEFAULT_TIMEOUT)?;
//! assert_eq!(cache.get::<i64>("k")?, None);
//! assert_eq!(cache.get_or_set("k", DEFAULT_TIMEOUT, || 2)?, 2);
//! # Ok::<(), cache_core::Error>(())
//! ```

#[cfg(feature = "settings")]
mod settings;

use cache_core::{AsyncWay, BaseCache, Capabilities, Error, Expiry, Key, Payload, Result};

/// Stores nothing: `add` says true, everything else says "not there".
#[derive(Clone, Copy, Debug, Default)]
pub struct DummyCache;

impl BaseCache for DummyCache {
    fn get(&self, _: Key<'_>) -> Result<Option<Payload>> {
        Ok(None)
    }

    fn set(&self, _: Key<'_>, _: Payload, _: Expiry) -> Result<()> {
        Ok(())
    }

    fn add(&self, _: Key<'_>, _: Payload, _: Expiry) -> Result<bool> {
        Ok(true)
    }

    fn touch(&self, _: Key<'_>, _: Expiry) -> Result<bool> {
        Ok(false)
    }

    fn delete(&self, _: Key<'_>) -> Result<bool> {
        Ok(false)
    }

    fn incr(&self, key: Key<'_>, _: i64) -> Result<i64> {
        Err(Error::key_not_found(key.as_str()))
    }

    fn rename(&self, _: Key<'_>, _: Key<'_>) -> Result<bool> {
        Ok(false)
    }

    fn clear(&self) -> Result<()> {
        Ok(())
    }

    fn entries(&self) -> Result<Option<u64>> {
        Ok(Some(0))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { stores: false, ..Capabilities::DEFAULT }
    }

    fn as_async(&self) -> AsyncWay<'_> {
        AsyncWay::Inline
    }
}
