//! A custom backend, whole: about 25 lines of it are the backend. `tests/custom_backend.rs` runs
//! the conformance suite on it, in four lines; `src/bin/settings` uses it by name.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use polycache::backend::{
    BackendSettings, BaseCache, Clock, Error, Expiry, FromSettings, Key, Payload, Result,
};

/// A payload and its deadline, in nanoseconds of the clock.
type Entry = (Payload, Option<u64>);

/// A map behind a lock.
#[derive(Debug, Default)]
pub struct MapCache {
    map: Mutex<HashMap<String, Entry>>,
    clock: Clock,
}

impl MapCache {
    /// An empty map that takes its time from `clock`.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { map: Mutex::default(), clock }
    }

    /// An empty map with room for this many entries before it grows.
    #[must_use]
    pub fn with_capacity(entries: usize) -> Self {
        Self { map: Mutex::new(HashMap::with_capacity(entries)), clock: Clock::default() }
    }

    /// The map, with this key's entry dropped if it has expired.
    fn live(&self, key: Key<'_>) -> MutexGuard<'_, HashMap<String, Entry>> {
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.monotonic_ns();
        if map.get(key.as_str()).is_some_and(|(_, deadline)| deadline.is_some_and(|at| at <= now)) {
            map.remove(key.as_str());
        }
        map
    }

    fn deadline(&self, expiry: Expiry) -> Option<u64> {
        match expiry {
            Expiry::Never => None,
            Expiry::After(d) => self.clock.monotonic_ns().checked_add(d.as_nanos().try_into().ok()?),
        }
    }
}

impl BaseCache for MapCache {
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        Ok(self.live(key).get(key.as_str()).map(|(value, _)| value.clone()))
    }

    fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        self.live(key).insert(key.to_string(), (value, self.deadline(expiry)));
        Ok(())
    }

    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        let mut map = self.live(key);
        let absent = !map.contains_key(key.as_str());
        if absent {
            map.insert(key.to_string(), (value, self.deadline(expiry)));
        }
        Ok(absent)
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        let deadline = self.deadline(expiry);
        Ok(self.live(key).get_mut(key.as_str()).map(|entry| entry.1 = deadline).is_some())
    }

    fn delete(&self, key: Key<'_>) -> Result<bool> {
        Ok(self.live(key).remove(key.as_str()).is_some())
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        match self.live(key).get_mut(key.as_str()) {
            None => Err(Error::key_not_found(key.as_str())),
            Some((Payload::Int(n), _)) => {
                *n = n.checked_add(delta).ok_or_else(|| Error::overflow(key.as_str()))?;
                Ok(*n)
            }
            Some(_) => Err(Error::not_an_integer(key.as_str())),
        }
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        let mut map = self.live(from);
        let entry = map.remove(from.as_str());
        Ok(entry.map(|entry| map.insert(to.to_string(), entry)).is_some())
    }

    fn clear(&self) -> Result<()> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }
}

/// So that settings can name it: see `src/bin/settings`.
impl FromSettings for MapCache {
    const NAMES: &'static [&'static str] = &["map"];

    fn from_settings(settings: &mut BackendSettings) -> Result<Self> {
        Ok(Self::with_capacity(settings.number("capacity")?.unwrap_or(0)))
    }
}
