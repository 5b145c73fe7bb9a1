//! [`BaseCache`] for `Arc` and `Box`: a shared or a boxed backend is a backend.

use std::sync::Arc;

use super::{AsyncWay, BaseCache};
use crate::capabilities::Capabilities;
use crate::codec::Codec;
use crate::error::Result;
use crate::info::{Info, Presence};
use crate::key::Key;
use crate::payload::Payload;
use crate::timeout::Expiry;

/// Forwards every method, those with a default included: a forgotten one would answer for the backend.
macro_rules! forward {
    ($pointer:ident) => {
        #[deny(clippy::missing_trait_methods)]
        impl<B: BaseCache + ?Sized> BaseCache for $pointer<B> {
            #[inline]
            fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
                (**self).get(key)
            }
            #[inline]
            fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
                (**self).set(key, value, expiry)
            }
            fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
                (**self).add(key, value, expiry)
            }
            fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
                (**self).touch(key, expiry)
            }
            fn delete(&self, key: Key<'_>) -> Result<bool> {
                (**self).delete(key)
            }
            fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
                (**self).incr(key, delta)
            }
            fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
                (**self).rename(from, to)
            }
            fn clear(&self) -> Result<()> {
                (**self).clear()
            }
            fn has_key(&self, key: Key<'_>) -> Result<bool> {
                (**self).has_key(key)
            }
            fn get_many(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
                (**self).get_many(keys)
            }
            fn set_many(&self, entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Result<Vec<usize>> {
                (**self).set_many(entries, expiry)
            }
            fn delete_many(&self, keys: &[Key<'_>]) -> Result<()> {
                (**self).delete_many(keys)
            }
            fn close(&self) -> Result<()> {
                (**self).close()
            }
            fn entries(&self) -> Result<Option<u64>> {
                (**self).entries()
            }
            fn ping(&self) -> Result<Presence> {
                (**self).ping()
            }
            fn info(&self) -> Result<Info> {
                (**self).info()
            }
            fn purge_expired(&self) -> Result<Option<u64>> {
                (**self).purge_expired()
            }
            fn capabilities(&self) -> Capabilities {
                (**self).capabilities()
            }
            fn codec(&self) -> Option<Arc<dyn Codec>> {
                (**self).codec()
            }
            #[inline]
            fn as_async(&self) -> AsyncWay<'_> {
                (**self).as_async()
            }
        }
    };
}

forward!(Arc);
forward!(Box);
