//! [`ConnectionPool`]: a few connections, each used by one call at a time.
//!
//! A connection keeps the pages it has read until somebody else writes; then it reads them again. So
//! a thread is given the connection that it used last, and all writes of a handle go through one.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Mutex, MutexGuard, TryLockError};

use cache_core::Error;

use crate::config::Config;
use crate::connection::DbConnection;
use crate::deadline::Deadline;
use crate::error::{SqlError, SqlResult};
use crate::layout::Table;
use crate::path_watcher::PathWatcher;
use crate::queue::Queue;

/// The most connections of one handle, each three file descriptors and up to 16 MB of cached pages.
const MOST: usize = 8;

/// The slot of the connection that writes.
const WRITER: usize = 0;

thread_local! {
    /// The slot of the connection that this thread used last, whatever the handle.
    static LAST: Cell<usize> = const { Cell::new(WRITER) };
}

/// What a call does with its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reads what exists.
    Read,
    /// Changes what exists.
    Change,
    /// Stores, and so makes what is missing: the directories, the file, the table.
    Create,
}

impl Access {
    pub(crate) const fn writes(self) -> bool {
        matches!(self, Self::Change | Self::Create)
    }
}

/// The connections of one handle.
#[derive(Debug, Default)]
pub(crate) struct ConnectionPool {
    slots: [Slot; MOST],
    /// Those who wait for [`WRITER`], and those who wait for any slot.
    for_writer: Queue,
    for_any: Queue,
    /// Connections of an earlier generation are closed.
    generation: AtomicU64,
    watcher: PathWatcher,
}

/// Locked while the connection is in use. On cache lines of its own, so that threads with
/// connections of their own do not meet.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Slot(Mutex<Option<Pooled>>);

type Held<'a> = MutexGuard<'a, Option<Pooled>>;

#[derive(Debug)]
struct Pooled {
    connection: DbConnection,
    generation: u64,
}

/// A connection for the time of one attempt. Goes back on drop, without a transaction.
#[derive(Debug)]
pub(crate) struct Lease<'a> {
    /// Dropped before `slot`, which wakes those who wait for it.
    held: Held<'a>,
    slot: FreedSlot<'a>,
}

/// Tells the pool, once dropped, that a slot is free.
#[derive(Debug)]
struct FreedSlot<'a> {
    pool: &'a ConnectionPool,
    slot: usize,
    /// The generation of the connection that is left in the slot.
    generation: Option<u64>,
    /// A connection whose transaction cannot be rolled back. Closed after the slot is free. Boxed, since it is rare
    /// and every call moves this.
    unclean: Option<Box<Pooled>>,
}

impl ConnectionPool {
    /// Returns a connection to the file that is at the path of `config` now. The lease is empty if no file or no
    /// such table exists and `access` makes neither.
    ///
    /// # Errors
    /// When no connection can be opened or is free in time.
    pub(crate) fn lease(
        &self,
        config: &Config,
        table: &dyn Table,
        access: Access,
        deadline: &Deadline,
    ) -> SqlResult<Lease<'_>> {
        let path = config.path.as_path();
        let mut lease = self.wait_for_slot(access, deadline).ok_or_else(|| in_use(access, config))?;
        let generation = self.generation.load(Ordering::SeqCst);
        let is_stale = |pooled: &mut Pooled| {
            pooled.generation != generation || !pooled.connection.file.is_current(path, &self.watcher)
        };
        if let Some(stale) = lease.held.take_if(is_stale) {
            // The file was removed or replaced: all of them must be closed before another is
            // opened, since SQLite removes the -wal by name.
            drop(stale);
            self.reset();
        }
        if lease.held.is_none() {
            let generation = self.generation.load(Ordering::SeqCst);
            let create = access == Access::Create;
            let opened = DbConnection::open(config, table, create, deadline, &self.watcher)?;
            *lease.held = opened.map(|connection| Pooled { connection, generation });
        }
        Ok(lease)
    }

    /// Closes the idle connections, and those in use once they come back.
    pub(crate) fn reset(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.close_stale();
    }

    fn close_stale(&self) {
        let generation = self.generation.load(Ordering::SeqCst);
        for slot in 0..MOST {
            let Some(mut held) = self.try_hold(slot) else { continue };
            let stale = held.take_if(|pooled| pooled.generation != generation);
            drop(held);
            self.wake(slot);
            // Closing may write the WAL back, which nobody should wait for.
            drop(stale);
        }
    }

    /// Returns a slot for `access`; `None` if the time for waiting is up.
    fn wait_for_slot(&self, access: Access, deadline: &Deadline) -> Option<Lease<'_>> {
        let (queue, slots) = if access.writes() { (&self.for_writer, 1) } else { (&self.for_any, MOST) };
        let at_once = if queue.is_closed() { None } else { self.try_slot(access) };
        at_once.or_else(|| queue.wait(|| deadline.left(), slots, || self.try_slot(access)))
    }

    fn try_slot(&self, access: Access) -> Option<Lease<'_>> {
        let lease = |(slot, held)| {
            LAST.set(slot);
            Lease { held, slot: FreedSlot { pool: self, slot, generation: None, unclean: None } }
        };
        if access.writes() {
            return self.try_hold(WRITER).map(|held| lease((WRITER, held)));
        }
        let last = LAST.get();
        let mut empty = None;
        // The writer's slot comes last, so that reading and writing threads part.
        let others = (0..MOST).rev().filter(|slot| *slot != last);
        for slot in std::iter::once(last).chain(others) {
            // Readers have other slots.
            if slot == WRITER && self.for_writer.is_closed() {
                continue;
            }
            match self.try_hold(slot) {
                Some(held) if held.is_some() => return Some(lease((slot, held))),
                // Another is opened only where all that there are are in use.
                Some(held) if empty.is_none() => empty = Some((slot, held)),
                _ => {}
            }
        }
        empty.map(lease)
    }

    fn try_hold(&self, slot: usize) -> Option<Held<'_>> {
        match self.slots.get(slot)?.0.try_lock() {
            Ok(held) => Some(held),
            Err(TryLockError::Poisoned(held)) => Some(held.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Wakes those who wait for a slot that was just unlocked.
    fn wake(&self, slot: usize) {
        // Anyone who begins to wait after this sees that the slot is free.
        fence(Ordering::SeqCst);
        if slot == WRITER {
            self.for_writer.wake_one();
        }
        self.for_any.wake_one();
    }
}

fn in_use(access: Access, config: &Config) -> SqlError {
    let which = match access {
        Access::Read => format!("all {MOST} connections"),
        Access::Change | Access::Create => "the connection that writes".to_owned(),
    };
    SqlError::Final(Error::unavailable(format!(
        "{which} to the database {} stayed in use by other calls of this process for {:?}, and nothing was done: the machine is overloaded, or a call takes that long; raise busy_timeout, or \
         make fewer calls at once",
        config.path.display(),
        config.busy_timeout
    )))
}

impl Lease<'_> {
    pub(crate) fn connection(&self) -> Option<&DbConnection> {
        self.held.as_ref().map(|pooled| &pooled.connection)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.slot.unclean = self.held.take_if(|pooled| !pooled.connection.end_transaction()).map(Box::new);
        self.slot.generation = self.held.as_ref().map(|pooled| pooled.generation);
    }
}

impl Drop for FreedSlot<'_> {
    fn drop(&mut self) {
        self.pool.wake(self.slot);
        drop(self.unclean.take());
        // A reset meanwhile passed this slot by.
        if self.generation.is_some_and(|of_it| of_it != self.pool.generation.load(Ordering::SeqCst)) {
            self.pool.close_stale();
        }
    }
}
