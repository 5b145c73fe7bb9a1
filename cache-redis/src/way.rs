//! Every operation is written once, as an async function over a [`Way`]. On the sync way nothing
//! in it ever suspends, so [`now`] finishes it in one poll.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// Whether the caller is sync or async.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Sync,
    Async,
}

/// One call of a caller: however many exchanges it takes, they share its deadline.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) way: Way,
    pub(crate) deadline: Instant,
}

/// The output of a future that does not suspend.
#[inline]
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        // Not on the sync way; and if it were, waiting is right and a panic is not.
        Poll::Pending => futures_lite::future::block_on(future),
    }
}
