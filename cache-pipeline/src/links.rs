//! [`Links`]: the connections to one server, one per runtime.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cache_core::PerProcess;
use tokio::runtime::Id;

use crate::{Link, Protocol};

/// The connections of async callers to one server. A connection lives on the runtime that opened
/// it, so each runtime has its own. A child of `fork` has none of its parent's, and opens others.
pub struct Links<P: Protocol> {
    gates: PerProcess<Mutex<Vec<Gate<P>>>>,
}

/// A tokio runtime that was made before the process forked was used in the child, where none of its threads and
/// timers run: a call on it would never end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InheritedRuntime;

impl fmt::Display for InheritedRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "this tokio runtime was made before the process forked and does not run in the child: make a \
             runtime in the child, or use the sync half",
        )
    }
}

impl Error for InheritedRuntime {}

/// The way to the connection of one runtime.
struct Gate<P: Protocol> {
    runtime: Id,
    current: Option<Arc<Link<P>>>,
    /// Held by the task that connects, so that a crowd does not open a connection each.
    connecting: Arc<tokio::sync::Mutex<()>>,
}

impl<P: Protocol> Default for Links<P> {
    fn default() -> Self {
        Self { gates: PerProcess::default() }
    }
}

impl<P: Protocol> fmt::Debug for Links<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("runtimes", &self.lock().len()).finish()
    }
}

impl<P: Protocol> Gate<P> {
    fn usable(&self) -> Option<&Arc<Link<P>>> {
        self.current.as_ref().filter(|link| link.is_usable())
    }
}

impl<P: Protocol> Links<P> {
    fn lock(&self) -> MutexGuard<'_, Vec<Gate<P>>> {
        self.gates.get().lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection of `runtime`, if there is one that may be used.
    pub fn get(&self, runtime: Id) -> Option<Arc<Link<P>>> {
        let gates = self.lock();
        gates.iter().find(|gate| gate.runtime == runtime).and_then(Gate::usable).cloned()
    }

    /// Looks whether `runtime` may be used in this process, for who is about to connect.
    ///
    /// # Errors
    /// [`InheritedRuntime`] where a process that this one was forked from used it. Not where none of its tasks had
    /// a connection here.
    pub fn check(&self, runtime: Id) -> Result<(), InheritedRuntime> {
        // Another thread of the parent may have held the lock.
        let mut gates = self.gates.inherited().filter_map(|gates| gates.try_lock().ok());
        let found = gates.any(|gates| gates.iter().any(|gate| gate.runtime == runtime));
        if found { Err(InheritedRuntime) } else { Ok(()) }
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
        let connecting = self.connecting(runtime);
        let _connecting = connecting.lock().await;
        if let Some(link) = self.get(runtime) {
            return Ok(link);
        }
        let link = Arc::new(open.await?);
        let replaced = self.put(runtime, &connecting, Some(Arc::clone(&link)));
        drop(replaced);
        Ok(link)
    }

    /// Nobody is given `link` any more. Calls that are under way on it go on.
    pub fn forget(&self, link: &Arc<Link<P>>) {
        link.retire();
        let mut gates = self.lock();
        let gate = gates.iter_mut().find(|gate| gate.runtime == link.runtime());
        let gone = gate.and_then(|gate| gate.current.take_if(|current| Arc::ptr_eq(current, link)));
        drop(gates);
        drop(gone);
    }

    /// Closes the connections once the calls that are under way have ended.
    pub fn close(&self) {
        let gates = std::mem::take(&mut *self.lock());
        drop(gates);
    }

    /// What a task of `runtime` holds while it connects.
    fn connecting(&self, runtime: Id) -> Arc<tokio::sync::Mutex<()>> {
        let mut gates = self.lock();
        if let Some(gate) = gates.iter().find(|gate| gate.runtime == runtime) {
            return Arc::clone(&gate.connecting);
        }
        // Runtimes that have ended took their connections with them.
        let unused = |gate: &mut Gate<P>| gate.usable().is_none() && Arc::strong_count(&gate.connecting) == 1;
        let ended: Vec<Gate<P>> = gates.extract_if(.., unused).collect();
        let connecting = Arc::default();
        gates.push(Gate { runtime, current: None, connecting: Arc::clone(&connecting) });
        drop(gates);
        drop(ended);
        connecting
    }

    /// Makes `link` the connection of `runtime`; returns the one that it was.
    fn put(
        &self,
        runtime: Id,
        connecting: &Arc<tokio::sync::Mutex<()>>,
        link: Option<Arc<Link<P>>>,
    ) -> Option<Arc<Link<P>>> {
        let mut gates = self.lock();
        if let Some(gate) = gates.iter_mut().find(|gate| gate.runtime == runtime) {
            return std::mem::replace(&mut gate.current, link);
        }
        // Closed in between.
        gates.push(Gate { runtime, current: link, connecting: Arc::clone(connecting) });
        None
    }
}
