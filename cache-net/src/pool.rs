//! [`Pool`]: the connections of sync callers to one server, each used by one call at a time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use cache_core::Error;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::Protocol;
use crate::connection::{Connection, LONGEST_IDLE};
use crate::failure::{Cause, Failure};
use crate::park::wait_in_place;
use crate::target::Target;

/// The connections of this process.
pub(crate) struct Pool {
    /// A permit for each connection. Who waits is served in order.
    places: Semaphore,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The one used last is at the end, and is taken first.
    idle: Vec<Connection>,
    /// Connections of earlier generations are closed when they come back.
    generation: u64,
}

/// The right to one connection. Dropped, it is the next caller's.
pub(crate) struct Lease<'a> {
    pool: &'a Pool,
    _place: SemaphorePermit<'a>,
    /// An idle connection that may be used.
    pub(crate) idle: Option<Connection>,
    generation: u64,
}

impl Lease<'_> {
    /// Keeps `connection` for another call. One whose last answer was not read to the end is closed.
    pub(crate) fn give_back(self, connection: Connection) {
        self.pool.keep(connection, self.generation);
    }

    /// Closes what else is idle, and what comes back of it: it leads to the same server, or was lost with it.
    pub(crate) fn close_others(self) {
        self.pool.close_generation(self.generation);
    }
}

impl Pool {
    pub(crate) fn new(limit: usize) -> Self {
        Self { places: Semaphore::new(limit), state: Mutex::default() }
    }

    /// The right to one connection, as soon as one is free; with an idle connection that still works, if one exists.
    pub(crate) fn lease<P: Protocol>(
        &self,
        target: &Target<P>,
        deadline: Instant,
    ) -> Result<Lease<'_>, Failure<P::Malformed>> {
        let place = self.place(target, deadline)?;
        let (idle, generation) = self.take_idle();
        Ok(Lease { pool: self, _place: place, idle, generation })
    }

    /// Closes the idle connections now, and those in use once they come back.
    pub(crate) fn close(&self) {
        let generation = self.state().generation;
        self.close_generation(generation);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to one connection, as soon as one is free.
    fn place<P: Protocol>(
        &self,
        target: &Target<P>,
        deadline: Instant,
    ) -> Result<SemaphorePermit<'_>, Failure<P::Malformed>> {
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place);
        }
        let until = target.limits.pool_wait.map_or(deadline, |wait| deadline.min(Instant::now() + wait));
        // The semaphore is never closed.
        if let Some(Ok(place)) = wait_in_place(self.places.acquire(), until) {
            return Ok(place);
        }
        let (limit, server) = (target.limits.max_connections, &target.protocol);
        let error = Error::unavailable(format!(
            "all {limit} connections to {server} stayed in use and nothing was sent; see max_connections and pool_wait"
        ));
        Err(Failure::before(Cause::Unusable(error)))
    }

    /// An idle connection that still works, if one exists, and the present generation.
    fn take_idle(&self) -> (Option<Connection>, u64) {
        loop {
            let mut state = self.state();
            let (next, generation) = (state.idle.pop(), state.generation);
            drop(state);
            let Some(mut idle) = next else { return (None, generation) };
            // Outside of the lock: it asks the system.
            if idle.is_good() {
                return (Some(idle), generation);
            }
        }
    }

    fn keep(&self, mut connection: Connection, generation: u64) {
        let now = Instant::now();
        connection.idle_since = now;
        let mut state = self.state();
        if connection.busy || state.generation != generation {
            drop(state);
            return;
        }
        state.idle.push(connection);
        let old = state.idle.iter().take_while(|idle| now - idle.idle_since > LONGEST_IDLE).count();
        let old: Vec<Connection> = state.idle.drain(..old).collect();
        drop(state);
        drop(old);
    }

    fn close_generation(&self, generation: u64) {
        let mut state = self.state();
        if state.generation != generation {
            return;
        }
        state.generation += 1;
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        drop(idle);
    }
}
