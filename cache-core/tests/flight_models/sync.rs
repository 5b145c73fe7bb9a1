//! In place of the library's module of this name.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

pub(crate) use shuttle::sync::atomic::AtomicU64;
/// Nobody waits too long: in a model time stands still.
pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard};
pub(crate) use shuttle::thread_local;

/// A timer that never ends; one of less than five seconds is over before it is first asked.
pub(crate) struct Delay {
    is_over: bool,
}

impl Delay {
    pub(crate) fn new(time: Duration) -> Self {
        Self { is_over: time < Duration::from_secs(5) }
    }
}

impl Future for Delay {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.is_over { Poll::Ready(()) } else { Poll::Pending }
    }
}
