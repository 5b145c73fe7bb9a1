//! What a connection can do, whether its calls block or suspend.

use std::future::Future;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use cache_pipeline::InheritedRuntime;
use rustix::net::RecvFlags;

use crate::deadline::Deadline;
use crate::node::{Care, Node};
use crate::pool::Pool;
use crate::refusal::Refusal;
use crate::replies::{Nonsense, Replies, Reply};
use crate::wire::Request;

/// Why an exchange failed.
#[derive(Debug)]
pub(crate) enum Cause {
    /// No connection, a broken one, or too late.
    Io(io::Error),
    /// No connection became free in time.
    PoolFull,
    /// Replies that are none.
    Nonsense(Nonsense),
    /// The server is too old, or no memcached: what it said it is.
    Version(String),
    /// The server took the connection and closed it without a word.
    ClosedAtOnce(io::Error),
    /// The server answered that it cannot do it, for a reason of its own and not of the item.
    Refused(String),
    /// The async half was called outside of a tokio runtime.
    NoRuntime,
    /// The async half was called in a runtime that did not survive a fork.
    InheritedRuntime(InheritedRuntime),
}

/// A failed exchange.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) cause: Cause,
    /// How many bytes of the request were handed to the system.
    pub(crate) written: usize,
}

impl From<io::Error> for Cause {
    fn from(e: io::Error) -> Self {
        Self::Io(e)
    }
}

impl From<InheritedRuntime> for Cause {
    fn from(e: InheritedRuntime) -> Self {
        Self::InheritedRuntime(e)
    }
}

impl From<Cause> for Fault {
    /// A failure before anything was sent.
    fn from(cause: Cause) -> Self {
        Self { cause, written: 0 }
    }
}

impl Cause {
    /// Whether the server was not reached, for those that count failures.
    pub(crate) const fn is_out_of_reach(&self) -> bool {
        matches!(self, Self::Io(_) | Self::ClosedAtOnce(_))
    }
}

impl Fault {
    /// Whether what came says that this connection leads to a server that is broken or is not the right one, so that a
    /// new one may lead to another.
    pub(crate) fn is_misled(&self) -> bool {
        match &self.cause {
            Cause::Nonsense(Nonsense::NotUnderstood(reason)) | Cause::Refused(reason) => {
                Refusal::of(reason) == Refusal::Broken
            }
            Cause::Nonsense(Nonsense::Garbled) => true,
            _ => false,
        }
    }

    /// The connection had been used before and was found to have ended.
    pub(crate) fn is_lost(&self, used: bool) -> bool {
        used && matches!(self.cause, Cause::Io(_)) && !self.timed_out()
    }

    /// Whether `request` may be sent once more on a new connection.
    pub(crate) fn may_repeat(&self, used: bool, request: &Request, care: Care) -> bool {
        // A command that was not sent whole was not done: the server waits for its end.
        let unsent = self.written < request.bytes.len();
        (self.is_lost(used) && (unsent || care.again())) || (self.is_misled() && care.again())
    }

    pub(crate) fn timed_out(&self) -> bool {
        matches!(&self.cause, Cause::Io(e) if e.kind() == io::ErrorKind::TimedOut)
    }
}

/// One connection to a server: a thin driver over [`Request`] and [`Replies`].
///
/// The sync driver's futures never suspend, so each operation is written once for both.
pub(crate) trait Connection: Sized + Send + 'static {
    /// Sends `request` on a connection that all callers share, where there are such connections and
    /// this one has a place for it.
    fn share(
        node: &Node,
        request: &Request,
        care: Care,
        deadline: Deadline,
    ) -> impl Future<Output = Option<Result<Vec<Reply>, Fault>>> + Send;

    /// The connections of this kind to `node`.
    fn pool(node: &Node) -> &Pool<Self>;

    /// Connects to `node`.
    fn connect(node: &Node, deadline: Deadline) -> impl Future<Output = Result<Self, Cause>> + Send;

    /// Sends `request` and reads all its replies. After an error, and when the future is dropped,
    /// the connection is of no use.
    fn exchange(
        &mut self,
        request: &Request,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Vec<Reply>, Fault>> + Send;

    /// Whether it can be used by this caller, and by this caller's runtime.
    fn belongs_here(&self) -> bool;

    /// Whether nothing has come since the last exchange: no byte and no end.
    fn is_quiet(&self) -> bool;

    /// An error where such connections cannot be used.
    fn check_caller() -> Result<(), Cause>;

    /// Waits for what another thread or task will do; `None` when it was too late.
    fn wait<F: Future<Output: Send> + Send>(
        event: F,
        deadline: Deadline,
    ) -> impl Future<Output = Option<F::Output>> + Send;

    /// Waits.
    fn pause(time: Duration) -> impl Future<Output = ()> + Send;
}

/// Looks, without waiting, whether anything has come on a socket that should be silent.
pub(crate) fn nothing_came(socket: impl AsFd) -> bool {
    let mut byte = [0_u8; 1];
    let looked = rustix::net::recv(socket, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT);
    matches!(looked, Err(rustix::io::Errno::AGAIN))
}

/// Makes the socket end at once when it is closed: the server drops what has come of a command
/// that is cut, and no port stays taken.
pub(crate) fn end_abruptly(socket: impl AsFd) {
    // Where the system refuses, it ends as sockets do.
    let _ = rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO));
}

/// More lines than these are no statistics, of which a server has about 4 KiB.
const LONGEST_TEXT: usize = 16 * 1024;

/// The replies of one request, as they come; lines up to a last one are one [`Reply::Line`].
pub(crate) struct Collected {
    found: Vec<Reply>,
    wanted: usize,
    plain: bool,
    last: Option<&'static str>,
    numbered: bool,
}

impl Collected {
    pub(crate) fn of(request: &Request) -> Self {
        Self {
            found: Vec::with_capacity(request.replies),
            wanted: request.replies,
            plain: request.plain,
            last: request.last,
            numbered: request.numbered,
        }
    }

    /// Takes what `replies` has; true when all are there, and nothing else is.
    pub(crate) fn take(&mut self, replies: &mut Replies) -> Result<bool, Nonsense> {
        let whole = self.take_first(replies)?;
        // More than was asked for belongs to nobody.
        if whole && !replies.is_empty() { Err(Nonsense::Garbled) } else { Ok(whole) }
    }

    /// The same, where replies to others may follow.
    pub(crate) fn take_first(&mut self, replies: &mut Replies) -> Result<bool, Nonsense> {
        while !self.is_whole() {
            let Some(reply) = replies.next(self.plain)? else { return Ok(false) };
            // A reply to something else would be taken for a value of this key.
            if self.numbered
                && let Reply::Meta(meta) = &reply
                && meta.opaque.as_deref() != Some(self.found.len().to_string().as_bytes())
            {
                return Err(Nonsense::Garbled);
            }
            match (self.last, self.found.last_mut(), reply) {
                // One text of all lines: a reply for each would take many times what came.
                (Some(_), Some(Reply::Line(text)), Reply::Line(line)) => {
                    if text.len() + line.len() > LONGEST_TEXT {
                        return Err(Nonsense::Garbled);
                    }
                    text.push('\n');
                    text.push_str(&line);
                }
                (_, _, reply) => self.found.push(reply),
            }
        }
        Ok(true)
    }

    fn is_whole(&self) -> bool {
        match (self.last, self.found.last()) {
            (None, _) => self.found.len() >= self.wanted,
            (Some(last), Some(Reply::Line(text))) => {
                let line = text.rsplit('\n').next().unwrap_or_default();
                line == last || line.contains("ERROR")
            }
            (Some(_), _) => false,
        }
    }

    pub(crate) fn into_replies(self) -> Vec<Reply> {
        self.found
    }
}

/// The replies, unless one of them says that the server cannot do what it is asked, for no reason of the item's, or is a
/// line that no memcached answers with: then a failed exchange.
pub(crate) fn accepted(replies: Vec<Reply>, request: &Request) -> Result<Vec<Reply>, Fault> {
    let wrong = replies.iter().find_map(|reply| match reply {
        Reply::Refused(reason) if Refusal::of(reason) != Refusal::Item => {
            Some(Cause::Refused(reason.clone()))
        }
        Reply::Line(line) if !fits(line, request) => Some(Cause::Nonsense(Nonsense::Garbled)),
        _ => None,
    });
    wrong.map_or(Ok(replies), |cause| Err(Fault { cause, written: request.bytes.len() }))
}

fn fits(line: &str, request: &Request) -> bool {
    match request.name() {
        "version" => line.starts_with("VERSION "),
        "flush_all" => line == "OK",
        "stats" => line.starts_with("STAT ") || line == "END",
        _ => true,
    }
}
