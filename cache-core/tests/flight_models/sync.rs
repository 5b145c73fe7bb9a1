//! In place of the library's module of this name.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use shuttle::sync::Condvar;
pub(crate) use shuttle::sync::atomic::AtomicU64;
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
pub(crate) use shuttle::thread_local;

/// The standard library's, at which others may come first.
pub(crate) struct OnceLock<T> {
    value: std::sync::OnceLock<T>,
    others: AtomicU64,
}

impl<T> OnceLock<T> {
    pub(crate) const fn new() -> Self {
        Self { value: std::sync::OnceLock::new(), others: AtomicU64::new(0) }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        self.others.load(Ordering::SeqCst);
        self.value.get()
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        self.others.load(Ordering::SeqCst);
        self.value.set(value)
    }
}

/// What `event_listener` promises: a listener hears of a notification that comes after `listen`, and of no
/// other.
pub(crate) struct Event(Arc<(Mutex<Heard>, Condvar)>);

#[derive(Default)]
struct Heard {
    notifications: u64,
    wakers: Vec<Waker>,
}

/// Listens from its making on.
pub(crate) struct EventListener {
    event: Arc<(Mutex<Heard>, Condvar)>,
    since: u64,
}

/// `event_listener`'s trait of this name.
pub(crate) trait Listener {
    /// Waits, however long `_at_most` is: in a model time stands still.
    fn wait_timeout(self, _at_most: Duration) -> Option<()>;
}

impl Event {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    pub(crate) fn listen(&self) -> EventListener {
        let since = self.0.0.lock().unwrap().notifications;
        EventListener { event: Arc::clone(&self.0), since }
    }

    pub(crate) fn notify(&self, _all: usize) {
        let mut heard = self.0.0.lock().unwrap();
        heard.notifications += 1;
        let wakers = std::mem::take(&mut heard.wakers);
        drop(heard);
        self.0.1.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Listener for EventListener {
    fn wait_timeout(self, _at_most: Duration) -> Option<()> {
        let mut heard = self.event.0.lock().unwrap();
        while heard.notifications == self.since {
            heard = self.event.1.wait(heard).unwrap();
        }
        Some(())
    }
}

impl Future for EventListener {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut heard = self.event.0.lock().unwrap();
        if heard.notifications != self.since {
            return Poll::Ready(());
        }
        heard.wakers.push(cx.waker().clone());
        Poll::Pending
    }
}

/// A timer that never ends.
pub(crate) struct Delay(());

impl Delay {
    pub(crate) fn new(_time: Duration) -> Self {
        Self(())
    }
}

impl Future for Delay {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}
