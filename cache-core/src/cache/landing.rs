//! [`Flight`]: one computation, and those who wait for its end.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use slab::Slab;

use crate::payload::Payload;
use crate::sync::{Condvar, Delay, Mutex, MutexGuard};
use crate::way::Way;

/// One computation of one key.
pub(crate) struct Flight {
    pub(crate) id: u64,
    state: Mutex<State>,
    /// For the threads that wait.
    ended: Condvar,
    /// Whether what it stores must be removed again.
    overtaken: AtomicBool,
}

enum State {
    Flying(Tasks),
    /// The payload it ended with; `None` where it failed, panicked or was cancelled.
    Ended(Option<Payload>),
}

/// The tasks that wait.
#[derive(Default)]
struct Tasks {
    wakers: Slab<Waker>,
    /// One for all of them: each timer, and its end, wakes the thread that keeps the timers.
    alarm: Option<Alarm>,
}

/// Wakes all tasks of a flight when the first one's time is up: that one gives up, and another sets it anew.
struct Alarm {
    at: Instant,
    _delay: Delay,
}

/// How a wait ended.
pub(crate) enum Landing {
    Landed(Payload),
    Failed,
    TooLong,
}

impl Flight {
    pub(crate) fn new(id: u64) -> Self {
        let state = Mutex::new(State::Flying(Tasks::default()));
        Self { id, state, ended: Condvar::new(), overtaken: AtomicBool::new(false) }
    }

    /// Says that the key is removed while the flight stores, and that nobody waits for it.
    pub(crate) fn overtake(&self) {
        self.overtaken.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_overtaken(&self) -> bool {
        self.overtaken.load(Ordering::SeqCst)
    }

    /// Ends the flight, and tells all that wait.
    pub(crate) fn end(&self, outcome: Option<Payload>) {
        let before = std::mem::replace(&mut *self.lock(), State::Ended(outcome));
        // With the lock free, which each of them takes; and tasks first, since a thread that wakes may take this one's
        // processor.
        if let State::Flying(tasks) = before {
            tasks.wakers.into_iter().for_each(|(_, waker)| waker.wake());
        }
        self.ended.notify_all();
    }

    /// Waits for the end of the flight, until `deadline` at the longest.
    pub(crate) async fn wait(self: &Arc<Self>, way: Way, deadline: Instant) -> Landing {
        match way {
            Way::Sync => self.wait_in_place(deadline),
            Way::Async => {
                let mut waiting = Waiting { flight: self, place: None };
                poll_fn(|cx| waiting.poll(cx, deadline)).await
            }
        }
    }

    fn wait_in_place(&self, deadline: Instant) -> Landing {
        let mut state = self.lock();
        loop {
            let left = left(deadline);
            if let Some(landing) = state.landing(left) {
                return landing;
            }
            state = self.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The alarm.
impl Wake for Flight {
    fn wake(self: Arc<Self>) {
        let mut wakers = Vec::new();
        if let State::Flying(tasks) = &mut *self.lock() {
            tasks.alarm = None;
            wakers.extend(tasks.wakers.iter().map(|(_, waker)| waker.clone()));
        }
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl State {
    fn landing(&self, left: Duration) -> Option<Landing> {
        match self {
            Self::Ended(outcome) => Some(outcome.clone().map_or(Landing::Failed, Landing::Landed)),
            Self::Flying(_) if left.is_zero() => Some(Landing::TooLong),
            Self::Flying(_) => None,
        }
    }
}

/// A task that waits, until it is dropped.
struct Waiting<'a> {
    flight: &'a Arc<Flight>,
    /// That of its waker.
    place: Option<usize>,
}

impl Waiting<'_> {
    fn poll(&mut self, cx: &Context<'_>, deadline: Instant) -> Poll<Landing> {
        let left = left(deadline);
        let (mut waker, mut alarm, mut over) = (None, None, None);
        let mut state = self.flight.lock();
        if let Some(landing) = state.landing(left) {
            return Poll::Ready(landing);
        }
        if let State::Flying(tasks) = &mut *state {
            match self.place.and_then(|place| tasks.wakers.get_mut(place)) {
                Some(before) => waker = Some(std::mem::replace(before, cx.waker().clone())),
                None => self.place = Some(tasks.wakers.insert(cx.waker().clone())),
            }
            if tasks.alarm.as_ref().is_none_or(|alarm| deadline < alarm.at) {
                let mut delay = Delay::new(left);
                let ring = Waker::from(Arc::clone(self.flight));
                if Pin::new(&mut delay).poll(&mut Context::from_waker(&ring)).is_ready() {
                    over = Some(ring);
                }
                alarm = tasks.alarm.replace(Alarm { at: deadline, _delay: delay });
            }
        }
        // What a waker does when it is dropped is its own affair, and none of the lock's.
        drop(state);
        drop((waker, alarm));
        // A timer that is over already wakes nobody: the others would take it for one that runs.
        over.into_iter().for_each(Waker::wake);
        Poll::Pending
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Some(place) = self.place else { return };
        let mut state = self.flight.lock();
        let waker = match &mut *state {
            State::Flying(tasks) => tasks.wakers.try_remove(place),
            State::Ended(_) => None,
        };
        drop(state);
        drop(waker);
    }
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}
