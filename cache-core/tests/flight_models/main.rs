//! The single flight under shuttle, which runs its callers one at a time and chooses at every lock, atomic
//! and wait who goes on. A waiter that nobody wakes is a deadlock, and fails at once: time stands still.
//!
//! The source of the flights is compiled once more here, with shuttle's locks in place of the standard
//! library's. The loop around them, `get_or_set_on`, is a method of the whole cache: [`callers`] repeats its
//! steps.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../src/cache/singleflight/mod.rs"]
mod singleflight;

/// The library's modules that the flights use.
mod payload {
    pub(crate) use cache_core::Payload;
}
mod mode {
    pub(crate) use cache_core::Mode;
}

mod callers;
mod removals;
mod sync;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use cache_core::Mode;
use conformance_tests::faults::{effort, record};

use crate::callers::{Callers, End};
use crate::singleflight::{Flight, Flights, Leader, Role};

/// As in the models of the memory store.
fn check(figure: &str, model: impl Fn() + Send + Sync + Copy + std::panic::RefUnwindSafe + 'static) {
    let orders = effort(500, 20_000);
    let each = usize::try_from(orders).unwrap();
    let run = std::panic::catch_unwind(|| {
        shuttle::check_random(model, each);
        shuttle::check_pct(model, each, 3);
    });
    record(21, "core", 2 * orders, u64::from(run.is_err()), &format!("orders under shuttle: {figure}"));
    if let Err(panic) = run {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn one_computes_and_all_get_its_value() {
    check("one computes, all get its value", || {
        let callers = Callers::default();
        let got = callers.race(&[
            (Mode::Blocking, End::Well),
            (Mode::Blocking, End::Well),
            (Mode::Async, End::Well),
        ]);
        assert_eq!(callers.computed(), 1, "callers that computed");
        assert!(got[0].is_some() && got.iter().all(|one| *one == got[0]), "they got {got:?}");
    });
}

#[test]
fn the_next_leads_whatever_became_of_the_leader() {
    check("leaders that fail and are cancelled: 0 deadlocks", || {
        for (mode, end) in
            [(Mode::Blocking, End::Error), (Mode::Async, End::Error), (Mode::Async, End::Cancelled)]
        {
            let callers = Callers::default();
            let got = callers.race(&[(mode, end), (Mode::Blocking, End::Well), (Mode::Async, End::Well)]);
            assert_eq!(got[1], got[2], "after {end:?}");
            assert!(got[1].is_some(), "after {end:?}");
            assert_eq!(callers.computed(), 1, "after {end:?}");
        }
    });
}

#[test]
fn all_but_the_last_may_fail() {
    check("three failing leaders one after another: 0 deadlocks", || {
        let callers = Callers::default();
        let modes =
            [(Mode::Blocking, End::Error), (Mode::Async, End::Cancelled), (Mode::Blocking, End::Error)];
        let got = callers.race(&[modes[0], modes[1], modes[2], (Mode::Async, End::Well)]);
        assert!(got[3].is_some());
        assert_eq!(callers.computed(), 1);
    });
}

fn leads<'a>(flights: &'a Arc<Flights>, key: &'a str) -> Option<Leader<'a>> {
    match flights.join(key) {
        Role::Leader(leader) => Some(leader),
        Role::Waiter(_) | Role::Inside => None,
    }
}

#[test]
fn a_flight_of_another_cache_is_not_the_one_inside() {
    let model = || {
        let flights = || Arc::new(Flights::new(Duration::ZERO));
        let (one, other) = (flights(), flights());
        let outer = leads(&one, "k").unwrap();
        let _elsewhere = leads(&other, "k").unwrap();
        let inside = || (one.join("k"), other.join("k"));
        let joined = shuttle::future::block_on(outer.run(async { inside() }));
        assert!(matches!(joined, (Role::Inside, Role::Waiter(_))));
    };
    shuttle::check_random(model, 1);
}

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicU64);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_timer_that_is_over_when_it_is_set_holds_no_other_task() {
    let model = || {
        let flight = Arc::new(Flight::new(0));
        let now = Instant::now();
        let waits = |seconds| flight.wait(Mode::Async, now + Duration::from_secs(seconds));
        let (mut patient, mut hurried) = (pin!(waits(600)), pin!(waits(2)));
        let woken = [Arc::new(Woken::default()), Arc::new(Woken::default())];
        let wakers = [Waker::from(Arc::clone(&woken[0])), Waker::from(Arc::clone(&woken[1]))];
        let [mut first, mut second] = [Context::from_waker(&wakers[0]), Context::from_waker(&wakers[1])];
        assert!(patient.as_mut().poll(&mut first).is_pending());
        assert!(hurried.as_mut().poll(&mut second).is_pending());
        // The timer was the hurried one's, so the patient one has to set it again.
        assert_eq!(woken.map(|woken| woken.0.load(Ordering::SeqCst)), [1, 1], "each is woken once");
    };
    shuttle::check_random(model, 1);
}
