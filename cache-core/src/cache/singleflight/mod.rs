//! Single flight: of all callers that miss one key at once, one computes and the others wait.
//!
//! A flight is *computing* until its leader asks to store ([`Leader::begin_storing`]), *storing* until
//! the store has answered ([`Place`] is dropped), and then it has ended. It changes state under the lock
//! of its shard. A removal ([`Flights::invalidate`]) takes a computing flight out of the shard, so that
//! its leader stores nothing, and waits for a storing one.

mod wait;

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

pub(crate) use self::wait::{Flight, WaitOutcome};
use crate::mode::Mode;
use crate::payload::Payload;
use crate::sync::{AtomicU64, Mutex, MutexGuard, thread_local};

const SHARDS: usize = 16;

/// How long a removal waits for a flight that is storing. A call of a store ends within its own, shorter timeout;
/// this limit is for a task that nothing polls.
const STORE_WAIT: Duration = Duration::from_secs(10);

/// A wait beyond a day is a hang. The limit also keeps every deadline within the range of the clock.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// The computations under way in one cache, by made key.
pub(crate) struct Flights {
    shards: [Shard; SHARDS],
    /// How many flights are under way in all shards.
    under_way: AtomicU64,
    hasher: RandomState,
    wait: Duration,
}

#[derive(Default)]
struct Shard {
    in_flight: Mutex<InFlight>,
    /// How many flights have ended here.
    ended: AtomicU64,
}

/// The flights of each key: one that callers may join, and any number of others.
type InFlight = HashMap<Arc<str>, Vec<Entry>>;

struct Entry {
    flight: Arc<Flight>,
    /// Whether callers may join it.
    is_shared: bool,
    phase: Phase,
}

enum Phase {
    Computing,
    /// With a flight that ends when the store has answered, if a removal waits for that.
    Storing(Option<Arc<Flight>>),
}

/// What a caller has to do, once it has joined.
pub(crate) enum Role<'a> {
    /// It computes; the others wait for it.
    Leader(Leader<'a>),
    /// Another caller computes.
    Waiter(Arc<Flight>),
    /// The caller runs inside the computation of this very key.
    Inside,
}

/// Flights are numbered across all caches, so that [`LEADING`] can tell those of one cache from another's.
static NEXT_ID: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

thread_local! {
    /// The flights whose functions are running, or storing, on this thread's stack right now.
    static LEADING: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

impl Flights {
    pub(crate) fn new(wait: Duration) -> Self {
        let under_way = AtomicU64::new(0);
        let wait = wait.min(LONGEST_WAIT);
        Self { shards: Default::default(), under_way, hasher: RandomState::new(), wait }
    }

    /// How long a waiter waits.
    pub(crate) const fn wait(&self) -> Duration {
        self.wait
    }

    /// A mark to take before looking into the cache: see [`Leader::others_ended_since`].
    pub(crate) fn mark(&self, key: &str) -> u64 {
        self.shard(key).ended.load(Ordering::Acquire)
    }

    /// Leads a flight for `key`, or waits for the current one.
    pub(crate) fn join<'a>(self: &'a Arc<Self>, key: &'a str) -> Role<'a> {
        let mut in_flight = self.shard(key).lock();
        if let Some(entry) = in_flight.get(key).and_then(|all| all.iter().find(|one| one.is_shared)) {
            if is_inside(&entry.flight) {
                return Role::Inside;
            }
            return Role::Waiter(Arc::clone(&entry.flight));
        }
        Role::Leader(self.start(&mut in_flight, key, true))
    }

    /// Leads a flight that nobody joins: for a caller that computes despite a current flight.
    pub(crate) fn solo<'a>(self: &'a Arc<Self>, key: &'a str) -> Leader<'a> {
        self.start(&mut self.shard(key).lock(), key, false)
    }

    fn start<'a>(self: &'a Arc<Self>, in_flight: &mut InFlight, key: &'a str, is_shared: bool) -> Leader<'a> {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        let flight = Arc::new(Flight::new(NEXT_ID.fetch_add(1, Ordering::Relaxed)));
        let name: Arc<str> = key.into();
        let entry = Entry { flight: Arc::clone(&flight), is_shared, phase: Phase::Computing };
        in_flight.entry(Arc::clone(&name)).or_default().push(entry);
        let place = Place { flights: Arc::clone(self), key: name, flight: Arc::clone(&flight) };
        Leader { flights: self, key, flight, place: Some(place), outcome: None }
    }

    /// Returns whether nothing is being computed.
    ///
    /// Relaxed is enough. A caller that changes the source of a computation and then removes the key comes after
    /// that computation's reading, ordered by the lock or the server that both asked: it finds the flight counted.
    /// A caller that no longer finds it counted asks the store after the leader did.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) == 0
    }

    /// Keeps the current flights of `key` from storing their values. Call it before removing the key.
    /// Returns how many flights it invalidated.
    pub(crate) async fn invalidate(&self, mode: Mode, key: &str) -> u64 {
        if self.is_idle() {
            return 0;
        }
        let mut overtaken = Overtaken::default();
        if let Some(entries) = self.shard(key).lock().get_mut(key) {
            overtaken.take(entries);
        }
        self.overtake(mode, overtaken).await
    }

    /// [`Flights::invalidate`] for all keys.
    pub(crate) async fn invalidate_all(&self, mode: Mode) -> u64 {
        if self.is_idle() {
            return 0;
        }
        let mut overtaken = Overtaken::default();
        for shard in &self.shards {
            shard.lock().values_mut().for_each(|entries| overtaken.take(entries));
        }
        self.overtake(mode, overtaken).await
    }

    async fn overtake(&self, mode: Mode, overtaken: Overtaken) -> u64 {
        let invalidated = overtaken.computing.len() as u64;
        self.under_way.fetch_sub(invalidated, Ordering::Relaxed);
        drop(overtaken.computing);
        if !overtaken.storing.is_empty() {
            // Boxed: it is rare, and each removal's future would have its size.
            Box::pin(outlast(mode, overtaken.storing)).await;
        }
        invalidated
    }

    fn shard(&self, key: &str) -> &Shard {
        let hash = self.hasher.hash_one(key);
        &self.shards[usize::try_from(hash % SHARDS as u64).unwrap_or_default()]
    }
}

impl Shard {
    fn lock(&self) -> MutexGuard<'_, InFlight> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The flights that a removal found.
#[derive(Default)]
struct Overtaken {
    /// Taken out of their shards: dropped with the lock free.
    computing: Vec<Entry>,
    /// Each with the flight that ends when its store has answered.
    storing: Vec<(Arc<Flight>, Arc<Flight>)>,
}

impl Overtaken {
    /// Takes the flights of one key. The empty key may stay until the next flight's end.
    fn take(&mut self, entries: &mut Vec<Entry>) {
        self.computing.extend(entries.extract_if(.., |entry| matches!(entry.phase, Phase::Computing)));
        for entry in entries {
            if let Phase::Storing(answered) = &mut entry.phase {
                let answered = answered.get_or_insert_with(|| Arc::new(Flight::new(entry.flight.id)));
                self.storing.push((Arc::clone(&entry.flight), Arc::clone(answered)));
            }
        }
    }
}

/// Waits until these have stored. A flight that takes longer removes its value itself once it has stored it.
async fn outlast(mode: Mode, storing: Vec<(Arc<Flight>, Arc<Flight>)>) {
    let deadline = Instant::now() + STORE_WAIT;
    for (flight, answered) in storing {
        // It would wait for itself: the store has called the cache.
        if is_inside(&flight) || matches!(answered.wait(mode, deadline).await, WaitOutcome::TimedOut) {
            flight.overtake();
        }
    }
}

fn is_inside(flight: &Flight) -> bool {
    LEADING.with(|leading| leading.borrow().contains(&flight.id))
}

/// A flight's place in its shard: it leaves when this is dropped.
pub(crate) struct Place {
    flights: Arc<Flights>,
    key: Arc<str>,
    flight: Arc<Flight>,
}

impl Place {
    /// Whether a removal has given up waiting for the store's answer. Then the stored value must be removed.
    pub(crate) fn is_overtaken(&self) -> bool {
        self.flight.is_overtaken()
    }

    fn entry<'a>(&self, in_flight: &'a mut InFlight) -> Option<&'a mut Entry> {
        in_flight.get_mut(&self.key)?.iter_mut().find(|one| one.flight.id == self.flight.id)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let shard = self.flights.shard(&self.key);
        let mut in_flight = shard.lock();
        // Counted under the lock, so that a caller who finds no flight sees that one has ended.
        shard.ended.fetch_add(1, Ordering::Release);
        let mut own = None;
        if let Some(entries) = in_flight.get_mut(&self.key) {
            let place = entries.iter().position(|one| one.flight.id == self.flight.id);
            own = place.map(|place| entries.swap_remove(place));
            if entries.is_empty() {
                in_flight.remove(&self.key);
            }
        }
        drop(in_flight);
        let Some(own) = own else { return };
        self.flights.under_way.fetch_sub(1, Ordering::Relaxed);
        if let Phase::Storing(Some(answered)) = own.phase {
            answered.end(None);
        }
    }
}

/// The right, and the duty, to end a flight. Dropped without [`Leader::complete`] it fails the
/// flight, so that an error, a panic or a cancelled task lets the next waiter lead.
pub(crate) struct Leader<'a> {
    flights: &'a Flights,
    key: &'a str,
    flight: Arc<Flight>,
    /// Until it begins to store.
    place: Option<Place>,
    /// What its callers get.
    outcome: Option<Payload>,
}

impl Leader<'_> {
    /// Whether another flight may have stored the key after `mark` was taken: then look again.
    pub(crate) fn others_ended_since(&self, mark: u64) -> bool {
        self.flights.mark(self.key) != mark
    }

    /// Runs `work`, a function or a call of the store, so that a call for the same key from inside it is
    /// known as such.
    pub(crate) async fn run<F: Future>(&self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|cx| {
            let _inside = Inside::enter(self.flight.id);
            work.as_mut().poll(cx)
        })
        .await
    }

    /// Begins to store. The caller must keep the place until the store has answered, wherever that happens.
    /// Returns `None` if the key was removed meanwhile, and the value must not be stored.
    pub(crate) fn begin_storing(&mut self) -> Option<Place> {
        let place = self.place.take()?;
        let was_there = {
            let mut in_flight = self.flights.shard(self.key).lock();
            place.entry(&mut in_flight).map(|own| own.phase = Phase::Storing(None)).is_some()
        };
        was_there.then_some(place)
    }

    /// Ends the flight with what its callers get.
    pub(crate) fn complete(mut self, payload: Payload) {
        self.outcome = Some(payload);
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        let outcome = self.outcome.take();
        match self.place.take() {
            Some(place) => drop(place),
            // The call of the store may go on without its caller, on another thread. Nobody joins it: it has failed.
            None if outcome.is_none() => {
                let mut in_flight = self.flights.shard(self.key).lock();
                let entries = in_flight.get_mut(self.key).into_iter().flatten();
                entries.filter(|one| one.flight.id == self.flight.id).for_each(|one| one.is_shared = false);
            }
            None => {}
        }
        // Not completed: it has failed.
        self.flight.end(outcome);
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
