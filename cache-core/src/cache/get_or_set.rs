//! `get_or_set`, written once for all its forms.

use std::future::Future;
use std::pin::pin;
use std::time::Instant;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backend::BaseCache;
use crate::cache::Cache;
use crate::cache::singleflight::{Leader, Role, WaitOutcome};
use crate::error::{Error, ErrorKind, Result};
use crate::key::KeyBuf;
use crate::mode::Mode;
use crate::payload::Payload;
use crate::timeout::Timeout;

impl<B: BaseCache + ?Sized> Cache<B> {
    /// Returns the value of `key`, or what `function` computes on a miss. Errors of the cache are the caller's.
    pub(super) fn get_or_set_on<T, E, F, Fut>(
        &self,
        mode: Mode,
        key: &str,
        timeout: Timeout,
        function: F,
    ) -> impl Future<Output = Result<T, E>>
    where
        T: Serialize + DeserializeOwned,
        E: From<Error>,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        self.get_or_compute(mode, key, move |_: &T| timeout, |error| Err(E::from(error)), function)
    }

    /// [`Cache::get_or_set_on`] with a timeout that may depend on the value, and `failed`, which is told each error
    /// of the cache: it returns an error for the caller, or goes on without the cache.
    pub(super) async fn get_or_compute<T, E, F, Fut>(
        &self,
        mode: Mode,
        key: &str,
        timeout: impl FnOnce(&T) -> Timeout,
        failed: impl Fn(Error) -> Result<(), E> + Copy,
        function: F,
    ) -> Result<T, E>
    where
        T: Serialize + DeserializeOwned,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let mut made = KeyBuf::default();
        let keyed = self.key(&mut made, key);
        let flights = &self.settings.flights;
        let name = made.as_key().as_str();
        let leader = 'lead: {
            if let Err(error) = keyed {
                failed(error)?;
                break 'lead None;
            }
            let mark = flights.mark(name);
            let loaded = self.load(mode, &made).await;
            if let Some(value) = self.value_of(&made, loaded, failed)? {
                return Ok(value);
            }
            let deadline = Instant::now() + flights.wait();
            loop {
                match flights.join(name) {
                    Role::Leader(leader) => {
                        // Someone may have stored the key between our miss and our lead.
                        if leader.others_ended_since(mark) {
                            let loaded = self.load(mode, &made).await;
                            let payload = loaded.as_ref().ok().and_then(Clone::clone);
                            if let Some(value) = self.value_of(&made, loaded, failed)? {
                                complete(leader, payload);
                                return Ok(value);
                            }
                        }
                        break Some(leader);
                    }
                    Role::Waiter(flight) => {
                        let stopwatch = self.stopwatch();
                        let outcome = flight.wait(mode, deadline).await;
                        self.waited(stopwatch);
                        match outcome {
                            WaitOutcome::Ready(payload) => {
                                self.coalesced();
                                if let Some(value) = self.value_of(&made, Ok(Some(payload)), failed)? {
                                    return Ok(value);
                                }
                                break Some(flights.solo(name));
                            }
                            WaitOutcome::Failed => {}
                            WaitOutcome::TimedOut => break Some(flights.solo(name)),
                        }
                    }
                    Role::Inside => break Some(flights.solo(name)),
                }
            }
        };
        // The function's future has one place in this one: with two, each call within a call doubles it.
        let computing = pin!(async { function().await });
        let stopwatch = self.stopwatch();
        let computed = match &leader {
            Some(leader) => leader.run(computing).await,
            None => computing.await,
        };
        self.computed(stopwatch);
        let computed = computed?;
        let Some(mut leader) = leader else { return Ok(computed) };
        let timeout = timeout(&computed);
        let (value, payload) = self.store(mode, &made, timeout, &mut leader, computed, failed).await?;
        complete(leader, payload);
        Ok(value)
    }

    /// The value of what was loaded. `None` for a miss, and where `failed` goes on without the cache.
    fn value_of<T: DeserializeOwned, E>(
        &self,
        key: &KeyBuf,
        loaded: Result<Option<Payload>>,
        failed: impl Fn(Error) -> Result<(), E> + Copy,
    ) -> Result<Option<T>, E> {
        let value =
            loaded.and_then(|found| found.map(|payload| self.decode(key.as_key(), payload)).transpose());
        value.or_else(|error| failed(error).map(|()| None))
    }

    /// Stores a computed value unless the key exists by now, and returns the value that the cache holds, with its
    /// payload if there is one. If the key was removed during the computation, returns the value without storing it.
    async fn store<T: Serialize + DeserializeOwned, E>(
        &self,
        mode: Mode,
        key: &KeyBuf,
        timeout: Timeout,
        leader: &mut Leader<'_>,
        computed: T,
        failed: impl Fn(Error) -> Result<(), E> + Copy,
    ) -> Result<(T, Option<Payload>), E> {
        let payload = match self.encode(key.as_key(), &computed) {
            Ok(payload) => payload,
            Err(error) => return failed(error).map(|()| (computed, None)),
        };
        let Some(expiry) = self.expiry(timeout) else { return Ok((computed, Some(payload))) };
        let Some(place) = leader.begin_storing() else { return Ok((computed, Some(payload))) };
        // One place, as above.
        let storing = pin!(self.store_computed(mode, key, payload.clone(), expiry, place));
        match leader.run(storing).await {
            Ok(true) => return Ok((computed, Some(payload))),
            Ok(false) => {}
            // Whether it was stored or not, the value is computed, and a degraded cache gives it.
            Err(e) if e.kind() == ErrorKind::OutcomeUnknown && self.degrades() => {
                return Ok((computed, Some(payload)));
            }
            Err(error) => return failed(error).map(|()| (computed, Some(payload))),
        }
        let winner = self.load(mode, key).await;
        let stored = winner.as_ref().ok().and_then(Clone::clone);
        match self.value_of(key, winner, failed)? {
            Some(value) => Ok((value, stored)),
            // Gone again between the two calls, or the store is unreachable.
            None => Ok((computed, Some(payload))),
        }
    }
}

/// Ends a flight. A value without a payload fails it: then each of its callers computes its own.
fn complete(leader: Leader<'_>, payload: Option<Payload>) {
    if let Some(payload) = payload {
        leader.complete(payload);
    }
}
