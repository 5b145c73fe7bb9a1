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

use crate::Protocol;
use crate::link::{Fault, Shared};
use crate::queue::{Waiting, Wire};

/// More than this still to come, in either direction, and new calls had better not wait for it.
const LONG: usize = 64 << 10;

/// After so many reads the driver looks at the time. tokio lets a task do 128 such things in its turn
/// and then finds nothing ready, a timer neither.
const READS_AT_ONCE: usize = 32;

/// Why the driver stops.
enum End<N> {
    /// In this way.
    Io(io::ErrorKind),
    /// What came is no reply to the first of the requests.
    Nonsense(N),
    /// A call was too late, and nobody waits for anything any more.
    Retired,
}

pub(crate) struct Driver<P: Protocol> {
    shared: Arc<Shared<P>>,
    protocol: P,
    /// Those whose answers come next, in order.
    waiting: VecDeque<Waiting<P>>,
    /// When the first of them is too late; set while anybody waits.
    watch: Option<(Instant, Pin<Box<Sleep>>)>,
    /// Others were let run since there was something to write.
    yielded: bool,
    /// The other side takes nothing more.
    broken: bool,
    /// How the connection ended, for those who still wait.
    error: io::ErrorKind,
}

// Nothing in it is pinned but the timer, which has a box of its own.
impl<P: Protocol> Unpin for Driver<P> {}

impl<P: Protocol> Driver<P> {
    pub(crate) const fn new(shared: Arc<Shared<P>>, protocol: P) -> Self {
        Self {
            shared,
            protocol,
            waiting: VecDeque::new(),
            watch: None,
            yielded: false,
            broken: false,
            error: io::ErrorKind::BrokenPipe,
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
    fn read(&mut self, wire: &mut Wire, context: &mut Context<'_>) -> Result<usize, End<P::Nonsense>> {
        let mut answered = 0;
        let Some(stream) = &mut wire.stream else { return Err(End::Io(io::ErrorKind::BrokenPipe)) };
        for _ in 0..READS_AT_ONCE {
            let mut room = ReadBuf::new(self.protocol.room());
            let count = match Pin::new(&mut *stream).poll_read(context, &mut room) {
                Poll::Pending => return Ok(answered),
                Poll::Ready(Err(e)) => return Err(End::Io(e.kind())),
                Poll::Ready(Ok(())) => room.filled().len(),
            };
            if count == 0 {
                return Err(End::Io(io::ErrorKind::UnexpectedEof));
            }
            self.protocol.filled(count);
            answered += self.hand_out(context)?;
        }
        context.waker().wake_by_ref();
        Ok(answered)
    }

    /// Nobody writes meanwhile: the wire is held.
    fn hand_out(&mut self, context: &Context<'_>) -> Result<usize, End<P::Nonsense>> {
        let mut answered = 0;
        let written = self.shared.written.load(Ordering::Acquire);
        while !self.protocol.is_empty() {
            if self.waiting.is_empty() {
                self.take_over(context);
            }
            // Who has had an answer may have asked again already, and what is here is no answer to that.
            let Some(first) = self.waiting.front_mut().filter(|first| first.start < written) else {
                // Nobody asked.
                return Err(End::Io(io::ErrorKind::InvalidData));
            };
            if !self.protocol.read(&mut first.answer).map_err(End::Nonsense)? {
                break;
            }
            if let Some(Waiting { answer, caller: Some(caller), .. }) = self.waiting.pop_front() {
                // A caller that was dropped gets nothing.
                let _ = caller.send(Ok(answer));
            }
            answered += 1;
        }
        Ok(answered)
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
                late.fail(io::ErrorKind::TimedOut, written);
            }
            let mut queue = self.shared.queue();
            // Those that came in the meantime may be late already, and nobody has told them.
            let untold = self.waiting.iter().chain(&queue.waiting).filter(|waiting| waiting.caller.is_some());
            queue.watched = untold.map(|waiting| waiting.deadline).min();
            drop(queue);
            self.take_over(context);
        }
    }

    /// The one whose answer should have come is told what did.
    fn tell_first(&mut self, nonsense: P::Nonsense) {
        let Some(mut first) = self.waiting.pop_front() else { return };
        let written = self.shared.written.load(Ordering::Acquire);
        if let Some(caller) = first.caller.take() {
            let fault = first.fault(io::ErrorKind::InvalidData, written);
            // A caller that was dropped needs no telling.
            let _ = caller.send(Err(Fault { nonsense: Some(nonsense), ..fault }));
        }
    }

    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<End<P::Nonsense>> {
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
                    return Poll::Ready(End::Io(e.kind()));
                }
                // A server that closes in the middle of a request may have said why. What it said is read before the
                // end of the stream, which is about to come.
                shared.retired.store(true, Ordering::Release);
                self.broken = true;
            }
        } else if to_write {
            // Whoever else is about to ask does so first: one system call takes it all.
            self.yielded = true;
            context.waker().wake_by_ref();
        }
        let mut queue = shared.queue();
        let unwritten = wire.writing.len() - wire.at + queue.out.len();
        let clogged = self.protocol.missing() > LONG || unwritten > LONG;
        shared.clogged.store(clogged, Ordering::Relaxed);
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
            End::Nonsense(nonsense) => this.tell_first(nonsense),
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
        queue.error = self.error;
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
            waiting.fail(self.error, written);
        }
    }
}
