//! A few connections, each used by one call at a time.
//!
//! A connection keeps the pages it has read until somebody else writes; then it reads them anew. So
//! a thread is given the connection that it used last, and all writes of a handle go through one.

use std::cell::Cell;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use cache_core::Error;
use rusqlite::Connection;

use crate::errors::Fault;
use crate::layout::Table;
use crate::open::{self, Ready};
use crate::opened::Opened;
use crate::options::Settings;
use crate::queue::Queue;
use crate::watch::{Board, Watch};

/// The most connections of one handle, each three file descriptors and up to 16 MB of cached pages.
const MOST: usize = 8;

/// The place of the connection that writes.
const WRITER: usize = 0;

thread_local! {
    /// The place of the connection that this thread used last, whatever the handle.
    static LAST: Cell<usize> = const { Cell::new(WRITER) };
}

/// What a call does with its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Reads, from what is there.
    Read,
    /// Changes what is there.
    Change,
    /// Stores, and so makes what is missing: the directories, the file, the table.
    Store,
}

impl Use {
    const fn writes(self) -> bool {
        matches!(self, Self::Change | Self::Store)
    }
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
    _file: Opened,
}

/// A connection for the time of one attempt. Goes back on drop, without a transaction.
#[derive(Debug)]
struct Lease<'a> {
    pool: &'a Pool,
    place: usize,
    held: Option<Held<'a>>,
}

impl Pool {
    /// Calls `work` with a connection to the file that is at the path of the settings now. `None` where it
    /// is not there, or has no such table, and `usage` makes neither.
    ///
    /// # Errors
    /// What `work` says; or when no connection can be opened or is free in time.
    pub(crate) fn with<T>(
        &self,
        settings: &Settings,
        table: &Table,
        usage: Use,
        patience: &Patience,
        work: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        let path = settings.path.as_path();
        let mut lease = self.lease(usage, patience).ok_or_else(|| in_use(usage, path, patience))?;
        let Some(held) = &mut lease.held else { return Err(in_use(usage, path, patience)) };
        let generation = self.generation.load(Ordering::SeqCst);
        let is_stale = |p: &mut Pooled| p.generation != generation || !p.watch.is_there(path, &self.board);
        if let Some(stale) = held.take_if(is_stale) {
            // The file was removed or replaced: all of them must be closed before another is
            // opened, since SQLite removes the -wal by name.
            drop(stale);
            self.reset();
        }
        if let Some(pooled) = held.as_mut() {
            return Self::work(pooled, path, usage, work).map(Some);
        }
        let generation = self.generation.load(Ordering::SeqCst);
        let opened = open::open(settings, table, patience.deadline(), usage == Use::Store)?;
        let Some(Ready { conn, file }) = opened else { return Ok(None) };
        let watch = Watch::new(path, file.id(), &self.board);
        Self::work(held.insert(Pooled { conn, watch, generation, _file: file }), path, usage, work).map(Some)
    }

    /// Calls `work`. What it wrote into a file that was removed meanwhile is lost: then the error has the caller
    /// write it once more.
    fn work<T>(
        pooled: &Pooled,
        path: &Path,
        usage: Use,
        work: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let done = work(&pooled.conn)?;
        if usage.writes() && pooled.watch.has_gone(path) {
            return Err(open::moved());
        }
        Ok(done)
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
        let (queue, places) = match usage {
            Use::Read => (&self.for_any, MOST),
            Use::Change | Use::Store => (&self.for_writer, 1),
        };
        let at_once = if queue.is_closed() { None } else { self.try_lease(usage) };
        at_once.or_else(|| queue.wait(|| patience.left(), places, || self.try_lease(usage)))
    }

    fn try_lease(&self, usage: Use) -> Option<Lease<'_>> {
        let lease = |(place, held)| {
            LAST.set(place);
            Lease { pool: self, place, held: Some(held) }
        };
        if usage.writes() {
            return self.try_hold(WRITER).map(|held| lease((WRITER, held)));
        }
        let last = LAST.get();
        let mut empty = None;
        // The writer's place comes last, so that reading and writing threads part.
        let others = (0..MOST).rev().filter(|place| *place != last);
        for place in std::iter::once(last).chain(others) {
            // Readers have other places.
            if place == WRITER && self.for_writer.is_closed() {
                continue;
            }
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

fn in_use(usage: Use, path: &Path, patience: &Patience) -> Fault {
    let which = match usage {
        Use::Read => format!("all {MOST} connections"),
        Use::Change | Use::Store => "the connection that writes".to_owned(),
    };
    Fault::Final(Error::unavailable(format!(
        "{which} to the database {} stayed in use by other calls of this process for {:?}, and nothing was done: \
         they come in turn, so the machine has too much to do, or a call takes that long; raise busy_timeout, or \
         make fewer calls at once",
        path.display(),
        patience.limit
    )))
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
