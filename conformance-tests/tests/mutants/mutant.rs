//! [`Mutant`]: the reference store with one bug.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cache_core::{
    AsyncWay, BaseCache, Capabilities, Codec, Culling, Error, ErrorKind, Expiry, Key, MessagePack, Payload,
    Result,
};
use conformance_tests::Spec;

use crate::bug::Bug;
use crate::keys::{Call, matches, stored_key};
use crate::reference_store::{FIVE_MINUTES, Store};
use crate::values::{MAX_VALUE, NIL, is_null, read, stored};
use crate::{counters, lifetimes, races};

/// A handle on a location of the reference store, with one bug.
#[derive(Debug)]
pub(crate) struct Mutant {
    pub(crate) bug: Bug,
    pub(crate) store: Arc<Store>,
    /// What this handle alone knows: for the bugs of handles, and for the async path's own store.
    pub(crate) own: Mutex<HashMap<String, Payload>>,
    closed: AtomicBool,
}

impl Mutant {
    pub(crate) fn open(bug: Bug, spec: &Spec) -> Result<Self> {
        let culling = Culling::DEFAULT.cull_frequency(spec.cull_frequency);
        let culling = match spec.max_entries {
            Some(0) if bug == Bug::ZeroEntriesMeansOne => culling.max_entries(1)?,
            Some(max) => culling.max_entries(max)?,
            None if !spec.names_limits => culling,
            None => culling.unlimited(),
        };
        let store = Store::open(&spec.location, bug, culling, spec.names_limits, &spec.clock);
        Ok(Self { bug, store, own: Mutex::default(), closed: AtomicBool::new(false) })
    }

    pub(crate) fn key(&self, key: Key<'_>) -> Result<String> {
        self.key_for(key, Call::Other)
    }

    fn key_for(&self, key: Key<'_>, call: Call) -> Result<String> {
        if self.bug == Bug::ClosedForGood && self.closed.load(Ordering::SeqCst) {
            return Err(Error::unavailable("the connection is closed"));
        }
        stored_key(self.bug, key.as_str(), call)
    }

    pub(crate) fn deadline(&self, expiry: Expiry) -> Result<Option<u64>> {
        lifetimes::deadline(&self.store, expiry)
    }

    fn remembered(&self, key: &str) -> Option<Payload> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn remember(&self, key: &str, payload: Payload) {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), payload);
    }
}

impl BaseCache for Mutant {
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        let key = self.key(key)?;
        let store = &self.store;
        let found = match self.bug {
            Bug::GetIgnoresExpiry => store.lock().entries.get(&key).map(|entry| entry.payload.clone()),
            Bug::GetInventsNull => {
                let null = Payload::Encoded(MessagePack.id(), bytes::Bytes::from_static(NIL));
                Some(store.get(&key).unwrap_or(null))
            }
            Bug::GetSlides => {
                store.touch(&key, self.deadline(FIVE_MINUTES)?);
                store.get(&key)
            }
            Bug::HandlesRemember => {
                let found = self.remembered(&key).or_else(|| store.get(&key));
                if let Some(payload) = &found {
                    self.remember(&key, payload.clone());
                }
                found
            }
            Bug::ReaderRemovesExpired => races::get_removing_expired(store, &key),
            Bug::StaleReads => races::get_stale_at_times(store, &key),
            _ => store.get(&key),
        };
        Ok(found.and_then(|payload| read(self.bug, payload)))
    }

    fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        let key = self.key_for(key, Call::Set)?;
        let value = match stored(self.bug, &key, value) {
            Ok(value) => value,
            Err(e) => {
                if self.bug != Bug::RejectedSetKeepsOld {
                    self.store.delete(&key);
                }
                return Err(e);
            }
        };
        let store = &self.store;
        let deadline = self.deadline(expiry)?;
        match self.bug {
            Bug::OverwriteKeepsLifetime => {
                let now = store.now();
                let mut map = store.lock();
                let kept = map.live(&key, now).map(|entry| entry.deadline);
                store.put_in(&mut map, &key, value, kept.unwrap_or(deadline));
            }
            Bug::HandlesRemember => {
                self.remember(&key, value.clone());
                store.put(&key, value, deadline);
            }
            Bug::SetStoresNothing => {}
            Bug::SetsLostAtTimes => {
                store.put(&key, value, deadline);
                if store.lock().tick().is_multiple_of(1_000) {
                    store.delete(&key);
                }
            }
            Bug::ClearedForGood if store.lock().cleared => {}
            Bug::TornWrites => races::set_torn(store, &key, value, deadline),
            Bug::ForeignValues => races::set_through_one_buffer(store, &key, value, deadline),
            Bug::SetRemovesFirst => {
                store.delete(&key);
                races::gap();
                store.put(&key, value, deadline);
            }
            Bug::BoundRacy => races::put_counting_first(store, &key, value, deadline),
            Bug::LimitPerHandle => {
                self.remember(&key, Payload::Int(0));
                let own = self.own.lock().unwrap_or_else(PoisonError::into_inner).len() as u64;
                let mut map = store.lock();
                let over = store.culling().limit().is_some_and(|limit| own > limit);
                if over {
                    store.put_in(&mut map, &key, value, deadline);
                } else {
                    let unlimited = Store::new(self.bug, store.culling().unlimited(), store.clock.clone());
                    unlimited.put_in(&mut map, &key, value, deadline);
                }
            }
            _ => store.put(&key, value, deadline),
        }
        Ok(())
    }

    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        let key = self.key_for(key, Call::Add)?;
        let value = stored(self.bug, &key, value)?;
        let deadline = self.deadline(expiry)?;
        let store = &self.store;
        let now = store.now();
        Ok(match self.bug {
            Bug::AddOverwrites => {
                store.put(&key, value, deadline);
                true
            }
            Bug::AddSaysFalse => {
                store.add(&key, value, deadline);
                false
            }
            Bug::AddStoresNothing => !store.has_key(&key),
            Bug::AddAfterDeleteFalse if store.lock().deleted.contains(&key) => false,
            Bug::AddPresentTrue => {
                store.add(&key, value, deadline);
                true
            }
            Bug::AddRefreshesLifetime => {
                let added = store.add(&key, value, deadline);
                added || !store.touch(&key, deadline)
            }
            Bug::AddOverExpiredFalse if store.lock().entries.contains_key(&key) => false,
            Bug::FailedAddCulls => {
                let mut map = store.lock();
                let present = map.live(&key, now).is_some();
                crate::culling::make_room(&mut map, store, now);
                drop(map);
                !present && store.add(&key, value, deadline)
            }
            Bug::AddRacy => {
                let absent = !store.has_key(&key);
                races::gap();
                if absent {
                    store.put(&key, value, deadline);
                }
                absent
            }
            Bug::AddRacyOnExpiry => {
                let expired = store.lock().entries.get(&key).is_some_and(|entry| !entry.is_live(now));
                if expired {
                    races::gap();
                    store.lock().entries.remove(&key);
                }
                store.add(&key, value, deadline)
            }
            _ => store.add(&key, value, deadline),
        })
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        let key = self.key(key)?;
        let deadline = self.deadline(expiry)?;
        let store = &self.store;
        let now = store.now();
        Ok(match self.bug {
            Bug::TouchPersistentFalse if expiry == Expiry::Never => {
                let persistent = store.lock().live(&key, now).is_some_and(|entry| entry.deadline.is_none());
                !persistent && store.touch(&key, deadline)
            }
            Bug::TouchRevives => {
                store.lock().entries.get_mut(&key).map(|entry| entry.deadline = deadline).is_some()
            }
            Bug::TouchSaysTrue => {
                store.touch(&key, deadline);
                true
            }
            Bug::TouchDoesNothing => store.has_key(&key),
            Bug::TouchNeverIgnored if expiry == Expiry::Never => store.has_key(&key),
            Bug::TouchOnlyExtends => {
                let later = |old: Option<u64>| Some(old?.max(deadline?));
                let mut map = store.lock();
                map.live(&key, now).map(|entry| entry.deadline = later(entry.deadline)).is_some()
            }
            Bug::TouchLosesValue => {
                let empty = Payload::Bytes(bytes::Bytes::new());
                let mut map = store.lock();
                let entry = map.live(&key, now);
                entry.map(|entry| (entry.payload, entry.deadline) = (empty, deadline)).is_some()
            }
            Bug::TouchRemovesFirst => races::touch_in_place(store, &key, deadline),
            Bug::TouchWritesBack => races::touch_writing_back(store, &key, deadline),
            _ => store.touch(&key, deadline),
        })
    }

    fn delete(&self, key: Key<'_>) -> Result<bool> {
        let key = self.key(key)?;
        let store = &self.store;
        Ok(match self.bug {
            Bug::DeleteExpiredTrue => store.lock().entries.remove(&key).is_some(),
            Bug::DeleteSaysFalse => {
                store.delete(&key);
                false
            }
            Bug::DeleteNullFalse => {
                let null = store.get(&key).is_some_and(|payload| is_null(&payload));
                store.delete(&key) && !null
            }
            Bug::AddAfterDeleteFalse => {
                let deleted = store.delete(&key);
                store.lock().deleted.push(key);
                deleted
            }
            Bug::DeletedStillCount => {
                let deleted = store.delete(&key);
                store.lock().ghosts += usize::from(deleted);
                deleted
            }
            Bug::KeysGlobbed | Bug::KeysLiked => {
                let (many, one) = if self.bug == Bug::KeysGlobbed { ('*', '?') } else { ('%', '_') };
                let mut map = store.lock();
                let before = map.entries.len();
                map.entries.retain(|other, _| !matches(&key, other, many, one));
                map.entries.len() < before
            }
            Bug::HandlesRemember => {
                self.own.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
                store.delete(&key)
            }
            _ => store.delete(&key),
        })
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        let key = self.key(key)?;
        counters::incr(self, &key, delta)
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        let (from, to) = (self.key(from)?, self.key(to)?);
        let store = &self.store;
        let now = store.now();
        Ok(match self.bug {
            Bug::RenameResetsLifetime => {
                let moved = store.rename(&from, &to);
                moved && store.touch(&to, self.deadline(FIVE_MINUTES)?)
            }
            Bug::RenameCopies => {
                let mut map = store.lock();
                let entry = map.live(&from, now).cloned();
                entry.map(|entry| map.entries.insert(to, entry)).is_some()
            }
            Bug::RenameSparesTarget => {
                if store.has_key(&to) {
                    store.delete(&from)
                } else {
                    store.rename(&from, &to)
                }
            }
            Bug::RenameRemovesFirst => races::rename_removing_first(store, &from, &to),
            Bug::RenameRacy => races::rename_racy(store, &from, &to),
            Bug::RenameMissingTrue => {
                store.rename(&from, &to);
                true
            }
            Bug::RenameRevives => {
                let never = self.deadline(FIVE_MINUTES)?;
                let mut map = store.lock();
                let entry = map.entries.remove(&from);
                let entry = entry.map(|mut entry| {
                    if !entry.is_live(now) {
                        entry.deadline = never;
                    }
                    entry
                });
                entry.map(|entry| map.entries.insert(to, entry)).is_some()
            }
            Bug::RenameDropsNull if store.get(&from).is_some_and(|payload| is_null(&payload)) => false,
            _ => store.rename(&from, &to),
        })
    }

    fn clear(&self) -> Result<()> {
        let store = &self.store;
        let now = store.now();
        match self.bug {
            Bug::ClearOnePrefix => store.lock().entries.retain(|key, _| !key.starts_with(':')),
            Bug::ClearSparesExpired => store.lock().entries.retain(|_, entry| !entry.is_live(now)),
            Bug::ClearRaisesWhenEmpty if store.lock().entries.is_empty() => {
                return Err(Error::storage("there is nothing to clear"));
            }
            Bug::ClearLater => {
                let store = Arc::clone(store);
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(2));
                    store.clear();
                });
            }
            Bug::ClearedForGood => {
                store.clear();
                store.lock().cleared = true;
            }
            Bug::ClearAllLocations => Store::all_with(self.bug).iter().for_each(|store| store.clear()),
            _ => store.clear(),
        }
        Ok(())
    }

    fn has_key(&self, key: Key<'_>) -> Result<bool> {
        let key = self.key(key)?;
        let store = &self.store;
        Ok(match self.bug {
            Bug::HasKeyIgnoresExpiry => store.lock().entries.contains_key(&key),
            Bug::HasKeyInWholeSeconds => {
                let second = |ns: u64| ns / 1_000_000_000;
                let now = store.now();
                let map = store.lock();
                map.entries
                    .get(&key)
                    .is_some_and(|entry| entry.deadline.is_none_or(|deadline| second(deadline) > second(now)))
            }
            Bug::HasKeySlides => {
                store.touch(&key, self.deadline(FIVE_MINUTES)?);
                store.has_key(&key)
            }
            Bug::HasKeyPromotes => store.get(&key).is_some(),
            Bug::HasKeyConsumes => store.delete(&key),
            Bug::NullIsMiss | Bug::EmptyIsMiss => {
                store.get(&key).is_some_and(|payload| read(self.bug, payload).is_some())
            }
            _ => store.has_key(&key),
        })
    }

    fn get_many(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
        if self.bug == Bug::GetManyTooMany && keys.len() > 999 {
            return Err(Error::storage("too many SQL variables"));
        }
        let mut sorted = keys.to_vec();
        if self.bug == Bug::GetManySorted {
            sorted.sort();
        }
        let mut found: Vec<Option<Payload>> = match self.bug {
            Bug::GetManyShowsExpired => {
                let map = self.store.lock();
                let payload = |key: &Key<'_>| Some(map.entries.get(key.as_str())?.payload.clone());
                sorted.iter().map(payload).collect()
            }
            _ => sorted.iter().map(|&key| self.get(key)).collect::<Result<_>>()?,
        };
        for (place, key) in keys.iter().enumerate() {
            let lost = match self.bug {
                Bug::GetManyOnlyLast => keys[place + 1..].contains(key),
                Bug::GetManyOnlyFirst => keys[..place].contains(key),
                Bug::GetManyOmitsNulls => found[place].as_ref().is_some_and(is_null),
                _ => false,
            };
            if lost {
                found[place] = None;
            }
        }
        Ok(found)
    }

    fn set_many(&self, entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Result<Vec<usize>> {
        let expiry = if self.bug == Bug::SetManyForgetsLifetime { Expiry::Never } else { expiry };
        let mut failed = Vec::new();
        for (place, (key, value)) in entries.iter().enumerate() {
            if self.bug == Bug::SetManyLosesLast && place + 1 == entries.len() {
                continue;
            }
            match self.set(*key, value.clone(), expiry) {
                Err(e) if e.kind() == ErrorKind::ValueTooLarge && self.bug != Bug::SetManyRaises => {
                    failed.push(place);
                    if self.bug == Bug::SetManyStopsAtFailure {
                        break;
                    }
                }
                result => result?,
            }
        }
        Ok(failed)
    }

    fn delete_many(&self, keys: &[Key<'_>]) -> Result<()> {
        if self.bug == Bug::DeleteManyTooMany && keys.len() > 999 {
            return Err(Error::storage("too many SQL variables"));
        }
        let spared = usize::from(self.bug == Bug::DeleteManyMissesLast);
        for &key in &keys[..keys.len().saturating_sub(spared)] {
            let deleted = self.delete(key)?;
            if !deleted && self.bug == Bug::DeleteManyAbsentRaises {
                return Err(Error::key_not_found(key.as_str()));
            }
        }
        Ok(())
    }

    fn close(&self) -> Result<()> {
        let again = self.closed.swap(true, Ordering::SeqCst);
        match self.bug {
            Bug::CloseTwiceFails if again => return Err(Error::unavailable("the connection is closed")),
            Bug::CloseClears => self.store.clear(),
            _ => {}
        }
        Ok(())
    }

    fn entries(&self) -> Result<Option<u64>> {
        Ok(Some(self.store.lock().entries.len() as u64))
    }

    fn purge_expired(&self) -> Result<Option<u64>> {
        let now = self.store.now();
        let mut map = self.store.lock();
        let before = map.entries.len();
        map.entries.retain(|_, entry| entry.is_live(now));
        Ok(Some((before - map.entries.len()) as u64))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::DEFAULT
            .with_evicting(self.store.culling().limit().is_some())
            .with_lru(true)
            .with_max_value_size(MAX_VALUE)
            .with_persistent(matches!(self.bug, Bug::PersistentInNameOnly | Bug::ProcessLocal))
            .with_cross_process(self.bug == Bug::ProcessLocal)
    }

    fn as_async(&self) -> AsyncWay<'_> {
        if self.bug.is_native() { AsyncWay::Native(self) } else { AsyncWay::Inline }
    }
}

impl Drop for Mutant {
    fn drop(&mut self) {
        if self.bug == Bug::DropClears {
            self.store.clear();
        }
    }
}
