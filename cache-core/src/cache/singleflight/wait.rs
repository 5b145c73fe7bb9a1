//! [`Flight`]: one computation, and the callers that wait for its end.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use slab::Slab;

use crate::mode::Mode;
use crate::payload::Payload;
use crate::sync::{Condvar, Delay, Mutex, MutexGuard};

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
    Running(Tasks),
    /// The payload it ended with; `None` if it failed, panicked or was cancelled.
    Ended(Option<Payload>),
}

/// The tasks that wait. Cloning, waking or dropping a waker runs its owner's code, which may call the cache. Under
/// the lock a waker is therefore only moved.
#[derive(Default)]
struct Tasks {
    /// `None`: the task was woken, and has not been polled since.
    wakers: Slab<Option<Waker>>,
    /// One for all of them: each timer, and its end, wakes the thread that keeps the timers.
    alarm: Option<Alarm>,
}

/// Wakes all tasks of a flight when the first one's time is up. That task gives up, and another sets the alarm
/// again.
struct Alarm {
    at: Instant,
    _delay: Delay,
}

/// How a wait ended.
pub(crate) enum WaitOutcome {
    Ready(Payload),
    Failed,
    TimedOut,
}

impl Flight {
    pub(crate) fn new(id: u64) -> Self {
        let state = Mutex::new(State::Running(Tasks::default()));
        Self { id, state, ended: Condvar::new(), overtaken: AtomicBool::new(false) }
    }

    /// Records that the key was removed while the flight stores, and that no removal waits for it.
    pub(crate) fn overtake(&self) {
        self.overtaken.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_overtaken(&self) -> bool {
        self.overtaken.load(Ordering::SeqCst)
    }

    /// Ends the flight, and wakes all waiters.
    pub(crate) fn end(&self, outcome: Option<Payload>) {
        let before = std::mem::replace(&mut *self.lock(), State::Ended(outcome));
        // With the lock free, which each of them takes; and tasks first, since a thread that wakes may take this one's
        // processor.
        let State::Running(tasks) = before else { return self.ended.notify_all() };
        let mut first = None;
        for waker in tasks.wakers.into_iter().filter_map(|(_, waker)| waker) {
            // One that panics must not leave the others asleep.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
                first.get_or_insert(panic);
            }
        }
        self.ended.notify_all();
        // A second panic would end the process.
        if let Some(panic) = first
            && !std::thread::panicking()
        {
            resume_unwind(panic);
        }
    }

    /// Waits for the end of the flight, until `deadline` at the longest.
    pub(crate) async fn wait(self: &Arc<Self>, mode: Mode, deadline: Instant) -> WaitOutcome {
        match mode {
            Mode::Blocking => self.wait_in_place(deadline),
            Mode::Async => {
                let mut waiting = Waiting { flight: self, place: None };
                poll_fn(|cx| waiting.poll(cx, deadline)).await
            }
        }
    }

    fn wait_in_place(&self, deadline: Instant) -> WaitOutcome {
        let mut state = self.lock();
        loop {
            let left = left(deadline);
            if let Some(outcome) = state.outcome(left) {
                return outcome;
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
        if let State::Running(tasks) = &mut *self.lock() {
            tasks.alarm = None;
            wakers.extend(tasks.wakers.iter_mut().filter_map(|(_, waker)| waker.take()));
        }
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl State {
    fn outcome(&self, left: Duration) -> Option<WaitOutcome> {
        match self {
            Self::Ended(outcome) => Some(outcome.clone().map_or(WaitOutcome::Failed, WaitOutcome::Ready)),
            Self::Running(_) if left.is_zero() => Some(WaitOutcome::TimedOut),
            Self::Running(_) => None,
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
    fn poll(&mut self, cx: &Context<'_>, deadline: Instant) -> Poll<WaitOutcome> {
        let left = left(deadline);
        let waker = cx.waker().clone();
        let (mut before, mut alarm, mut over) = (None, None, None);
        let mut state = self.flight.lock();
        if let Some(outcome) = state.outcome(left) {
            return Poll::Ready(outcome);
        }
        if let State::Running(tasks) = &mut *state {
            match self.place.and_then(|place| tasks.wakers.get_mut(place)) {
                Some(place) => before = place.replace(waker),
                None => self.place = Some(tasks.wakers.insert(Some(waker))),
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
        drop(state);
        drop((before, alarm));
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
            State::Running(tasks) => tasks.wakers.try_remove(place).flatten(),
            State::Ended(_) => None,
        };
        drop(state);
        drop(waker);
    }
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}
