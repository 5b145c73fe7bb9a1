//! The reference store: a small memory store that is right, and what every mutant is made from.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use cache_core::{Clock, Culling, Error, Expiry, Payload, Result};

use crate::bug::Bug;
use crate::culling::make_room;

/// A lifetime that bugs give where they should not.
pub(crate) const FIVE_MINUTES: Expiry = Expiry::After(Duration::from_secs(300));

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) payload: Payload,
    /// In the nanoseconds of [`Store::now`]; `None` for never.
    pub(crate) deadline: Option<u64>,
    /// The tick of its last use.
    pub(crate) used: u64,
    /// The value before this one, for the bug that reads it.
    pub(crate) previous: Option<Payload>,
}

impl Entry {
    pub(crate) fn is_live(&self, now: u64) -> bool {
        self.deadline.is_none_or(|deadline| now < deadline)
    }
}

/// The entries of a location.
#[derive(Debug, Default)]
pub(crate) struct Map {
    pub(crate) entries: HashMap<String, Entry>,
    pub(crate) ticks: u64,
    /// Keys that were deleted, for the bug that does not forget them.
    pub(crate) deleted: Vec<String>,
    /// Whether it was ever cleared.
    pub(crate) cleared: bool,
    /// Places that a bug does not give back.
    pub(crate) ghosts: usize,
    /// Reads so far, for the bug that answers some of them with an old value.
    pub(crate) reads: usize,
}

impl Map {
    pub(crate) fn tick(&mut self) -> u64 {
        self.ticks += 1;
        self.ticks
    }

    pub(crate) fn live(&mut self, key: &str, now: u64) -> Option<&mut Entry> {
        self.entries.get_mut(key).filter(|entry| entry.is_live(now))
    }
}

/// A location: its entries, its limit, its time.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) bug: Bug,
    pub(crate) map: Mutex<Map>,
    culling: Mutex<Culling>,
    pub(crate) clock: Clock,
    /// How far the wall clock was ahead of the monotonic one at the beginning, in nanoseconds.
    ahead_ns: u64,
}

fn wall_ns(clock: &Clock) -> u64 {
    clock.wall_ms().unsigned_abs() * 1_000_000
}

static LOCATIONS: LazyLock<Mutex<HashMap<String, Weak<Store>>>> = LazyLock::new(Mutex::default);

impl Store {
    pub(crate) fn new(bug: Bug, culling: Culling, clock: Clock) -> Self {
        let ahead_ns = wall_ns(&clock).saturating_sub(clock.monotonic_ns());
        Self { bug, map: Mutex::default(), culling: Mutex::new(culling), clock, ahead_ns }
    }

    /// Returns the store of that location, creating it if it does not exist. `named`: the handle names those
    /// limits, and an existing store adopts them.
    pub(crate) fn open(location: &str, bug: Bug, culling: Culling, named: bool, clock: &Clock) -> Arc<Self> {
        let make = || Arc::new(Self::new(bug, culling, clock.clone()));
        if bug == Bug::HandlesApart {
            return make();
        }
        let location = if bug == Bug::LocationsShared { "the only one" } else { location };
        let mut open = LOCATIONS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = open.get(location).and_then(Weak::upgrade) {
            if named || bug == Bug::UnnamedIs300 {
                *store.culling.lock().unwrap_or_else(PoisonError::into_inner) = culling;
            }
            return store;
        }
        open.retain(|_, store| store.strong_count() > 0);
        let store = make();
        open.insert(location.to_owned(), Arc::downgrade(&store));
        store
    }

    pub(crate) fn culling(&self) -> Culling {
        *self.culling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every open location with that bug.
    pub(crate) fn all_with(bug: Bug) -> Vec<Arc<Self>> {
        let open = LOCATIONS.lock().unwrap_or_else(PoisonError::into_inner);
        open.values().filter_map(Weak::upgrade).filter(|store| store.bug == bug).collect()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Map> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where deadlines are counted from: the same as [`Store::now`], but for one bug.
    pub(crate) fn start(&self) -> u64 {
        match self.bug {
            Bug::ClocksMixed => wall_ns(&self.clock).saturating_sub(self.ahead_ns),
            _ => self.now(),
        }
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.monotonic_ns()
    }

    pub(crate) fn get(&self, key: &str) -> Option<Payload> {
        let now = self.now();
        let mut map = self.lock();
        let tick = map.tick();
        let entry = map.live(key, now)?;
        if self.bug != Bug::GetDoesNotPromote {
            entry.used = tick;
        }
        Some(entry.payload.clone())
    }

    pub(crate) fn put(&self, key: &str, payload: Payload, deadline: Option<u64>) {
        self.put_in(&mut self.lock(), key, payload, deadline);
    }

    pub(crate) fn put_in(&self, map: &mut Map, key: &str, payload: Payload, deadline: Option<u64>) {
        let new = !map.entries.contains_key(key);
        let before = map.entries.len();
        if new || self.bug == Bug::OverwriteCulls {
            make_room(map, self, self.now());
        }
        if new && self.bug == Bug::NewKeyCulled && map.entries.len() < before {
            return;
        }
        let tick = map.tick();
        let old = map.entries.get(key);
        let used = match old {
            Some(old) if self.bug == Bug::SetDoesNotPromote => old.used,
            _ => tick,
        };
        let previous = old.map(|old| old.payload.clone());
        map.entries.insert(key.to_owned(), Entry { payload, deadline, used, previous });
    }

    pub(crate) fn add(&self, key: &str, payload: Payload, deadline: Option<u64>) -> bool {
        let now = self.now();
        let mut map = self.lock();
        let absent = map.live(key, now).is_none();
        if absent {
            self.put_in(&mut map, key, payload, deadline);
        }
        absent
    }

    pub(crate) fn touch(&self, key: &str, deadline: Option<u64>) -> bool {
        let now = self.now();
        self.lock().live(key, now).map(|entry| entry.deadline = deadline).is_some()
    }

    pub(crate) fn delete(&self, key: &str) -> bool {
        let now = self.now();
        self.lock().entries.remove(key).is_some_and(|entry| entry.is_live(now))
    }

    pub(crate) fn incr(&self, key: &str, delta: i64) -> Result<i64> {
        let now = self.now();
        let mut map = self.lock();
        let tick = map.tick();
        let entry = map.live(key, now).ok_or_else(|| Error::key_not_found(key))?;
        let Payload::Int(n) = entry.payload else { return Err(Error::not_an_integer(key)) };
        let sum = n.checked_add(delta).ok_or_else(|| Error::overflow(key))?;
        entry.previous = Some(std::mem::replace(&mut entry.payload, Payload::Int(sum)));
        if self.bug != Bug::IncrDoesNotPromote {
            entry.used = tick;
        }
        Ok(sum)
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> bool {
        let now = self.now();
        let mut map = self.lock();
        if map.live(from, now).is_none() {
            return false;
        }
        let entry = map.entries.remove(from);
        entry.map(|entry| map.entries.insert(to.to_owned(), entry)).is_some()
    }

    pub(crate) fn has_key(&self, key: &str) -> bool {
        let now = self.now();
        self.lock().live(key, now).is_some()
    }

    pub(crate) fn clear(&self) {
        self.lock().entries.clear();
    }
}
