//! [`wait_in_place`]: a sync caller waits for what another thread will do.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

/// Wakes a thread that waits in [`wait_in_place`].
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks this thread until `event` is over, and returns its output; `None` at `deadline`.
///
/// For events that another thread wakes: a place in a semaphore, a name that was looked up. A future that needs the
/// timers or sockets of a runtime never ends here.
pub(crate) fn wait_in_place<F: Future>(event: F, deadline: Instant) -> Option<F::Output> {
    let mut event = pin!(event);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        if let Poll::Ready(output) = event.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(output);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        thread::park_timeout(left);
    }
}
