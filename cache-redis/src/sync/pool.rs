//! [`Pool`]: the connections of sync callers to one server, each used by one call at a time.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cache_core::{Error, PerProcess};

use super::connection::Connection;
use crate::commands::Request;
use crate::failure::Failure;
use crate::node::{Reply, Target};
use crate::refusal::Connection as Connected;

pub(crate) struct Pool {
    /// A child of `fork` has none of its parent's connections, nor of its locks.
    shared: PerProcess<Shared>,
    limit: usize,
    wait: Duration,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    /// Idle and in use.
    open: usize,
    /// Calls that wait for a place. Waking nobody would be a system call too.
    waiting: usize,
    /// What is given back from an earlier generation is closed.
    generation: u64,
}

/// The right to one connection. Given back on drop, with the connection if that may be used again.
struct Lease<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
    generation: u64,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (idle, open) = {
            let state = self.lock();
            (state.idle.len(), state.open)
        };
        f.debug_struct("Pool").field("limit", &self.limit).field("open", &open).field("idle", &idle).finish()
    }
}

impl Pool {
    pub(crate) fn new(limit: usize, wait: Duration) -> Self {
        Self { shared: PerProcess::new(), limit, wait }
    }

    /// Sends `request` and reads its reply, all before `deadline`.
    pub(crate) fn exchange(
        &self,
        target: &Target,
        request: &Request,
        deadline: Instant,
    ) -> Result<Reply, Failure> {
        let mut lease = self.lease(target, deadline).map_err(Failure::before)?;
        let connection = match lease.connection.take() {
            Some(connection) => connection,
            None => Connection::open(target, deadline)?,
        };
        match connection.exchange(target, request, deadline) {
            Ok((connection, value)) => {
                let reply = Reply::new(value, connection.opened);
                match reply.connection {
                    Connected::Good => lease.connection = Some(connection),
                    // What else is open leads there too.
                    Connected::Elsewhere => self.close_if(|generation| generation == lease.generation),
                    Connected::Ends => {}
                }
                Ok(reply)
            }
            Err(failure) => {
                if failure.stale {
                    // What else was open was lost with it: who tries again must not meet the next.
                    self.close_if(|generation| generation == lease.generation);
                }
                Err(failure)
            }
        }
    }

    /// Closes the idle connections now, and those in use once they come back.
    pub(crate) fn close(&self) {
        self.close_if(|_| true);
    }

    fn close_if(&self, is_meant: impl Fn(u64) -> bool) {
        let mut state = self.lock();
        if !is_meant(state.generation) {
            return;
        }
        state.generation += 1;
        let idle = std::mem::take(&mut state.idle);
        state.open -= idle.len();
        drop(state);
        self.shared.get().returned.notify_all();
        drop(idle);
    }

    fn lease(&self, target: &Target, deadline: Instant) -> Result<Lease<'_>, Error> {
        let mut give_up = None;
        let mut state = self.lock();
        loop {
            if let Some(connection) = state.idle.pop() {
                let generation = state.generation;
                drop(state);
                let mut lease = Lease { pool: self, connection: Some(connection), generation };
                if lease.connection.as_mut().is_some_and(|connection| !connection.is_stale()) {
                    return Ok(lease);
                }
                // The right to one connection is kept and the connection is not.
                lease.connection = None;
                return Ok(lease);
            }
            if state.open < self.limit {
                state.open += 1;
                return Ok(Lease { pool: self, connection: None, generation: state.generation });
            }
            let now = Instant::now();
            let until = *give_up.get_or_insert_with(|| deadline.min(now + self.wait));
            let left = until.saturating_duration_since(now);
            if left.is_zero() {
                return Err(Error::unavailable(format!(
                    "all {} connections to {} stayed in use and nothing was sent; see max_connections \
                     and pool_wait",
                    self.limit, target.server
                )));
            }
            state.waiting += 1;
            state = self
                .shared
                .get()
                .returned
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            state.waiting -= 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.get().state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let connection = self.connection.take();
        let mut state = self.pool.lock();
        let closed = if connection.is_some() && self.generation == state.generation {
            state.idle.extend(connection);
            None
        } else {
            state.open -= 1;
            connection
        };
        let waiting = state.waiting > 0;
        drop(state);
        if waiting {
            self.pool.shared.get().returned.notify_one();
        }
        drop(closed);
    }
}
