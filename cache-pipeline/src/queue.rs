//! [`Queue`]: what callers leave for the driver.

use std::collections::VecDeque;
use std::io;
use std::task::Waker;
use std::time::Instant;

use tokio::sync::oneshot;

use crate::link::Fault;
use crate::{Protocol, Stream};

/// What becomes of a call.
pub(crate) type Outcome<P> = Result<<P as Protocol>::Answer, Fault<<P as Protocol>::Nonsense>>;

/// A request whose answer is still to come.
pub(crate) struct Waiting<P: Protocol> {
    pub(crate) answer: P::Answer,
    /// Nobody, when the caller was told that it is too late.
    pub(crate) caller: Option<oneshot::Sender<Outcome<P>>>,
    pub(crate) deadline: Instant,
    /// Where its bytes are among all that were ever sent on this connection.
    pub(crate) start: u64,
    pub(crate) length: usize,
    pub(crate) used: bool,
}

impl<P: Protocol> Waiting<P> {
    /// Tells the caller, if there is one, that no answer comes; `written` is of the connection.
    pub(crate) fn fail(&mut self, error: io::ErrorKind, written: u64) {
        let Some(caller) = self.caller.take() else { return };
        // A caller that was dropped needs no telling.
        let _ = caller.send(Err(self.fault(error, written)));
    }

    pub(crate) fn fault(&self, error: io::ErrorKind, written: u64) -> Fault<P::Nonsense> {
        let written = usize::try_from(written.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let (length, used) = (self.length, self.used);
        Fault { error, nonsense: None, written: written.min(length), length, used }
    }

    /// Whether somebody still waits for it.
    pub(crate) fn is_awaited(&self) -> bool {
        self.caller.as_ref().is_some_and(|caller| !caller.is_closed())
    }
}

pub(crate) struct Queue<P: Protocol> {
    /// Bytes that wait to be written.
    pub(crate) out: Vec<u8>,
    /// In the order of their bytes; the driver takes them over.
    pub(crate) waiting: VecDeque<Waiting<P>>,
    /// How many calls have no answer yet, or none that was handed out.
    pub(crate) under_way: usize,
    /// Somebody waits until there are fewer.
    pub(crate) crowded: bool,
    /// How many bytes were ever put into `out`.
    pub(crate) queued: u64,
    /// Somebody has been told to write what is in `out`.
    pub(crate) announced: bool,
    /// Nothing is under way.
    pub(crate) idle: bool,
    /// The last answer came alone: the next caller need not wait for others to write with.
    pub(crate) alone: bool,
    /// When a caller last found nothing under way.
    pub(crate) last: Instant,
    /// When the driver looks next at the deadlines.
    pub(crate) watched: Option<Instant>,
    pub(crate) driver: Option<Waker>,
    pub(crate) used: bool,
    /// The driver is gone.
    pub(crate) ended: bool,
    /// In which way the connection ended.
    pub(crate) error: io::ErrorKind,
}

/// The side of the connection that is written to.
pub(crate) struct Wire {
    /// Until the driver is gone.
    pub(crate) stream: Option<Box<dyn Stream>>,
    /// Taken from the queue.
    pub(crate) writing: Vec<u8>,
    /// How much of it is written.
    pub(crate) at: usize,
    /// Written, and perhaps not yet sent.
    pub(crate) unflushed: bool,
}

impl Wire {
    pub(crate) fn is_quiet(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.is_quiet())
    }
}
