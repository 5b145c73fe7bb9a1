//! [`Pool`]: the connections to one server, at most so many at a time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::connection::{Cause, Connection};
use crate::deadline::Deadline;

/// Connections that were idle for longer are closed: what stands between may have forgotten them.
const LONGEST_IDLE: Duration = Duration::from_secs(90);

/// Connections of one kind to one server.
pub(crate) struct Pool<C> {
    limit: usize,
    /// A permit for each place. Who waits is served in order, and nobody who comes later first.
    places: Semaphore,
    /// The one used last is at the end, and is taken first.
    idle: Mutex<Vec<Idle<C>>>,
}

struct Idle<C> {
    connection: C,
    since: Instant,
}

/// A place in the pool, given back when dropped.
pub(crate) struct Place<'a, C> {
    pool: &'a Pool<C>,
    _permit: SemaphorePermit<'a>,
}

impl<C: Connection> Pool<C> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, places: Semaphore::new(limit), idle: Mutex::default() }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle<C>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place, as soon as one is free.
    pub(crate) async fn place(&self, deadline: Deadline) -> Result<Place<'_, C>, Cause> {
        let permit = match self.places.try_acquire() {
            Ok(permit) => permit,
            // The semaphore is never closed.
            Err(_) => match C::wait(self.places.acquire(), deadline.for_waiting()).await {
                Some(Ok(permit)) => permit,
                _ => return Err(Cause::PoolFull),
            },
        };
        Ok(Place { pool: self, _permit: permit })
    }

    /// Closes all idle connections.
    pub(crate) fn clear(&self) {
        let idle = std::mem::take(&mut *self.idle());
        drop(idle);
    }

    /// How many places are taken.
    pub(crate) fn taken(&self) -> usize {
        self.limit - self.places.available_permits()
    }
}

impl<C: Connection> Place<'_, C> {
    /// An idle connection that still works, if there is one; and whether one was found that had
    /// ended or had something to say.
    pub(crate) fn idle(&self) -> (Option<C>, bool) {
        let mut ended = false;
        loop {
            let Some(idle) = self.next_idle() else { return (None, ended) };
            // Beside the lock: it asks the system.
            if idle.connection.is_quiet() {
                return (Some(idle.connection), ended);
            }
            ended = true;
        }
    }

    fn next_idle(&self) -> Option<Idle<C>> {
        let mut all = self.pool.idle();
        let found = all.iter().rposition(|idle| idle.connection.belongs_here());
        let next = found.map(|place| all.remove(place));
        // Idle ones of other runtimes give way to the new one that is coming.
        let room = self.pool.limit.saturating_sub(self.pool.taken());
        let surplus = all.len().saturating_sub(room);
        let surplus: Vec<Idle<C>> = all.drain(..surplus).collect();
        drop(all);
        drop(surplus);
        next.filter(|idle| idle.since.elapsed() <= LONGEST_IDLE)
    }

    /// Gives a connection back whose last reply was read whole.
    pub(crate) fn give_back(self, connection: C) {
        let since = Instant::now();
        let mut all = self.pool.idle();
        all.push(Idle { connection, since });
        let old = all.iter().take_while(|idle| since.duration_since(idle.since) > LONGEST_IDLE).count();
        let old: Vec<Idle<C>> = all.drain(..old).collect();
        drop(all);
        drop(old);
    }
}
