//! [`cancelled`]: calls that are dropped on their way.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Polls `future` as often as said, with other tasks in between, and drops it then: `None` if it was
/// not done. Without a number it is awaited. Inside of a tokio runtime.
pub async fn cancelled<F: Future>(polls: Option<u32>, future: F) -> Option<F::Output> {
    let Some(polls) = polls else { return Some(future.await) };
    let mut future = pin!(future);
    for _ in 0..polls {
        let polled = poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}
