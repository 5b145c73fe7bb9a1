//! Callers of one key, as `get_or_set_on` is one, while others remove it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cache_core::{Mode, Payload};
use shuttle::scheduler::RandomScheduler;
use shuttle::sync::Mutex;
use shuttle::{Config, Runner, future, thread};

use crate::check;
use crate::singleflight::{Flights, Leader, Role, WaitOutcome};

const KEY: &str = "k";
const OTHER: &str = "another";
const OLD: i64 = 1;
const NEW: i64 = 2;

/// What a model gets wrong on purpose: it must fail then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    None,
    /// A removal knows of no flight.
    FlightNotInvalidated,
    /// The leader asks whether it was invalidated, and stores after that.
    InvalidationCheckedThenStored,
    /// The callers that wait for an invalidated flight are sent away.
    InvalidationCancelsWaiters,
    /// Who computes beside a flight is not known to be at it.
    SoloNotInvalidated,
    /// A flight has ended with its leader's task, and the store goes on.
    StoreForgottenWithLeader,
    /// `clear` invalidates the flights of one key.
    ClearOfOneKey,
}

#[derive(Clone)]
struct World(Arc<Shared>);

struct Shared {
    bug: Bug,
    flights: Arc<Flights>,
    /// What is computed from.
    source: Mutex<i64>,
    stored: Mutex<Option<i64>>,
}

impl World {
    fn new(bug: Bug) -> Self {
        let flights = Arc::new(Flights::new(Duration::from_secs(60)));
        Self(Arc::new(Shared { bug, flights, source: Mutex::new(OLD), stored: Mutex::new(None) }))
    }

    fn load(&self) -> Option<i64> {
        *self.0.stored.lock().unwrap()
    }

    fn add(&self, value: i64) -> bool {
        let mut stored = self.0.stored.lock().unwrap();
        let absent = stored.is_none();
        stored.get_or_insert(value);
        absent
    }

    /// The steps of `get_or_set_on`. One that does not wait computes beside a flight at once.
    async fn get_or_set(&self, mode: Mode, waits: bool) -> i64 {
        let flights = &self.0.flights;
        let mark = flights.mark(KEY);
        if let Some(value) = self.load() {
            return value;
        }
        let deadline = Instant::now() + flights.wait();
        let (mut leader, is_solo) = match flights.join(KEY) {
            Role::Leader(leader) => {
                if leader.others_ended_since(mark)
                    && let Some(value) = self.load()
                {
                    leader.complete(Payload::Int(value));
                    return value;
                }
                (leader, false)
            }
            Role::Waiter(_) if !waits => (flights.solo(KEY), true),
            Role::Waiter(flight) => match flight.wait(mode, deadline).await {
                WaitOutcome::Ready(Payload::Int(value)) => return value,
                _ => unreachable!("a caller that waited was sent away"),
            },
            Role::Inside => unreachable!("nobody calls from inside"),
        };
        let computed = leader.run(async { self.function() }).await;
        let value = self.store(&mut leader, is_solo, computed);
        if let Some(value) = value {
            leader.complete(Payload::Int(value));
        }
        value.unwrap_or(computed)
    }

    fn function(&self) -> i64 {
        thread::yield_now();
        *self.0.source.lock().unwrap()
    }

    /// The steps of `Cache::store`; `None` ends the flight without a value.
    fn store(&self, leader: &mut Leader<'_>, is_solo: bool, computed: i64) -> Option<i64> {
        let place = leader.begin_storing();
        let may_store = place.is_some();
        match self.0.bug {
            Bug::InvalidationCheckedThenStored => drop(place),
            Bug::SoloNotInvalidated if is_solo => {
                self.add(computed);
                return Some(computed);
            }
            Bug::InvalidationCancelsWaiters if !may_store => return None,
            _ if !may_store => return Some(computed),
            _ => {
                let added = self.add(computed);
                // No time passes in a model: no removal gives up.
                assert!(place.is_some_and(|place| !place.is_overtaken()));
                return if added { Some(computed) } else { self.load().or(Some(computed)) };
            }
        }
        if may_store {
            self.add(computed);
        }
        Some(computed)
    }

    /// Changes the source, removes the key, and checks which value remains.
    async fn remove(&self, mode: Mode) {
        *self.0.source.lock().unwrap() = NEW;
        if self.0.bug != Bug::FlightNotInvalidated {
            self.0.flights.invalidate(mode, KEY).await;
        }
        *self.0.stored.lock().unwrap() = None;
        self.is_new();
    }

    /// The old value is gone for good.
    fn is_new(&self) {
        assert_ne!(self.load(), Some(OLD), "a value that a removal overtook is stored");
    }

    fn spawn<F: Future<Output = ()> + 'static>(
        &self,
        call: impl FnOnce(Self) -> F + Send + 'static,
    ) -> thread::JoinHandle<()> {
        let world = self.clone();
        thread::spawn(move || future::block_on(call(world)))
    }

    fn end(&self, threads: Vec<thread::JoinHandle<()>>) {
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        self.is_new();
        assert!(self.0.flights.is_idle(), "a flight was left behind");
        assert!(matches!(self.0.flights.join(KEY), Role::Leader(_)), "a flight was left behind");
    }
}

/// Two callers, and one that removes the key and asks for it.
fn removed(bug: Bug, modes: [Mode; 3], waits: bool) {
    removed_and(bug, modes, waits, true);
}

/// The same; without `asks` nobody stores a new value, which would keep an old one out.
fn removed_and(bug: Bug, modes: [Mode; 3], waits: bool, asks: bool) {
    let world = World::new(bug);
    let caller = |mode| {
        move |world: World| async move {
            world.get_or_set(mode, waits).await;
        }
    };
    let remover = |mode| {
        move |world: World| async move {
            world.remove(mode).await;
            if asks {
                let got = world.get_or_set(mode, true).await;
                assert_eq!(got, NEW, "what a call got that began after the removal");
            }
        }
    };
    let threads =
        vec![world.spawn(caller(modes[0])), world.spawn(caller(modes[1])), world.spawn(remover(modes[2]))];
    world.end(threads);
}

/// The call of the store goes on where its caller does not: on another thread.
fn cancelled_while_storing(bug: Bug, mode: Mode) {
    let world = World::new(bug);
    let leads = move |world: World| async move {
        let Role::Leader(mut leader) = world.0.flights.join(KEY) else { return };
        let computed = leader.run(async { world.function() }).await;
        let Some(mut place) = leader.begin_storing().map(Some) else { return };
        if bug == Bug::StoreForgottenWithLeader {
            place = None;
        }
        let storing = thread::spawn({
            let world = world.clone();
            move || {
                world.add(computed);
                drop(place);
            }
        });
        drop(leader);
        storing.join().unwrap();
    };
    let next = move |world: World| async move {
        let flights = &world.0.flights;
        match flights.join(KEY) {
            Role::Waiter(flight) => {
                let deadline = Instant::now() + flights.wait();
                assert!(matches!(flight.wait(mode, deadline).await, WaitOutcome::Failed), "it was cancelled");
                let next = flights.join(KEY);
                assert!(!matches!(next, Role::Waiter(_)), "the next waits for a leader that is gone");
            }
            Role::Leader(_) | Role::Inside => {}
        }
    };
    let removes = move |world: World| async move { world.remove(mode).await };
    let threads = vec![world.spawn(leads), world.spawn(next), world.spawn(removes)];
    world.end(threads);
}

/// Flights of two keys: each must be known to a `clear`.
fn cleared(bug: Bug, mode: Mode) {
    let world = World::new(bug);
    let computes = |key: &'static str| {
        move |world: World| async move {
            let Role::Leader(mut leader) = world.0.flights.join(key) else {
                unreachable!("one for each key")
            };
            let computed = leader.run(async { world.function() }).await;
            let place = leader.begin_storing();
            if place.is_some() {
                world.add(computed);
            }
        }
    };
    let clears = move |world: World| async move {
        *world.0.source.lock().unwrap() = NEW;
        match bug {
            Bug::ClearOfOneKey => world.0.flights.invalidate(mode, KEY).await,
            _ => world.0.flights.invalidate_all(mode).await,
        };
        *world.0.stored.lock().unwrap() = None;
        world.is_new();
    };
    let threads = vec![world.spawn(computes(KEY)), world.spawn(computes(OTHER)), world.spawn(clears)];
    world.end(threads);
}

const MIXED: [[Mode; 3]; 3] = [
    [Mode::Blocking, Mode::Blocking, Mode::Blocking],
    [Mode::Blocking, Mode::Async, Mode::Blocking],
    [Mode::Async, Mode::Blocking, Mode::Async],
];

#[test]
fn nothing_that_a_removal_overtook_is_stored() {
    check("removals during flights: 0 old values stored, 0 callers sent away", || {
        MIXED.into_iter().for_each(|modes| removed(Bug::None, modes, true));
    });
}

#[test]
fn nor_by_one_that_computes_beside_a_flight() {
    check("removals while callers compute beside a flight: 0 old values stored", || {
        MIXED.into_iter().for_each(|modes| removed(Bug::None, modes, false));
        MIXED.into_iter().for_each(|modes| removed_and(Bug::None, modes, false, false));
    });
}

#[test]
fn nor_by_a_store_that_goes_on_without_its_leader() {
    check("removals while a cancelled leader's store goes on: 0 old values stored", || {
        [Mode::Blocking, Mode::Async].into_iter().for_each(|mode| cancelled_while_storing(Bug::None, mode));
    });
}

#[test]
fn nor_under_any_key_after_a_clear() {
    check("clears during flights of two keys: 0 old values stored", || {
        [Mode::Blocking, Mode::Async].into_iter().for_each(|mode| cleared(Bug::None, mode));
    });
}

#[test]
fn each_planted_bug_is_caught() {
    let caught = |bug: Bug, expected: &[&str], model: fn(Bug)| {
        // The same orders in each run: a bug that is hit by chance would survive by chance.
        let orders = RandomScheduler::new_from_seed(0, 5_000);
        let run = catch_unwind(AssertUnwindSafe(|| {
            Runner::new(orders, Config::default()).run(move || model(bug));
        }));
        let panic = run.expect_err(&format!("{bug:?} survives"));
        let text_of = panic.downcast_ref::<String>().map(String::as_str);
        let said = text_of.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
        assert!(expected.iter().any(|text| said.contains(text)), "{bug:?} fails otherwise: {said}");
    };
    let stored =
        &["a value that a removal overtook is stored", "what a call got that began after the removal"];
    caught(Bug::FlightNotInvalidated, stored, |bug| removed(bug, MIXED[1], true));
    caught(Bug::InvalidationCheckedThenStored, stored, |bug| removed(bug, MIXED[1], true));
    caught(Bug::InvalidationCancelsWaiters, &["sent away"], |bug| removed(bug, MIXED[1], true));
    caught(Bug::SoloNotInvalidated, stored, |bug| removed_and(bug, MIXED[1], false, false));
    caught(Bug::StoreForgottenWithLeader, stored, |bug| cancelled_while_storing(bug, Mode::Blocking));
    caught(Bug::ClearOfOneKey, stored, |bug| cleared(bug, Mode::Blocking));
}
