//! [`Broken`]: a backend that fails every call. A call that ends with another error never reached it.

use cache_core::{BaseCache, Error, Expiry, Key, Payload, Result};

pub(crate) struct Broken;

fn broken<T>() -> Result<T> {
    Err(Error::storage("the backend was reached"))
}

impl BaseCache for Broken {
    fn get(&self, _: Key<'_>) -> Result<Option<Payload>> {
        broken()
    }
    fn set(&self, _: Key<'_>, _: Payload, _: Expiry) -> Result<()> {
        broken()
    }
    fn add(&self, _: Key<'_>, _: Payload, _: Expiry) -> Result<bool> {
        broken()
    }
    fn touch(&self, _: Key<'_>, _: Expiry) -> Result<bool> {
        broken()
    }
    fn delete(&self, _: Key<'_>) -> Result<bool> {
        broken()
    }
    fn incr(&self, _: Key<'_>, _: i64) -> Result<i64> {
        broken()
    }
    fn rename(&self, _: Key<'_>, _: Key<'_>) -> Result<bool> {
        broken()
    }
    fn clear(&self) -> Result<()> {
        broken()
    }
}
