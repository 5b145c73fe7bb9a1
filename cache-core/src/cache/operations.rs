//! Every operation but `get_or_set`, written once for sync and async callers.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backend::{BaseCache, MAX_BATCH_LEN};
use crate::cache::Cache;
use crate::cache::observe::{OpTimer, Operation};
use crate::cache::singleflight::Place;
use crate::error::{Error, ErrorKind, Result};
use crate::info::{Info, Presence};
use crate::key::{Key, KeyBuf, KeyList};
use crate::mode::{Mode, poll_now};
use crate::payload::Payload;
use crate::timeout::{Expiry, Timeout};

impl<B: BaseCache + ?Sized> Cache<B> {
    /// The payload of a made key.
    pub(super) async fn load(&self, mode: Mode, key: &KeyBuf) -> Result<Option<Payload>> {
        let timer = self.start_op(Operation::Get);
        let found = self.dispatch(mode).get(key).await;
        self.loaded(timer, found)
    }

    /// [`Cache::load`] and `decode` for calls that never suspend: a hit in memory costs less than the future
    /// around it, and than passing the payload through the error handling.
    #[inline]
    fn load_in_place<T>(&self, key: Key<'_>, decode: impl FnOnce(Payload) -> Result<T>) -> Result<Option<T>> {
        let timer = self.start_op(Operation::Get);
        match self.backend.get(key) {
            Ok(Some(payload)) if !timer.is_timed() => {
                self.record_hit();
                decode(payload).map(Some)
            }
            found => {
                let found = found.map_err(|e| e.for_key(key.as_str()));
                self.loaded(timer, found)?.map(decode).transpose()
            }
        }
    }

    fn loaded(&self, mut timer: OpTimer, found: Result<Option<Payload>>) -> Result<Option<Payload>> {
        if let Ok(found) = &found {
            let hits = u64::from(found.is_some());
            self.record_lookup(&mut timer, hits, 1 - hits);
        }
        self.finish_or_degrade(&timer, found, || None)
    }

    /// Stores a payload if the key has none.
    pub(super) async fn store_new(
        &self,
        mode: Mode,
        key: &KeyBuf,
        payload: Payload,
        expiry: Expiry,
    ) -> Result<bool> {
        let timer = self.start_op(Operation::Add);
        let added = self.dispatch(mode).add(key, payload, expiry).await;
        self.finish_or_degrade(&timer, added, || false)
    }

    /// [`Cache::store_new`] for a flight, which keeps its place until the store has answered.
    pub(super) async fn store_computed(
        &self,
        mode: Mode,
        key: &KeyBuf,
        payload: Payload,
        expiry: Expiry,
        place: Place,
    ) -> Result<bool> {
        let timer = self.start_op(Operation::Add);
        let added = self.dispatch(mode).add_in_flight(key, payload, expiry, place).await;
        self.finish_or_degrade(&timer, added, || false)
    }

    /// Keeps the computations of a key that is about to be removed from storing their values.
    async fn invalidate(&self, mode: Mode, key: Key<'_>) {
        let flights = self.settings.flights.invalidate(mode, key.as_str()).await;
        self.invalidated(flights);
    }

    /// The same for each key of a list.
    async fn invalidate_list(&self, mode: Mode, list: &KeyList) {
        if self.settings.flights.is_idle() {
            return;
        }
        for place in 0..list.len() {
            self.invalidate(mode, list.get(place)).await;
        }
    }

    /// A value that is too large has removed the older one: a removal like any other.
    async fn refused(&self, mode: Mode, key: &KeyBuf, error: &Error) {
        if error.kind() == ErrorKind::ValueTooLarge && !self.settings.flights.is_idle() {
            // It is the refusal that the caller hears of.
            let _ = self.remove(mode, key).await;
        }
    }

    async fn remove(&self, mode: Mode, key: &KeyBuf) -> Result<bool> {
        self.invalidate(mode, key.as_key()).await;
        let timer = self.start_op(Operation::Delete);
        let removed = self.dispatch(mode).delete(key).await;
        self.finish_or_degrade(&timer, removed, || false)
    }

    async fn is_there(&self, mode: Mode, key: &KeyBuf) -> Result<bool> {
        let timer = self.start_op(Operation::HasKey);
        let found = self.dispatch(mode).has_key(key).await;
        self.finish_or_degrade(&timer, found, || false)
    }

    pub(super) fn get_in_place<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let mut made = KeyBuf::default();
        self.key(&mut made, key)?;
        let made = self.made(&made, key);
        self.load_in_place(made, |payload| self.decode(made, payload))
    }

    pub(super) async fn get_suspending<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let mut made = KeyBuf::default();
        self.key(&mut made, key)?;
        let found = self.load(Mode::Async, &made).await?;
        found.map(|payload| self.decode(made.as_key(), payload)).transpose()
    }

    pub(super) fn get_bytes_in_place(&self, key: &str) -> Result<Option<Bytes>> {
        let mut made = KeyBuf::default();
        self.key(&mut made, key)?;
        let made = self.made(&made, key);
        self.load_in_place(made, |payload| self.decode_bytes(made, payload))
    }

    pub(super) async fn get_bytes_suspending(&self, key: &str) -> Result<Option<Bytes>> {
        let mut made = KeyBuf::default();
        self.key(&mut made, key)?;
        let found = self.load(Mode::Async, &made).await?;
        found.map(|payload| self.decode_bytes(made.as_key(), payload)).transpose()
    }

    #[inline]
    pub(super) fn set_in_place(
        &self,
        key: &str,
        timeout: Timeout,
        payload: impl FnOnce(Key<'_>) -> Result<Payload>,
    ) -> Result<()> {
        let mut made = KeyBuf::default();
        self.key(&mut made, key)?;
        let key = self.made(&made, key);
        let payload = payload(key)?;
        match self.expiry(timeout) {
            Some(expiry) => {
                let timer = self.start_op(Operation::Set);
                let stored = self.backend.set(key, payload, expiry).map_err(|e| e.for_key(key.as_str()));
                if let Err(error) = &stored {
                    poll_now(self.refused(Mode::Blocking, &made, error));
                }
                self.finish_or_degrade(&timer, stored, || ())
            }
            None => poll_now(self.remove(Mode::Blocking, &made)).map(drop),
        }
    }

    pub(super) async fn set_suspending(
        &self,
        key: &str,
        timeout: Timeout,
        payload: impl FnOnce(Key<'_>) -> Result<Payload>,
    ) -> Result<()> {
        let mut made = KeyBuf::default();
        self.key(&mut made, key)?;
        let payload = payload(made.as_key())?;
        match self.expiry(timeout) {
            Some(expiry) => {
                let timer = self.start_op(Operation::Set);
                let stored = self.dispatch(Mode::Async).set(&made, payload, expiry).await;
                if let Err(error) = &stored {
                    self.refused(Mode::Async, &made, error).await;
                }
                self.finish_or_degrade(&timer, stored, || ())
            }
            None => self.remove(Mode::Async, &made).await.map(drop),
        }
    }

    #[allow(clippy::future_not_send, reason = "the sync half asks less of a value than `Sync`")]
    pub(super) async fn add_on<T: Serialize + ?Sized>(
        &self,
        mode: Mode,
        key: &str,
        value: &T,
        timeout: Timeout,
    ) -> Result<bool> {
        let mut made = KeyBuf::default();
        self.key(&mut made, key)?;
        let payload = self.encode(made.as_key(), value)?;
        match self.expiry(timeout) {
            Some(expiry) => self.store_new(mode, &made, payload, expiry).await,
            None => {
                let timer = self.start_op(Operation::Add);
                let absent = self.dispatch(mode).has_key(&made).await.map(|there| !there);
                self.finish_or_degrade(&timer, absent, || false)
            }
        }
    }

    pub(super) async fn touch_on(&self, mode: Mode, key: &str, timeout: Timeout) -> Result<bool> {
        let mut made = KeyBuf::default();
        self.key(&mut made, key)?;
        match self.expiry(timeout) {
            Some(expiry) => {
                let timer = self.start_op(Operation::Touch);
                let touched = self.dispatch(mode).touch(&made, expiry).await;
                self.finish_or_degrade(&timer, touched, || false)
            }
            None => self.remove(mode, &made).await,
        }
    }

    pub(super) async fn delete_on(&self, mode: Mode, key: &str) -> Result<bool> {
        let mut made = KeyBuf::default();
        self.key(&mut made, key)?;
        self.remove(mode, &made).await
    }

    pub(super) async fn has_key_on(&self, mode: Mode, key: &str) -> Result<bool> {
        let mut made = KeyBuf::default();
        self.key(&mut made, key)?;
        self.is_there(mode, &made).await
    }

    pub(super) async fn incr_on(&self, mode: Mode, key: &str, delta: i64) -> Result<i64> {
        let mut made = KeyBuf::default();
        self.key(&mut made, key)?;
        self.count(mode, &made, delta).await
    }

    async fn count(&self, mode: Mode, key: &KeyBuf, delta: i64) -> Result<i64> {
        let timer = self.start_op(Operation::Incr);
        let sum = self.dispatch(mode).incr(key, delta).await;
        self.finish(&timer, sum)
    }

    pub(super) async fn decr_on(&self, mode: Mode, key: &str, delta: i64) -> Result<i64> {
        let mut made = KeyBuf::default();
        self.key(&mut made, key)?;
        match delta.checked_neg() {
            Some(delta) => self.count(mode, &made, delta).await,
            None => Err(Error::overflow(made.as_key().as_str())),
        }
    }

    /// Moves `key` to the given version; `None` is a version out of range.
    pub(super) async fn move_on(&self, mode: Mode, key: &str, version: Option<i64>) -> Result<i64> {
        let (mut from, mut to) = (KeyBuf::default(), KeyBuf::default());
        self.key(&mut from, key)?;
        let version = version.ok_or_else(|| Error::overflow(from.as_key().as_str()))?;
        self.settings.keys.make_and_validate(&mut to, &self.settings.keys.prefix_of(version), key)?;
        let timer = self.start_op(Operation::Rename);
        let found = if from.as_key() == to.as_key() {
            self.dispatch(mode).has_key(&from).await
        } else {
            self.invalidate(mode, from.as_key()).await;
            self.dispatch(mode).rename(&from, &to).await
        };
        let found = self.finish(&timer, found)?;
        if found { Ok(version) } else { Err(Error::key_not_found(from.as_key().as_str())) }
    }

    pub(super) async fn get_many_on<K, T>(
        &self,
        mode: Mode,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<(K, T)>>
    where
        K: AsRef<str>,
        T: DeserializeOwned,
    {
        let (mut list, mut made) = (KeyList::default(), KeyBuf::default());
        let mut names = Vec::new();
        for name in keys {
            self.key(&mut made, name.as_ref())?;
            list.push(made.as_key());
            names.push(name);
        }
        let list = Arc::new(list);
        let mut payloads = Vec::with_capacity(list.len());
        for range in batches(list.len()) {
            let len = range.len();
            let mut timer = self.start_op(Operation::GetMany);
            let found = self.dispatch(mode).get_many(&list, range).await;
            if let Ok(found) = &found {
                let hits = found.iter().flatten().count();
                self.record_lookup(&mut timer, hits as u64, (found.len() - hits) as u64);
            }
            payloads.append(&mut self.finish_or_degrade(&timer, found, || vec![None; len])?);
        }
        let mut found = Vec::new();
        for (place, (name, payload)) in names.into_iter().zip(payloads).enumerate() {
            if let Some(payload) = payload {
                found.push((name, self.settings.codecs.decode(list.get(place).as_str(), payload)?));
            }
        }
        Ok(found)
    }

    pub(super) async fn set_many_on<K, T>(
        &self,
        mode: Mode,
        entries: impl IntoIterator<Item = (K, T)>,
        timeout: Timeout,
    ) -> Result<Vec<K>>
    where
        K: AsRef<str>,
        T: Serialize,
    {
        let (mut list, mut made) = (KeyList::default(), KeyBuf::default());
        let mut names = Vec::new();
        let mut payloads = Vec::new();
        for (name, value) in entries {
            self.key(&mut made, name.as_ref())?;
            payloads.push(self.encode(made.as_key(), &value)?);
            list.push(made.as_key());
            names.push(name);
        }
        let Some(expiry) = self.expiry(timeout) else {
            self.delete_list(mode, list).await?;
            return Ok(Vec::new());
        };
        let list = Arc::new(list);
        let mut failed = vec![false; list.len()];
        for range in batches(list.len()) {
            let rest = payloads.split_off(range.len());
            let batch = std::mem::replace(&mut payloads, rest);
            let (start, len) = (range.start, range.len());
            let timer = self.start_op(Operation::SetMany);
            let refused = self.dispatch(mode).set_many(&list, range, batch, expiry).await;
            if let Ok(places) = &refused
                && !places.is_empty()
                && !self.settings.flights.is_idle()
            {
                let keys = places.iter().map(|place| start + place).filter(|place| *place < list.len());
                let mut gone = KeyList::default();
                keys.for_each(|place| gone.push(list.get(place)));
                // As in `refused`; boxed, since it is rare.
                let _ = Box::pin(self.delete_list(mode, gone)).await;
            }
            for place in self.finish_or_degrade(&timer, refused, || (0..len).collect())? {
                if let Some(failed) = failed.get_mut(start + place) {
                    *failed = true;
                }
            }
        }
        Ok(names.into_iter().zip(failed).filter_map(|(name, failed)| failed.then_some(name)).collect())
    }

    pub(super) async fn delete_many_on<K>(&self, mode: Mode, keys: impl IntoIterator<Item = K>) -> Result<()>
    where
        K: AsRef<str>,
    {
        let (mut list, mut made) = (KeyList::default(), KeyBuf::default());
        for name in keys {
            self.key(&mut made, name.as_ref())?;
            list.push(made.as_key());
        }
        self.delete_list(mode, list).await
    }

    async fn delete_list(&self, mode: Mode, list: KeyList) -> Result<()> {
        self.invalidate_list(mode, &list).await;
        let list = Arc::new(list);
        for range in batches(list.len()) {
            let timer = self.start_op(Operation::DeleteMany);
            let removed = self.dispatch(mode).delete_many(&list, range).await;
            self.finish_or_degrade(&timer, removed, || ())?;
        }
        Ok(())
    }

    pub(super) async fn clear_on(&self, mode: Mode) -> Result<()> {
        let flights = self.settings.flights.invalidate_all(mode).await;
        self.invalidated(flights);
        let timer = self.start_op(Operation::Clear);
        let cleared = self.dispatch(mode).clear().await;
        self.finish(&timer, cleared)
    }

    pub(super) async fn ping_on(&self, mode: Mode) -> Result<Presence> {
        self.dispatch(mode).ping().await
    }

    pub(super) async fn info_on(&self, mode: Mode) -> Result<Info> {
        let info = self.dispatch(mode).info().await?;
        #[cfg(feature = "metrics")]
        self.settings.observed.record_info(&info);
        Ok(info)
    }

    pub(super) async fn purge_expired_on(&self, mode: Mode) -> Result<Option<u64>> {
        self.dispatch(mode).purge_expired().await
    }

    pub(super) async fn close_on(&self, mode: Mode) -> Result<()> {
        self.dispatch(mode).close().await
    }
}

/// `0..len` in pieces of at most [`MAX_BATCH_LEN`].
fn batches(len: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..len).step_by(MAX_BATCH_LEN).map(move |start| start..len.min(start + MAX_BATCH_LEN))
}
