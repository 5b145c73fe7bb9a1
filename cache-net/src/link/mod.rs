//! [`Link`]: the connection that the tasks of a runtime share, as its callers see it.

mod driver;
mod queue;
mod shared;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, Id};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::timeout_at;

use self::driver::Driver;
use self::queue::{LONG, Waiting};
use self::shared::Shared;
use crate::failure::{Cause, Failure};
use crate::{Protocol, Stream};

/// How many calls may be under way before others wait.
const AT_ONCE: usize = 1024;

/// A connection that has been idle for longer is looked at before it is used.
const TRUSTED: Duration = Duration::from_millis(10);

/// What is left to do for a request that is in the queue.
struct Queued {
    length: usize,
    /// Nobody else is about to write it.
    write: bool,
    wake: Option<Waker>,
}

/// A connection that many tasks of one runtime use at once.
///
/// Dropping the last of its handles ends the driver and closes the connection.
pub struct Link<P: Protocol> {
    shared: Arc<Shared<P>>,
    runtime: Id,
    opened: Instant,
    driver: AbortHandle,
}

impl<P: Protocol> fmt::Debug for Link<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("usable", &self.is_usable()).finish_non_exhaustive()
    }
}

impl<P: Protocol> Drop for Link<P> {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl<P: Protocol> Link<P> {
    /// Shares `stream`, on which nothing is under way, among the tasks of `runtime`, to which it
    /// belongs. Spawns the driver.
    pub fn new(runtime: &Handle, stream: Box<dyn Stream>) -> Self {
        let shared = Arc::new(Shared::new(stream));
        let driver = runtime.spawn(Driver::new(Arc::clone(&shared)));
        Self { shared, runtime: runtime.id(), opened: Instant::now(), driver: driver.abort_handle() }
    }

    /// The runtime that the connection belongs to.
    pub fn runtime(&self) -> Id {
        self.runtime
    }

    /// When it was made.
    pub fn opened(&self) -> Instant {
        self.opened
    }

    /// Whether new calls may go on it: no call on it was too late, and it has not ended as far
    /// as is known.
    pub fn is_usable(&self) -> bool {
        !self.shared.retired.load(Ordering::Acquire)
    }

    /// What went on it so far was for setting it up: it counts as not used.
    pub fn mark_unused(&self) {
        self.shared.queue().used = false;
    }

    /// Whether a long request or reply is on its way, so that another connection would be faster.
    pub fn is_congested(&self) -> bool {
        self.shared.congested.load(Ordering::Relaxed)
    }

    /// Nobody is to be given it any more; a call on it was too late, or its server is the wrong one.
    pub(crate) fn retire(&self) {
        self.shared.retired.store(true, Ordering::Release);
    }

    /// Sends the request that `write` appends to the connection's buffer, and returns its answer, or the
    /// reason why there is none, before `deadline`. `answer` says what to wait for. Other callers wait
    /// while `write` runs.
    ///
    /// Dropping the future leaves the connection as good as it was; the request may have been sent.
    ///
    /// # Errors
    /// When it is too late, when the connection has ended, and when something else came.
    pub async fn exchange(
        &self,
        write: impl FnOnce(&mut Vec<u8>) + Send,
        answer: P::Answer,
        deadline: Instant,
    ) -> Result<P::Answer, Failure<P::Malformed>> {
        let (caller, answered) = oneshot::channel();
        let waiting = Waiting { answer, caller: Some(caller), deadline, start: 0, length: 0, used: false };
        let length = self.send(write, waiting).await?;
        match answered.await {
            Ok(answer) => answer,
            // The driver tells every caller; a runtime that ends may not let it.
            Err(_) => Err(Failure {
                cause: Cause::Ended(std::io::ErrorKind::BrokenPipe.into()),
                written: length,
                length,
                used: true,
            }),
        }
    }

    /// Whether more calls are under way than may be, so that a new one has to wait.
    fn is_crowded(&self) -> bool {
        let mut queue = self.shared.queue();
        queue.crowded = queue.under_way >= AT_ONCE && !queue.ended;
        queue.crowded
    }

    /// Waits until fewer calls are under way, or until the driver is gone.
    async fn wait_for_room(&self, deadline: Instant) -> Result<(), Failure<P::Malformed>> {
        let room = async {
            loop {
                let mut fewer = pin!(self.shared.fewer.notified());
                // Before the look: what happens in between is not missed.
                fewer.as_mut().enable();
                if !self.is_crowded() {
                    return;
                }
                fewer.await;
            }
        };
        timeout_at(deadline.into(), room).await.map_err(|_| Failure::before(Cause::TimedOut))
    }

    /// Puts the request into the queue; `None`, and the call is left where it was, when there is no
    /// room.
    fn enqueue<F: FnOnce(&mut Vec<u8>)>(
        &self,
        call: &mut Option<(F, Waiting<P>)>,
    ) -> Result<Option<Queued>, Failure<P::Malformed>> {
        let mut queue = self.shared.queue();
        let mut write = false;
        if std::mem::take(&mut queue.idle) {
            let now = Instant::now();
            let rested = now.duration_since(std::mem::replace(&mut queue.last, now)) > TRUSTED;
            // Of a new connection the driver finds out why it ended.
            if rested && queue.used && self.shared.idle_wire().is_some_and(|wire| !wire.is_quiet()) {
                queue.ended = true;
                self.retire();
            }
            write = queue.alone || rested;
        }
        if queue.under_way >= AT_ONCE && !queue.ended {
            return Ok(None);
        }
        let Some((request, mut waiting)) = call.take() else { return Ok(None) };
        waiting.used = std::mem::replace(&mut queue.used, true);
        if queue.ended {
            return Err(waiting.failure(queue.end(), 0));
        }
        let before = queue.out.len();
        request(&mut queue.out);
        let length = queue.out.len() - before;
        (waiting.start, waiting.length) = (queue.queued, length);
        queue.queued += length as u64;
        if length > LONG {
            self.shared.congested.store(true, Ordering::Relaxed);
        }
        queue.under_way += 1;
        write &= !queue.announced;
        let unwatched = queue.watched.is_none_or(|watched| watched > waiting.deadline);
        if unwatched {
            queue.watched = Some(waiting.deadline);
        }
        queue.waiting.push_back(waiting);
        let unannounced = !std::mem::replace(&mut queue.announced, true);
        let wake = if unwatched || unannounced && !write { queue.driver.take() } else { None };
        Ok(Some(Queued { length, write, wake }))
    }

    /// Puts the request into the queue, and writes it at once where nobody else is about to.
    async fn send(
        &self,
        request: impl FnOnce(&mut Vec<u8>) + Send,
        waiting: Waiting<P>,
    ) -> Result<usize, Failure<P::Malformed>> {
        let deadline = waiting.deadline;
        let mut call = Some((request, waiting));
        let Queued { length, write, wake } = loop {
            match self.enqueue(&mut call)? {
                Some(queued) => break queued,
                None => self.wait_for_room(deadline).await?,
            }
        };
        if write {
            let shared = &*self.shared;
            let done = std::future::poll_fn(|context| {
                let polled = shared.idle_wire().map(|mut wire| shared.poll_write(&mut wire, context));
                Poll::Ready(matches!(polled, Some(Poll::Ready(Ok(())))))
            });
            // An error is for the driver to find, and what the system does not take is for it to wait.
            if !done.await && wake.is_none() {
                let driver = shared.queue().driver.take();
                driver.inspect(Waker::wake_by_ref);
            }
        }
        wake.inspect(Waker::wake_by_ref);
        Ok(length)
    }
}
