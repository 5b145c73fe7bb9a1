//! [`Way`] and [`run_sync`]: an operation written once, for callers of both kinds.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Whether the caller is sync or async.
///
/// Every operation of the [`Cache`](crate::Cache) is written once, as an async function that is
/// told its way; on the sync way it waits in place and never suspends, so [`run_sync`] finishes it.
/// A backend with a native async half can be written like that too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Waiting blocks the thread.
    Sync,
    /// Waiting suspends the task.
    Async,
}

/// The output of a future that does not suspend: one poll, no allocation, no runtime.
///
/// A future that does suspend is waited for on this thread; one that needs a runtime's timers or
/// sockets then panics or hangs as it would in any other executor.
///
/// ```
/// use cache_core::{Way, run_sync};
///
/// async fn double(way: Way, n: u32) -> u32 {
///     if way == Way::Async {
///         futures_lite::future::yield_now().await;
///     }
///     2 * n
/// }
/// assert_eq!(run_sync(double(Way::Sync, 21)), 42);
/// ```
#[inline]
pub fn run_sync<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        // Not on the sync way; and if it were, waiting is right and a panic is not.
        Poll::Pending => futures_lite::future::block_on(future),
    }
}
