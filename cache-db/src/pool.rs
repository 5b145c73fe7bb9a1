//! A few connections, each used by one call at a time.

use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use cache_core::Error;
use rusqlite::Connection;

use crate::errors::Fault;
use crate::layout::Table;
use crate::open::{self, FileId};

/// The most connections of one handle, each three file descriptors and up to 8 MB of cached pages.
const MOST: usize = 8;

/// The connections of one handle.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Pooled>,
    /// Idle and in use.
    open: usize,
    /// What is given back from an earlier generation is closed.
    generation: u64,
}

#[derive(Debug)]
struct Pooled {
    conn: Connection,
    file: FileId,
    generation: u64,
}

/// A connection for the time of one attempt. Goes back on drop, without a transaction.
#[derive(Debug)]
pub(crate) struct Lease<'a> {
    pool: &'a Pool,
    held: Option<Pooled>,
}

impl Pool {
    /// Calls `work` with a connection to the file that is at `path` now.
    ///
    /// # Errors
    /// What `work` says; or when no connection can be opened or is free before `deadline`.
    pub(crate) fn with<T>(
        &self,
        path: &Path,
        table: &Table,
        deadline: Instant,
        work: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut lease = self.lease(path, deadline)?;
        let pooled = match lease.held.take() {
            Some(pooled) => pooled,
            None => {
                let (conn, file) = open::open(path, table, deadline)?;
                Pooled { conn, file, generation: self.lock().generation }
            }
        };
        work(&lease.held.insert(pooled).conn)
    }

    /// Closes the idle connections, and those in use once they come back.
    pub(crate) fn reset(&self) {
        let mut state = self.lock();
        state.generation += 1;
        let idle = std::mem::take(&mut state.idle);
        state.open -= idle.len();
        drop(state);
        self.returned.notify_all();
        // Closing may write the WAL back, which nobody should wait for.
        drop(idle);
    }

    /// An idle connection to the file at `path`, or the right to open one.
    fn lease(&self, path: &Path, deadline: Instant) -> Result<Lease<'_>, Fault> {
        let mut state = self.lock();
        loop {
            if let Some(pooled) = state.idle.pop() {
                drop(state);
                let lease = Lease { pool: self, held: Some(pooled) };
                if lease.held.as_ref().map(|p| p.file) == open::file_id(path) {
                    return Ok(lease);
                }
                // The file was removed or replaced: all of them must be closed before another is
                // opened, since SQLite removes the -wal by name.
                self.reset();
                drop(lease);
                state = self.lock();
            } else if state.open < MOST {
                state.open += 1;
                return Ok(Lease { pool: self, held: None });
            } else {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(Fault::Final(Error::unavailable(format!(
                        "all {MOST} connections to the database {} stayed in use for as long as \
                         busy_timeout allows; nothing was done",
                        path.display()
                    ))));
                }
                state = self.returned.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let held = self
            .held
            .take()
            .filter(|pooled| pooled.conn.is_autocommit() || pooled.conn.execute_batch("ROLLBACK").is_ok());
        let mut state = self.pool.lock();
        let stale = match held {
            Some(pooled) if pooled.generation == state.generation => {
                state.idle.push(pooled);
                None
            }
            stale => {
                state.open -= 1;
                stale
            }
        };
        drop(state);
        self.pool.returned.notify_one();
        drop(stale);
    }
}
