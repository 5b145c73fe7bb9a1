//! A few connections, each used by one call at a time.
//!
//! A connection keeps the pages it has read until somebody else writes; then it reads them anew. So
//! a thread is given the connection that it used last, and all writes of a handle go through one.

use std::cell::Cell;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use cache_core::{Clock, Error};
use rusqlite::Connection;

use crate::errors::Fault;
use crate::layout::Table;
use crate::open;
use crate::watch::{Board, Watch};

/// The most connections of one handle, each three file descriptors and up to 16 MB of cached pages.
const MOST: usize = 8;

/// The place of the connection that writes.
const WRITER: usize = 0;

/// Where places are given back and taken again all the time, a waiting caller has its turn once in this
/// time: what a connection holds in memory is near to the processor that used it last, and dear to others.
const TURN: Duration = Duration::from_micros(500);

/// How long a caller whose turn it is tries again and again: in between two calls a place is free for
/// a moment.
const TRIES: Duration = Duration::from_micros(20);

thread_local! {
    /// The place of the connection that this thread used last, whatever the handle.
    static LAST: Cell<usize> = const { Cell::new(WRITER) };
}

/// What a call does with its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Read,
    Write,
}

/// How long a call waits in all. The clock is read when it first has to.
#[derive(Debug)]
pub(crate) struct Patience {
    limit: Duration,
    until: Cell<Option<Instant>>,
}

impl Patience {
    pub(crate) const fn new(limit: Duration) -> Self {
        Self { limit, until: Cell::new(None) }
    }

    pub(crate) fn deadline(&self) -> Instant {
        let until = self.until.get().unwrap_or_else(|| Instant::now() + self.limit);
        self.until.set(Some(until));
        until
    }

    pub(crate) fn left(&self) -> Duration {
        self.deadline().saturating_duration_since(Instant::now())
    }
}

/// The connections of one handle.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    places: [Place; MOST],
    /// Who waits for [`WRITER`], and who for any place.
    for_writer: Queue,
    for_any: Queue,
    /// What is of an earlier generation is closed.
    generation: AtomicU64,
    board: Board,
}

/// Locked while the connection is in use. On cache lines of its own, so that threads with
/// connections of their own do not meet.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Place(Mutex<Option<Pooled>>);

type Held<'a> = MutexGuard<'a, Option<Pooled>>;

#[derive(Debug)]
struct Pooled {
    conn: Connection,
    watch: Watch,
    generation: u64,
}

/// A connection for the time of one attempt. Goes back on drop, without a transaction.
#[derive(Debug)]
struct Lease<'a> {
    pool: &'a Pool,
    place: usize,
    held: Option<Held<'a>>,
}

/// Callers that wait until a place is given back, or a [`TURN`] is over.
#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<u32>,
    returned: Condvar,
    /// Whether one of them has to be woken. Not while one is on its way: to wake is a system call, and
    /// until the one woken has come the place may be used many times.
    asleep: AtomicBool,
    /// When one was woken last, in monotonic nanoseconds.
    woken_ns: AtomicU64,
}

impl Pool {
    /// Calls `work` with a connection to the file that is at `path` now.
    ///
    /// # Errors
    /// What `work` says; or when no connection can be opened or is free in time.
    pub(crate) fn with<T>(
        &self,
        path: &Path,
        table: &Table,
        usage: Use,
        patience: &Patience,
        work: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut lease = self.lease(usage, patience).ok_or_else(|| in_use(usage, path))?;
        let Some(held) = &mut lease.held else { return Err(in_use(usage, path)) };
        let generation = self.generation.load(Ordering::SeqCst);
        let is_stale = |p: &mut Pooled| p.generation != generation || !p.watch.is_there(path, &self.board);
        if let Some(stale) = held.take_if(is_stale) {
            // The file was removed or replaced: all of them must be closed before another is
            // opened, since SQLite removes the -wal by name.
            drop(stale);
            self.reset();
        }
        if let Some(pooled) = held.as_ref() {
            return work(&pooled.conn);
        }
        let generation = self.generation.load(Ordering::SeqCst);
        let (conn, file) = open::open(path, table, patience.deadline())?;
        let watch = Watch::new(path, file, &self.board);
        work(&held.insert(Pooled { conn, watch, generation }).conn)
    }

    /// Closes the idle connections, and those in use once they come back.
    pub(crate) fn reset(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.close_stale();
    }

    fn close_stale(&self) {
        let generation = self.generation.load(Ordering::SeqCst);
        for place in 0..MOST {
            let Some(mut held) = self.try_hold(place) else { continue };
            let stale = held.take_if(|pooled| pooled.generation != generation);
            self.give_back(place, held);
            // Closing may write the WAL back, which nobody should wait for.
            drop(stale);
        }
    }

    /// A place for `usage`; `None` if the time for waiting is up.
    fn lease(&self, usage: Use, patience: &Patience) -> Option<Lease<'_>> {
        if let Some(lease) = self.try_lease(usage) {
            return Some(lease);
        }
        let (queue, places) = match usage {
            Use::Write => (&self.for_writer, 1),
            Use::Read => (&self.for_any, MOST),
        };
        queue.wait(patience, places, || self.try_lease(usage))
    }

    fn try_lease(&self, usage: Use) -> Option<Lease<'_>> {
        let lease = |(place, held)| {
            LAST.set(place);
            Lease { pool: self, place, held: Some(held) }
        };
        if usage == Use::Write {
            return self.try_hold(WRITER).map(|held| lease((WRITER, held)));
        }
        let last = LAST.get();
        let mut empty = None;
        // The writer's place comes last, so that reading and writing threads part.
        for place in std::iter::once(last).chain((0..MOST).rev().filter(|place| *place != last)) {
            match self.try_hold(place) {
                Some(held) if held.is_some() => return Some(lease((place, held))),
                // Another is opened only where all that there are are in use.
                Some(held) if empty.is_none() => empty = Some((place, held)),
                _ => {}
            }
        }
        empty.map(lease)
    }

    fn try_hold(&self, place: usize) -> Option<Held<'_>> {
        match self.places.get(place)?.0.try_lock() {
            Ok(held) => Some(held),
            Err(TryLockError::Poisoned(held)) => Some(held.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn give_back(&self, place: usize, held: Held<'_>) {
        drop(held);
        // Whoever begins to wait after this sees that the place is free.
        fence(Ordering::SeqCst);
        if place == WRITER {
            self.for_writer.wake_one();
        }
        self.for_any.wake_one();
    }
}

fn in_use(usage: Use, path: &Path) -> Fault {
    let which = match usage {
        Use::Read => format!("all {MOST} connections"),
        Use::Write => "the connection that writes".to_owned(),
    };
    Fault::Final(Error::unavailable(format!(
        "{which} to the database {} stayed in use by this process for as long as busy_timeout allows; \
         nothing was done",
        path.display()
    )))
}

impl Queue {
    /// Waits until `attempt` gives one of so many places; `None` if the time is up before.
    fn wait<T>(&self, patience: &Patience, places: usize, attempt: impl Fn() -> Option<T>) -> Option<T> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        *waiting += 1;
        let got = loop {
            // Before the look: what is given back after it wakes this caller.
            self.asleep.store(true, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            if let Some(got) = attempt() {
                break Some(got);
            }
            let left = patience.left();
            if left.is_zero() {
                break None;
            }
            let turn = left.min(TURN * *waiting);
            waiting = self.returned.wait_timeout(waiting, turn).unwrap_or_else(PoisonError::into_inner).0;
            if let Some(got) = try_for(TRIES, &attempt) {
                break Some(got);
            }
        };
        *waiting -= 1;
        let is_another = *waiting > 0;
        self.asleep.store(is_another, Ordering::SeqCst);
        drop(waiting);
        if is_another && places > 1 {
            // More than one place may have been given back since the last one was woken.
            self.returned.notify_one();
        }
        got
    }

    fn wake_one(&self) {
        if self.asleep.load(Ordering::SeqCst) && self.is_turn() {
            let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            self.asleep.store(false, Ordering::SeqCst);
            drop(waiting);
            self.returned.notify_one();
        }
    }

    /// Whether the last turn is over.
    fn is_turn(&self) -> bool {
        let now = Clock::system().monotonic_ns();
        let last = self.woken_ns.load(Ordering::Relaxed);
        let is_over = now.saturating_sub(last) >= TURN.as_nanos() as u64;
        if is_over {
            self.woken_ns.store(now, Ordering::Relaxed);
        }
        is_over
    }
}

fn try_for<T>(time: Duration, attempt: impl Fn() -> Option<T>) -> Option<T> {
    let until = Instant::now() + time;
    loop {
        match attempt() {
            None if Instant::now() < until => std::hint::spin_loop(),
            tried => return tried,
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let Some(mut held) = self.held.take() else { return };
        let unclean = held
            .take_if(|pooled| !pooled.conn.is_autocommit() && pooled.conn.execute_batch("ROLLBACK").is_err());
        let generation = held.as_ref().map(|pooled| pooled.generation);
        self.pool.give_back(self.place, held);
        drop(unclean);
        // A reset meanwhile passed this place by.
        if generation.is_some_and(|of_it| of_it != self.pool.generation.load(Ordering::SeqCst)) {
            self.pool.close_stale();
        }
    }
}
