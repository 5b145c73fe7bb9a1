//! [`DummyCache`]: the backend that stores nothing.

use cache_core::{AsyncWay, BaseCache, Capabilities, Error, Expiry, Key, Payload, Result};

/// Stores nothing. `add` returns true, and every other operation finds nothing.
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
        Capabilities::DEFAULT.with_stores(false)
    }

    fn as_async(&self) -> AsyncWay<'_> {
        AsyncWay::Inline
    }
}
