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
use crate::timeout::{Expiry, Timeout};

impl<B: BaseCache + ?Sized> Cache<B> {
    pub(super) async fn get_or_set_on<T, E, F, Fut>(
        &self,
        mode: Mode,
        key: &str,
        timeout: Timeout,
        function: F,
    ) -> Result<T, E>
    where
        T: Serialize + DeserializeOwned,
        E: From<Error>,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let mut made = KeyBuf::default();
        self.key(&mut made, key)?;
        let expiry = self.expiry(timeout);
        let flights = &self.settings.flights;
        let name = made.as_key().as_str();
        let mark = flights.mark(name);
        if let Some(payload) = self.load(mode, &made).await? {
            return Ok(self.decode(made.as_key(), payload)?);
        }
        let deadline = Instant::now() + flights.wait();
        let mut leader = loop {
            match flights.join(name) {
                Role::Leader(leader) => {
                    // Someone may have stored the key between our miss and our lead.
                    if leader.others_ended_since(mark)
                        && let Some(payload) = self.load(mode, &made).await?
                    {
                        let value = self.decode(made.as_key(), payload.clone())?;
                        leader.complete(payload);
                        return Ok(value);
                    }
                    break leader;
                }
                Role::Waiter(flight) => {
                    let stopwatch = self.stopwatch();
                    let outcome = flight.wait(mode, deadline).await;
                    self.waited(stopwatch);
                    match outcome {
                        WaitOutcome::Ready(payload) => {
                            self.coalesced();
                            return Ok(self.decode(made.as_key(), payload)?);
                        }
                        WaitOutcome::Failed => {}
                        WaitOutcome::TimedOut => break flights.solo(name),
                    }
                }
                Role::Inside => break flights.solo(name),
            }
        };
        // The function's future has one place in this one: with two, each call within a call doubles it.
        let computing = pin!(async { function().await });
        let stopwatch = self.stopwatch();
        let computed = leader.run(computing).await;
        self.computed(stopwatch);
        let (value, payload) = self.store(mode, &made, expiry, &mut leader, computed?).await?;
        leader.complete(payload);
        Ok(value)
    }

    /// Stores a computed value unless the key exists by now, and returns the value that the cache holds.
    /// If the key was removed during the computation, returns the value without storing it.
    async fn store<T: Serialize + DeserializeOwned>(
        &self,
        mode: Mode,
        key: &KeyBuf,
        expiry: Option<Expiry>,
        leader: &mut Leader<'_>,
        computed: T,
    ) -> Result<(T, Payload)> {
        let payload = self.encode(key.as_key(), &computed)?;
        let Some(expiry) = expiry else { return Ok((computed, payload)) };
        let Some(place) = leader.begin_storing() else { return Ok((computed, payload)) };
        // One place, as above.
        let storing = pin!(self.store_computed(mode, key, payload.clone(), expiry, place));
        match leader.run(storing).await {
            Ok(true) => return Ok((computed, payload)),
            Ok(false) => {}
            // Whether it was stored or not, the value is computed, and a degraded cache gives it.
            Err(e) if e.kind() == ErrorKind::OutcomeUnknown && self.degrades() => {
                return Ok((computed, payload));
            }
            Err(e) => return Err(e),
        }
        match self.load(mode, key).await? {
            Some(winner) => Ok((self.decode(key.as_key(), winner.clone())?, winner)),
            // Gone again between the two calls, or the store is unreachable.
            None => Ok((computed, payload)),
        }
    }
}
