//! [`Links`]: the shared connections to one server, apart for each runtime.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cache_core::{Error, PerProcess};
use tokio::runtime::Id;

use crate::reply::is_young;
use crate::{Link, Protocol};

/// The connections of async callers to one server. A connection lives on the runtime that opened it, so each runtime has
/// its own. A child of `fork` has none of its parent's, and opens others.
pub(crate) struct Links<P: Protocol> {
    slots: PerProcess<Mutex<Vec<Slot<P>>>>,
    /// The most connections of a runtime.
    limit: usize,
}

/// The connections of one runtime.
struct Slot<P: Protocol> {
    runtime: Id,
    links: Vec<Arc<Link<P>>>,
    /// Held by the task that connects, so that a crowd does not open a connection each.
    connecting: Arc<tokio::sync::Mutex<()>>,
}

/// What a runtime has for a new call.
pub(crate) enum Found<P: Protocol> {
    /// A connection on which it need not wait for others.
    Free(Arc<Link<P>>),
    /// One on which it would wait behind something long; another one may be opened.
    Congested(Arc<Link<P>>),
    /// None.
    Nothing,
}

impl<P: Protocol> fmt::Debug for Links<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("runtimes", &self.lock().len()).finish()
    }
}

impl<P: Protocol> Slot<P> {
    /// The first free connection: those behind it are for what would wait.
    fn find(&self, limit: usize) -> Found<P> {
        let usable = || self.links.iter().filter(|link| link.is_usable());
        if let Some(free) = usable().find(|link| !link.is_congested()) {
            return Found::Free(Arc::clone(free));
        }
        match usable().count() {
            0 => Found::Nothing,
            count => {
                let any = usable().nth(fastrand::usize(..count)).map(Arc::clone);
                any.map_or(Found::Nothing, if count < limit { Found::Congested } else { Found::Free })
            }
        }
    }
}

impl<P: Protocol> Links<P> {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { slots: PerProcess::new(), limit }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Slot<P>>> {
        self.slots.get().lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `runtime` has for a new call.
    pub(crate) fn find(&self, runtime: Id) -> Found<P> {
        let slots = self.lock();
        slots.iter().find(|slot| slot.runtime == runtime).map_or(Found::Nothing, |slot| slot.find(self.limit))
    }

    /// Looks whether `runtime` may be used in this process, before it connects.
    ///
    /// # Errors
    /// A process that this one was forked from used it: none of its threads and timers run here, and a call would never
    /// end.
    pub(crate) fn check(&self, runtime: Id) -> Result<(), Error> {
        // Another thread of the parent may have held the lock.
        let mut slots = self.slots.inherited().filter_map(|slots| slots.try_lock().ok());
        if slots.any(|slots| slots.iter().any(|slot| slot.runtime == runtime)) {
            return Err(Error::invalid_cache_backend(
                "this tokio runtime was made before the process forked and does not run in the child: make a runtime in \
                 the child, or use the sync half",
            ));
        }
        Ok(())
    }

    /// Returns a connection of `runtime` for a call that [`find`](Self::find) has no free one for, and opens one where
    /// that is still so. One task at a time opens. The others wait for it without end: the caller has the deadline.
    ///
    /// # Errors
    /// What `open` fails with.
    pub(crate) async fn open<E>(
        &self,
        runtime: Id,
        open: impl Future<Output = Result<Link<P>, E>>,
    ) -> Result<Arc<Link<P>>, E> {
        let connecting = self.connecting(runtime);
        let _connecting = connecting.lock().await;
        if let Found::Free(link) = self.find(runtime) {
            return Ok(link);
        }
        let link = Arc::new(open.await?);
        self.put(runtime, &connecting, Arc::clone(&link));
        Ok(link)
    }

    /// Gives `link` to no other call. Calls that are under way on it go on.
    pub(crate) fn forget(&self, link: &Link<P>) {
        link.retire();
        self.remove_unusable(link.runtime());
    }

    /// The same for it and for the others of its runtime, which lead to the same server. Not for young ones: another call
    /// may have opened them since.
    pub(crate) fn forget_all(&self, link: &Link<P>) {
        link.retire();
        let slots = self.lock();
        let links = slots.iter().filter(|slot| slot.runtime == link.runtime()).flat_map(|slot| &slot.links);
        links.filter(|link| !is_young(link.opened())).for_each(|link| link.retire());
        drop(slots);
        self.remove_unusable(link.runtime());
    }

    /// Closes the connections once the calls that are under way have ended.
    pub(crate) fn close(&self) {
        let slots = std::mem::take(&mut *self.lock());
        drop(slots);
    }

    fn remove_unusable(&self, runtime: Id) {
        let mut slots = self.lock();
        let slot = slots.iter_mut().find(|slot| slot.runtime == runtime);
        let gone: Vec<_> =
            slot.into_iter().flat_map(|slot| slot.links.extract_if(.., |link| !link.is_usable())).collect();
        drop(slots);
        drop(gone);
    }

    /// What a task of `runtime` holds while it connects.
    fn connecting(&self, runtime: Id) -> Arc<tokio::sync::Mutex<()>> {
        let mut slots = self.lock();
        if let Some(slot) = slots.iter().find(|slot| slot.runtime == runtime) {
            return Arc::clone(&slot.connecting);
        }
        // Runtimes that have ended took their connections with them.
        let unused = |slot: &mut Slot<P>| {
            !slot.links.iter().any(|link| link.is_usable()) && Arc::strong_count(&slot.connecting) == 1
        };
        let ended: Vec<Slot<P>> = slots.extract_if(.., unused).collect();
        let connecting = Arc::default();
        slots.push(Slot { runtime, links: Vec::new(), connecting: Arc::clone(&connecting) });
        drop(slots);
        drop(ended);
        connecting
    }

    fn put(&self, runtime: Id, connecting: &Arc<tokio::sync::Mutex<()>>, link: Arc<Link<P>>) {
        let mut slots = self.lock();
        let mut gone = Vec::new();
        if let Some(slot) = slots.iter_mut().find(|slot| slot.runtime == runtime) {
            gone.extend(slot.links.extract_if(.., |link| !link.is_usable()));
            slot.links.push(link);
        } else {
            // Closed in between.
            slots.push(Slot { runtime, links: vec![link], connecting: Arc::clone(connecting) });
        }
        drop(slots);
        drop(gone);
    }
}
