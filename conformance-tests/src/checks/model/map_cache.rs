//! [`MapCache`]: the simplest backend that follows the contract, to compare others with.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cache_core::{AsyncWay, BaseCache, Clock, Error, Expiry, Key, Payload, Result};

/// A map under one lock.
#[derive(Debug)]
pub(in crate::checks) struct MapCache {
    map: Mutex<HashMap<String, (Payload, Option<u64>)>>,
    clock: Clock,
}

impl MapCache {
    pub(in crate::checks) fn new(clock: Clock) -> Self {
        Self { map: Mutex::default(), clock }
    }

    /// The live entries: what has expired goes first.
    fn live(&self) -> MutexGuard<'_, HashMap<String, (Payload, Option<u64>)>> {
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.monotonic_ns();
        map.retain(|_, (_, deadline)| deadline.is_none_or(|at| now < at));
        map
    }

    fn deadline(&self, expiry: Expiry) -> Option<u64> {
        match expiry {
            Expiry::Never => None,
            Expiry::After(after) => self.clock.monotonic_ns().checked_add(after.as_nanos().try_into().ok()?),
        }
    }
}

impl BaseCache for MapCache {
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        Ok(self.live().get(key.as_str()).map(|(value, _)| value.clone()))
    }

    fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        let deadline = self.deadline(expiry);
        self.live().insert(key.to_string(), (value, deadline));
        Ok(())
    }

    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        let deadline = self.deadline(expiry);
        let mut map = self.live();
        let absent = !map.contains_key(key.as_str());
        if absent {
            map.insert(key.to_string(), (value, deadline));
        }
        Ok(absent)
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        let deadline = self.deadline(expiry);
        Ok(self.live().get_mut(key.as_str()).map(|entry| entry.1 = deadline).is_some())
    }

    fn delete(&self, key: Key<'_>) -> Result<bool> {
        Ok(self.live().remove(key.as_str()).is_some())
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        match self.live().get_mut(key.as_str()) {
            None => Err(Error::key_not_found(key.as_str())),
            Some((Payload::Int(n), _)) => {
                *n = n.checked_add(delta).ok_or_else(|| Error::overflow(key.as_str()))?;
                Ok(*n)
            }
            Some(_) => Err(Error::not_an_integer(key.as_str())),
        }
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        let mut map = self.live();
        let entry = map.remove(from.as_str());
        Ok(entry.map(|entry| map.insert(to.to_string(), entry)).is_some())
    }

    fn clear(&self) -> Result<()> {
        self.live().clear();
        Ok(())
    }

    fn as_async(&self) -> AsyncWay<'_> {
        AsyncWay::Inline
    }
}
