//! [`Links`]: the connections of async callers to one server, one per runtime.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use cache_core::Error;
use redis::Value;
use tokio::runtime::{Handle, Id};

use super::link::{Link, until};
use crate::commands::Request;
use crate::failure::{self, Failure};
use crate::node::Target;

/// A connection lives on the runtime that opened it, so each runtime has its own.
#[derive(Default)]
pub(crate) struct Links {
    gates: Mutex<Vec<(Id, Arc<Gate>)>>,
}

/// The way to the connection of one runtime.
#[derive(Default)]
struct Gate {
    current: Mutex<Option<Arc<Link>>>,
    /// Held by the task that connects, so that a crowd does not open a connection each.
    connecting: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("runtimes", &self.lock().len()).finish()
    }
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, Option<Arc<Link>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self) -> Option<Arc<Link>> {
        self.lock().as_ref().filter(|link| !link.is_dead()).map(Arc::clone)
    }

    /// Nobody is given `link` any more. Calls that are under way on it go on.
    fn forget(&self, link: &Arc<Link>) {
        let gone = self.lock().take_if(|current| Arc::ptr_eq(current, link));
        drop(gone);
    }
}

impl Links {
    /// Sends `request` and waits for its reply, all before `deadline`.
    pub(crate) async fn exchange(
        &self,
        target: &Target,
        request: &Request,
        deadline: Instant,
    ) -> Result<Value, Failure> {
        let runtime = Handle::try_current().map_err(|e| {
            let message = "the async methods of the Redis backend must be called within a tokio runtime; \
                           the sync ones need none";
            Failure::before(Error::unavailable(message).with_source(e))
        })?;
        let gate = self.gate(runtime.id());
        let link = match gate.live() {
            Some(link) => link,
            None => Self::connect(&gate, target, &runtime, deadline).await?,
        };
        let outcome = link.exchange(target, request, deadline).await;
        if outcome.is_err() {
            // Perhaps it is only slow. But perhaps nothing will ever come of it again.
            gate.forget(&link);
        }
        outcome
    }

    /// Closes the connections once the calls that are under way have ended.
    pub(crate) fn close(&self) {
        let gates = std::mem::take(&mut *self.lock());
        for (_, gate) in gates {
            gate.lock().take();
        }
    }

    fn gate(&self, runtime: Id) -> Arc<Gate> {
        let mut gates = self.lock();
        if let Some((_, gate)) = gates.iter().find(|(id, _)| *id == runtime) {
            return Arc::clone(gate);
        }
        // Runtimes that have ended took their connections with them.
        gates.retain(|(_, gate)| Arc::strong_count(gate) > 1 || gate.live().is_some());
        let gate = Arc::<Gate>::default();
        gates.push((runtime, Arc::clone(&gate)));
        gate
    }

    async fn connect(
        gate: &Gate,
        target: &Target,
        runtime: &Handle,
        deadline: Instant,
    ) -> Result<Arc<Link>, Failure> {
        let in_time = async {
            let _connecting = gate.connecting.lock().await;
            if let Some(link) = gate.live() {
                return Ok(link);
            }
            let deadline = deadline.min(Instant::now() + target.connect_timeout);
            let link = until(deadline, Link::open(target, runtime, deadline)).await;
            let link = Arc::new(link.ok_or_else(|| Failure::before(failure::timed_out(&target.server)))??);
            *gate.lock() = Some(Arc::clone(&link));
            Ok(link)
        };
        let timed_out = || Err(Failure::before(failure::timed_out(&target.server)));
        until(deadline, in_time).await.unwrap_or_else(timed_out)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Id, Arc<Gate>)>> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
