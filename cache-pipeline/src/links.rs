//! [`Links`]: the connections to one server, one per runtime.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Id;

use crate::{Link, Protocol};

/// The connections of async callers to one server. A connection lives on the runtime that opened
/// it, so each runtime has its own.
pub struct Links<P: Protocol> {
    gates: Mutex<Vec<(Id, Arc<Gate<P>>)>>,
}

/// The way to the connection of one runtime.
struct Gate<P: Protocol> {
    current: Mutex<Option<Arc<Link<P>>>>,
    /// Held by the task that connects, so that a crowd does not open a connection each.
    connecting: tokio::sync::Mutex<()>,
}

impl<P: Protocol> Default for Links<P> {
    fn default() -> Self {
        Self { gates: Mutex::default() }
    }
}

impl<P: Protocol> Default for Gate<P> {
    fn default() -> Self {
        Self { current: Mutex::default(), connecting: tokio::sync::Mutex::default() }
    }
}

impl<P: Protocol> fmt::Debug for Links<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("runtimes", &self.lock().len()).finish()
    }
}

impl<P: Protocol> Gate<P> {
    fn lock(&self) -> MutexGuard<'_, Option<Arc<Link<P>>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn usable(&self) -> Option<Arc<Link<P>>> {
        self.lock().as_ref().filter(|link| link.is_usable()).map(Arc::clone)
    }
}

impl<P: Protocol> Links<P> {
    fn lock(&self) -> MutexGuard<'_, Vec<(Id, Arc<Gate<P>>)>> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection of `runtime`, if there is one that may be used.
    pub fn get(&self, runtime: Id) -> Option<Arc<Link<P>>> {
        let gates = self.lock();
        gates.iter().find(|(id, _)| *id == runtime).and_then(|(_, gate)| gate.usable())
    }

    /// The connection of `runtime`; where there is none, the one that `open` makes. One task at a
    /// time opens, the others wait for it, without end: the caller has the deadline.
    ///
    /// # Errors
    /// What `open` fails with.
    pub async fn get_or_open<E>(
        &self,
        runtime: Id,
        open: impl Future<Output = Result<Link<P>, E>>,
    ) -> Result<Arc<Link<P>>, E> {
        let gate = self.gate(runtime);
        let _connecting = gate.connecting.lock().await;
        if let Some(link) = gate.usable() {
            return Ok(link);
        }
        let link = Arc::new(open.await?);
        let replaced = gate.lock().replace(Arc::clone(&link));
        drop(replaced);
        Ok(link)
    }

    /// Nobody is given `link` any more. Calls that are under way on it go on.
    pub fn forget(&self, link: &Arc<Link<P>>) {
        link.retire();
        let gate = self.gate(link.runtime());
        let gone = gate.lock().take_if(|current| Arc::ptr_eq(current, link));
        drop(gone);
    }

    /// Closes the connections once the calls that are under way have ended.
    pub fn close(&self) {
        let gates = std::mem::take(&mut *self.lock());
        for (_, gate) in gates {
            let gone = gate.lock().take();
            drop(gone);
        }
    }

    fn gate(&self, runtime: Id) -> Arc<Gate<P>> {
        let mut gates = self.lock();
        if let Some((_, gate)) = gates.iter().find(|(id, _)| *id == runtime) {
            return Arc::clone(gate);
        }
        // Runtimes that have ended took their connections with them.
        gates.retain(|(_, gate)| Arc::strong_count(gate) > 1 || gate.usable().is_some());
        let gate = Arc::<Gate<P>>::default();
        gates.push((runtime, Arc::clone(&gate)));
        gate
    }
}
