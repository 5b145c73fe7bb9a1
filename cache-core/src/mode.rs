//! [`Mode`] and [`poll_now`]: an operation written once, for sync and async callers.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Says how an operation waits.
///
/// Every operation of the [`Cache`](crate::Cache) is written once, as an async function with a mode. In blocking
/// mode it waits in place and never suspends, so [`poll_now`] finishes it. The crates of this workspace
/// that speak to servers are written the same way. Not part of the documented API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Waiting blocks the thread.
    Blocking,
    /// Waiting suspends the task.
    Async,
}

/// Finishes a future that never suspends with a single poll: no allocation, no runtime.
///
/// If the future does suspend, this thread waits for it. One that needs a runtime's timers or
/// sockets then panics or hangs, as in any other executor. Not part of the documented API.
///
/// ```
/// use cache_core::{Mode, poll_now};
///
/// async fn double(way: Mode, n: u32) -> u32 {
///     if way == Mode::Async {
///         futures_lite::future::yield_now().await;
///     }
///     2 * n
/// }
/// assert_eq!(poll_now(double(Mode::Blocking, 21)), 42);
/// ```
#[inline]
pub fn poll_now<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        // Not in blocking mode. If it happens all the same, waiting is right and a panic is not.
        Poll::Pending => pollster::block_on(future),
    }
}
