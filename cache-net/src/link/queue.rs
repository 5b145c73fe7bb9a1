//! [`Queue`]: what callers leave for the driver.

use std::collections::VecDeque;
use std::io;
use std::task::Waker;
use std::time::Instant;

use tokio::sync::oneshot;

use crate::failure::{self, Cause, Failure};
use crate::{Protocol, Stream};

/// More than this still to come, in either direction, and new calls had better not wait for it.
pub(super) const LONG: usize = 64 << 10;

/// What becomes of a call.
pub(super) type Outcome<P> = Result<<P as Protocol>::Answer, Failure<<P as Protocol>::Malformed>>;

/// A request whose answer is still to come.
pub(super) struct Waiting<P: Protocol> {
    pub(super) answer: P::Answer,
    /// Nobody, when the caller was told that it is too late.
    pub(super) caller: Option<oneshot::Sender<Outcome<P>>>,
    pub(super) deadline: Instant,
    /// Where its bytes are among all that were ever sent on this connection.
    pub(super) start: u64,
    pub(super) length: usize,
    pub(super) used: bool,
}

impl<P: Protocol> Waiting<P> {
    /// Tells the caller, if there is one, that no answer comes. `written` is of the connection.
    pub(super) fn fail(&mut self, cause: Cause<P::Malformed>, written: u64) {
        let Some(caller) = self.caller.take() else { return };
        // A caller that was dropped needs no telling.
        let _ = caller.send(Err(self.failure(cause, written)));
    }

    pub(super) fn failure(&self, cause: Cause<P::Malformed>, written: u64) -> Failure<P::Malformed> {
        let written = usize::try_from(written.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let (length, used) = (self.length, self.used);
        Failure { cause, written: written.min(length), length, used }
    }

    /// Whether somebody still waits for it.
    pub(super) fn is_awaited(&self) -> bool {
        self.caller.as_ref().is_some_and(|caller| !caller.is_closed())
    }
}

pub(super) struct Queue<P: Protocol> {
    /// Bytes that wait to be written.
    pub(super) out: Vec<u8>,
    /// In the order of their bytes; the driver takes them over.
    pub(super) waiting: VecDeque<Waiting<P>>,
    /// How many calls have no answer yet, or none that was handed out.
    pub(super) under_way: usize,
    /// Somebody waits until there are fewer.
    pub(super) crowded: bool,
    /// How many bytes were ever put into `out`.
    pub(super) queued: u64,
    /// Somebody has been told to write what is in `out`.
    pub(super) announced: bool,
    /// Nothing is under way.
    pub(super) idle: bool,
    /// The last answer came alone: the next caller need not wait for others to write with.
    pub(super) alone: bool,
    /// When a caller last found nothing under way.
    pub(super) last: Instant,
    /// When the driver looks next at the deadlines.
    pub(super) watched: Option<Instant>,
    pub(super) driver: Option<Waker>,
    pub(super) used: bool,
    /// The driver is gone.
    pub(super) ended: bool,
    /// In which way the connection ended.
    pub(super) error: io::Error,
}

impl<P: Protocol> Default for Queue<P> {
    fn default() -> Self {
        Self {
            out: Vec::new(),
            waiting: VecDeque::new(),
            under_way: 0,
            crowded: false,
            queued: 0,
            announced: false,
            idle: true,
            alone: true,
            last: Instant::now(),
            watched: None,
            driver: None,
            used: false,
            ended: false,
            error: io::ErrorKind::BrokenPipe.into(),
        }
    }
}

impl<P: Protocol> Queue<P> {
    /// What a caller is told of the end of the connection.
    pub(super) fn end(&self) -> Cause<P::Malformed> {
        Cause::Ended(failure::copy(&self.error))
    }
}

/// The side of the connection that is written to.
pub(super) struct Wire {
    /// Until the driver is gone.
    pub(super) stream: Option<Box<dyn Stream>>,
    /// Taken from the queue.
    pub(super) writing: Vec<u8>,
    /// How much of it is written.
    pub(super) at: usize,
    /// Written, and perhaps not yet sent.
    pub(super) unflushed: bool,
}

impl Wire {
    /// How many of the bytes that were taken from the queue are not written.
    pub(super) const fn unwritten(&self) -> usize {
        self.writing.len() - self.at
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.is_quiet())
    }
}
