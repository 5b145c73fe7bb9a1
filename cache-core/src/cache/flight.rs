//! Single flight: of all callers that miss one key at once, one computes and the others wait.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::landing::Flight;
use crate::payload::Payload;
use crate::sync::{AtomicU64, Mutex, MutexGuard, thread_local};

const SHARDS: usize = 16;

/// The computations under way in one cache, by made key.
pub(crate) struct Flights {
    shards: [Shard; SHARDS],
    hasher: RandomState,
    wait: Duration,
}

#[derive(Default)]
struct Shard {
    flying: Mutex<HashMap<Box<str>, Arc<Flight>>>,
    /// How many flights have ended here.
    ended: AtomicU64,
}

/// What a caller is, once it has joined.
pub(crate) enum Joined<'a> {
    /// It computes; the others wait for it.
    Leader(Leader<'a>),
    /// Another caller computes.
    Waiter(Arc<Flight>),
    /// The caller runs inside the computation of this very key.
    Inside,
}

/// Flights are numbered across all caches: [`LEADING`] tells those of one from another's by it.
static NEXT_ID: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

thread_local! {
    /// The flights whose functions are running on this thread's stack right now.
    static LEADING: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

impl Flights {
    pub(crate) fn new(wait: Duration) -> Self {
        Self { shards: Default::default(), hasher: RandomState::new(), wait }
    }

    /// How long a waiter waits.
    pub(crate) const fn wait(&self) -> Duration {
        self.wait
    }

    /// A mark to take before looking into the cache: see [`Leader::others_ended_since`].
    pub(crate) fn mark(&self, key: &str) -> u64 {
        self.shard(key).ended.load(Ordering::Acquire)
    }

    pub(crate) fn join(&self, key: &str) -> Joined<'_> {
        let shard = self.shard(key);
        let mut flying = shard.lock();
        if let Some(flight) = flying.get(key) {
            if LEADING.with(|leading| leading.borrow().contains(&flight.id)) {
                return Joined::Inside;
            }
            return Joined::Waiter(Arc::clone(flight));
        }
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let flight = Arc::new(Flight::new(id));
        flying.insert(key.into(), Arc::clone(&flight));
        Joined::Leader(Leader { shard, key: key.into(), flight, outcome: None })
    }

    fn shard(&self, key: &str) -> &Shard {
        let hash = self.hasher.hash_one(key);
        &self.shards[usize::try_from(hash % SHARDS as u64).unwrap_or_default()]
    }
}

impl Shard {
    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Flight>>> {
        self.flying.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right, and the duty, to end a flight. Dropped without [`Leader::land`] it fails the
/// flight, so that an error, a panic or a cancelled task lets the next waiter lead.
pub(crate) struct Leader<'a> {
    shard: &'a Shard,
    key: Box<str>,
    flight: Arc<Flight>,
    /// What it lands with.
    outcome: Option<Payload>,
}

impl Leader<'_> {
    /// Whether another flight may have stored the key after `mark` was taken: then look again.
    pub(crate) fn others_ended_since(&self, mark: u64) -> bool {
        self.shard.ended.load(Ordering::Acquire) != mark
    }

    /// Runs `function` so that a call for the same key from inside it is known as such.
    pub(crate) async fn run<F: Future>(&self, function: F) -> F::Output {
        let mut function = pin!(function);
        poll_fn(|cx| {
            let _inside = Inside::enter(self.flight.id);
            function.as_mut().poll(cx)
        })
        .await
    }

    /// Ends the flight with what the cache now holds.
    pub(crate) fn land(mut self, payload: Payload) {
        self.outcome = Some(payload);
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        let mut flying = self.shard.lock();
        // Before the lock is free: whoever finds the key with no flight must see that one ended.
        self.shard.ended.fetch_add(1, Ordering::Release);
        flying.remove(&self.key);
        drop(flying);
        // Without a landing it has failed.
        self.flight.end(self.outcome.take());
    }
}

/// Marks a flight as running on this thread's stack, for as long as it lives.
struct Inside;

impl Inside {
    fn enter(id: u64) -> Self {
        LEADING.with(|leading| leading.borrow_mut().push(id));
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        LEADING.with(|leading| leading.borrow_mut().pop());
    }
}
