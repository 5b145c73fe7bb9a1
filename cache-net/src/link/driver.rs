//! [`Driver`]: the task that reads, and that writes what callers did not write themselves.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Sleep, sleep_until};

use super::queue::{LONG, Waiting, Wire};
use super::shared::Shared;
use crate::connection::LONGEST_IDLE;
use crate::failure::{self, Cause};
use crate::{Incoming, Protocol};

/// The driver looks at the time after this many reads. tokio lets a task do 128 such operations in its turn; after
/// that it reports nothing as ready, not even a timer.
const READS_AT_ONCE: usize = 32;

/// Why the driver stops.
enum End<M> {
    /// In this way.
    Io(io::Error),
    /// What came is not an answer to the first of the requests.
    Malformed(M),
    /// A call was too late, or the connection was idle for long, and nobody waits for anything any more.
    Retired,
}

pub(super) struct Driver<P: Protocol> {
    shared: Arc<Shared<P>>,
    incoming: Incoming,
    /// Those whose answers come next, in order.
    waiting: VecDeque<Waiting<P>>,
    /// When the first of them is too late; set while anybody waits.
    watch: Option<(Instant, Pin<Box<Sleep>>)>,
    /// Others were let run since there was something to write.
    yielded: bool,
    /// The first request is here.
    asked: bool,
    /// The other side takes nothing more.
    broken: bool,
    /// How the connection ended, for those who still wait.
    error: io::Error,
    /// When to look whether it has been idle for long.
    idle: Option<Pin<Box<Sleep>>>,
}

// Nothing in it is pinned but the timer, which has a box of its own.
impl<P: Protocol> Unpin for Driver<P> {}

impl<P: Protocol> Driver<P> {
    pub(super) fn new(shared: Arc<Shared<P>>) -> Self {
        Self {
            shared,
            incoming: Incoming::default(),
            waiting: VecDeque::new(),
            watch: None,
            yielded: false,
            asked: false,
            broken: false,
            error: io::ErrorKind::BrokenPipe.into(),
            idle: None,
        }
    }

    /// Takes over what callers have left.
    fn take_over(&mut self, context: &Context<'_>) {
        let mut queue = self.shared.queue();
        self.waiting.append(&mut queue.waiting);
        if queue.driver.as_ref().is_none_or(|waker| !waker.will_wake(context.waker())) {
            queue.driver = Some(context.waker().clone());
        }
        let watched = queue.watched;
        drop(queue);
        match (watched, &mut self.watch) {
            (Some(at), Some((set, _))) if *set == at => {}
            (Some(at), Some((set, timer))) => {
                *set = at;
                timer.as_mut().reset(at.into());
            }
            (Some(at), watch) => *watch = Some((at, Box::pin(sleep_until(at.into())))),
            (None, watch) => *watch = None,
        }
    }

    /// Reads what has come, and hands it out; how many answers that were.
    fn read(&mut self, wire: &mut Wire, context: &mut Context<'_>) -> Result<usize, End<P::Malformed>> {
        let mut answered = 0;
        let unwritten = wire.unwritten();
        let Some(stream) = &mut wire.stream else { return Err(End::Io(io::ErrorKind::BrokenPipe.into())) };
        for _ in 0..READS_AT_ONCE {
            if !self.asked && !self.incoming.is_empty() {
                // A full server sends its refusal before it is asked, and closes the connection.
                self.asked = self.shared.queue().queued > 0;
                if !self.asked {
                    return Ok(answered);
                }
                answered += self.hand_out(unwritten, context)?;
            }
            let mut room = ReadBuf::new(self.incoming.room());
            let count = match Pin::new(&mut *stream).poll_read(context, &mut room) {
                Poll::Pending => return Ok(answered),
                Poll::Ready(Err(e)) => return Err(End::Io(e)),
                Poll::Ready(Ok(())) => room.filled().len(),
            };
            if count == 0 {
                return Err(End::Io(io::ErrorKind::UnexpectedEof.into()));
            }
            self.incoming.filled(count);
            self.asked |= self.shared.written.load(Ordering::Acquire) > 0;
            if self.asked {
                answered += self.hand_out(unwritten, context)?;
            }
        }
        context.waker().wake_by_ref();
        Ok(answered)
    }

    /// Nobody writes meanwhile: the wire is held.
    fn hand_out(&mut self, unwritten: usize, context: &Context<'_>) -> Result<usize, End<P::Malformed>> {
        let mut answered = 0;
        let written = self.shared.written.load(Ordering::Acquire);
        while !self.incoming.is_empty() {
            if self.waiting.is_empty() {
                self.take_over(context);
            }
            // Who has had an answer may have asked again already, and what is here is not an answer to that.
            let is_next = |first: &&mut Waiting<P>| first.start < written || first.start == 0;
            let Some(first) = self.waiting.front_mut().filter(is_next) else {
                // Nobody asked.
                return Err(End::Io(io::ErrorKind::InvalidData.into()));
            };
            if !P::read(&mut self.incoming, &mut first.answer).map_err(End::Malformed)? {
                break;
            }
            let is_last = P::verdict(&first.answer).is_last();
            if self.shared.congested.load(Ordering::Relaxed) {
                // Before the caller knows: it need not avoid the connection for its next call.
                let unwritten = unwritten + self.shared.queue().out.len();
                self.mark_congestion(unwritten);
            }
            if let Some(Waiting { answer, caller: Some(caller), .. }) = self.waiting.pop_front() {
                // A caller that was dropped gets nothing.
                let _ = caller.send(Ok(answer));
            }
            if is_last {
                return Err(End::Io(io::ErrorKind::ConnectionAborted.into()));
            }
            answered += 1;
        }
        Ok(answered)
    }

    /// Notes whether new calls had better not wait for what is on its way.
    fn mark_congestion(&self, unwritten: usize) {
        let congested = self.incoming.missing() > LONG || unwritten > LONG;
        self.shared.congested.store(congested, Ordering::Relaxed);
    }

    /// Tells those who have waited too long, and says when to look again.
    fn expire(&mut self, context: &mut Context<'_>) {
        while let Some((_, timer)) = &mut self.watch {
            if timer.as_mut().poll(context).is_pending() {
                return;
            }
            let now = Instant::now();
            let written = self.shared.written.load(Ordering::Acquire);
            for late in self.waiting.iter_mut().filter(|waiting| waiting.deadline <= now) {
                self.shared.retired.store(true, Ordering::Release);
                late.fail(Cause::TimedOut, written);
            }
            let mut queue = self.shared.queue();
            // Requests that came meanwhile may be late already, and their callers have not been told.
            let untold = self.waiting.iter().chain(&queue.waiting).filter(|waiting| waiting.caller.is_some());
            queue.watched = untold.map(|waiting| waiting.deadline).min();
            drop(queue);
            self.take_over(context);
        }
    }

    /// The one whose answer should have come is told what did.
    fn tell_first(&mut self, why: P::Malformed) {
        let Some(mut first) = self.waiting.pop_front() else { return };
        first.fail(Cause::Malformed(why), self.shared.written.load(Ordering::Acquire));
    }

    /// Whether nothing was asked for so long that the connection should be replaced.
    fn has_rested(&mut self, context: &mut Context<'_>) -> bool {
        let timer =
            self.idle.get_or_insert_with(|| Box::pin(sleep_until((Instant::now() + LONGEST_IDLE).into())));
        if timer.as_mut().poll(context).is_pending() {
            return false;
        }
        let queue = self.shared.queue();
        let end = queue.last + LONGEST_IDLE;
        let rested = queue.idle && end <= Instant::now();
        drop(queue);
        timer.as_mut().reset(end.max(Instant::now() + LONGEST_IDLE / 10).into());
        rested || self.has_rested(context)
    }

    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<End<P::Malformed>> {
        let shared = Arc::clone(&self.shared);
        self.take_over(context);
        let mut wire = shared.wire();
        let answered = match self.read(&mut wire, context) {
            Ok(answered) => answered,
            Err(end) => return Poll::Ready(end),
        };
        self.expire(context);
        if shared.retired.load(Ordering::Acquire) && !self.waiting.iter().any(Waiting::is_awaited) {
            let queue = shared.queue();
            if !queue.waiting.iter().any(Waiting::is_awaited) {
                return Poll::Ready(End::Retired);
            }
        }
        if self.has_rested(context) {
            shared.retired.store(true, Ordering::Release);
            return Poll::Ready(End::Retired);
        }
        let queue = shared.queue();
        let to_write = !queue.out.is_empty();
        drop(queue);
        if self.broken {
            // Nothing more goes out.
        } else if wire.at < wire.writing.len() || wire.unflushed || self.yielded {
            self.yielded = false;
            if let Poll::Ready(Err(e)) = shared.poll_write(&mut wire, context) {
                use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
                if !matches!(e.kind(), BrokenPipe | ConnectionReset | ConnectionAborted) {
                    return Poll::Ready(End::Io(e));
                }
                // A server that closes in the middle of a request may have said why. What it said is read before the
                // end of the stream, which is about to come.
                shared.retired.store(true, Ordering::Release);
                self.broken = true;
            }
        } else if to_write {
            // Yields, so that other callers can add their requests: one system call sends all of them.
            self.yielded = true;
            context.waker().wake_by_ref();
        }
        let mut queue = shared.queue();
        let unwritten = wire.unwritten() + queue.out.len();
        self.mark_congestion(unwritten);
        let nothing = self.waiting.is_empty() && queue.waiting.is_empty() && unwritten == 0;
        queue.under_way -= answered;
        if answered > 0 && std::mem::take(&mut queue.crowded) {
            shared.fewer.notify_waiters();
        }
        queue.idle = nothing;
        if answered > 0 {
            queue.alone = answered == 1;
        }
        Poll::Pending
    }
}

impl<P: Protocol> Future for Driver<P> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let end = ready!(this.poll_end(context));
        match end {
            End::Io(error) => this.error = error,
            End::Malformed(why) => this.tell_first(why),
            End::Retired => {}
        }
        Poll::Ready(())
    }
}

impl<P: Protocol> Drop for Driver<P> {
    /// However it ends, and if its runtime ends: every caller is told.
    fn drop(&mut self) {
        self.shared.retired.store(true, Ordering::Release);
        let mut queue = self.shared.queue();
        queue.ended = true;
        queue.error = failure::copy(&self.error);
        self.waiting.append(&mut queue.waiting);
        drop(queue);
        self.shared.fewer.notify_waiters();
        let stream = self.shared.wire().stream.take();
        if !self.waiting.is_empty() {
            stream.as_ref().inspect(|stream| stream.end_abruptly());
        }
        drop(stream);
        let written = self.shared.written.load(Ordering::Acquire);
        for waiting in &mut self.waiting {
            waiting.fail(Cause::Ended(failure::copy(&self.error)), written);
        }
    }
}
