//! [`Queue`]: callers that wait for a slot which others use.

use std::collections::VecDeque;
use std::time::Duration;

use crate::sync::{
    AtomicBool, AtomicU64, Condvar, Mutex, MutexGuard, Ordering, PoisonError, fence, now_ns, spin_loop,
};

/// How often a waiting caller has its turn, where slots are returned and taken again all the time: the memory of a
/// connection is near to the processor that used it last, and expensive for others.
const TURN: Duration = Duration::from_micros(500);

/// How long a woken waiter spins before it sleeps again: a slot is free only briefly between two calls.
const TRIES: Duration = Duration::from_micros(20);

/// A caller that has waited for this long, and longest of all, gets the next slot. Later callers wait behind it.
/// Spinning alone does not guarantee a slot: on an overloaded machine a waiter seldom runs at the moment when one is
/// free.
pub(crate) const LONG: Duration = Duration::from_millis(20);

/// Callers that wait until a slot is returned, or a [`TURN`] is over.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    returned: Condvar,
    /// Whether one of them has to be woken. Not while one is on its way: to wake is a system call, and
    /// the slot may be used many times until the woken caller runs.
    asleep: AtomicBool,
    /// When one was woken last, in monotonic nanoseconds.
    woken_ns: AtomicU64,
    /// The ticket of the only caller that may have a slot; with 0 every caller may.
    next: AtomicU64,
}

/// The tickets of the callers that wait, in the order in which they came.
#[derive(Debug, Default)]
struct Waiting {
    tickets: VecDeque<u64>,
    last: u64,
}

impl Queue {
    /// Whether slots are reserved for the caller that has waited longest. New callers have to wait.
    pub(crate) fn is_closed(&self) -> bool {
        self.next.load(Ordering::SeqCst) != 0
    }

    /// Waits until `attempt` returns one of `slots`; returns `None` if no time is `left` before.
    pub(crate) fn wait<T>(
        &self,
        left: impl Fn() -> Duration,
        slots: usize,
        attempt: impl Fn() -> Option<T>,
    ) -> Option<T> {
        let mut waiting = self.lock();
        waiting.last += 1;
        let ticket = waiting.last;
        waiting.tickets.push_back(ticket);
        let since = now_ns();
        let got = loop {
            let is_first = waiting.tickets.front() == Some(&ticket);
            if is_first && now_ns().saturating_sub(since) >= nanoseconds(LONG) {
                self.next.store(ticket, Ordering::SeqCst);
            }
            // Before the attempt: a slot that is returned after it wakes this caller.
            self.asleep.store(true, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            if let Some(got) = self.attempt(ticket, &attempt) {
                break Some(got);
            }
            let left = left();
            if left.is_zero() {
                break None;
            }
            let callers = u32::try_from(waiting.tickets.len()).unwrap_or(u32::MAX);
            let turn = left.min(TURN.saturating_mul(callers));
            waiting = self.returned.wait_timeout(waiting, turn).unwrap_or_else(PoisonError::into_inner).0;
            if let Some(got) = try_for(TRIES, || self.attempt(ticket, &attempt)) {
                break Some(got);
            }
        };
        waiting.tickets.retain(|other| *other != ticket);
        let was_next = self.next.compare_exchange(ticket, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        let is_another = !waiting.tickets.is_empty();
        self.asleep.store(is_another, Ordering::SeqCst);
        drop(waiting);
        if was_next {
            // It kept the others from free slots.
            self.returned.notify_all();
        } else if is_another && (slots > 1 || got.is_none()) {
            // More than one slot may have been returned since the last caller was woken, or this one was.
            self.returned.notify_one();
        }
        got
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn attempt<T>(&self, ticket: u64, attempt: impl Fn() -> Option<T>) -> Option<T> {
        let next = self.next.load(Ordering::SeqCst);
        if next == 0 || next == ticket { attempt() } else { None }
    }

    /// Wakes a caller after a slot was returned. A [`fence`] comes before it.
    pub(crate) fn wake_one(&self) {
        if self.asleep.load(Ordering::SeqCst) && (self.is_closed() || self.is_turn()) {
            let waiting = self.lock();
            self.asleep.store(false, Ordering::SeqCst);
            let is_closed = self.is_closed();
            drop(waiting);
            if is_closed {
                // Any other would go to sleep again, and the one that it is for would not know.
                self.returned.notify_all();
            } else {
                self.returned.notify_one();
            }
        }
    }

    /// Whether the last turn is over.
    fn is_turn(&self) -> bool {
        let now = now_ns();
        let last = self.woken_ns.load(Ordering::Relaxed);
        let is_over = now.saturating_sub(last) >= nanoseconds(TURN);
        if is_over {
            self.woken_ns.store(now, Ordering::Relaxed);
        }
        is_over
    }
}

const fn nanoseconds(time: Duration) -> u64 {
    time.as_nanos() as u64
}

fn try_for<T>(time: Duration, attempt: impl Fn() -> Option<T>) -> Option<T> {
    let until = now_ns().saturating_add(nanoseconds(time));
    loop {
        match attempt() {
            None if now_ns() < until => spin_loop(),
            tried => return tried,
        }
    }
}
