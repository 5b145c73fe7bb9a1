//! [`Failure`]: an exchange that brought no answer, and what its caller is told.

use std::io;

use cache_core::{Error, ErrorKind};

use crate::socket::is_timeout;
use crate::{Protocol, RetrySafety};

/// Why a call got no answer.
#[derive(Debug)]
pub enum Cause<M> {
    /// It did not come in time.
    TimedOut,
    /// No connection could be made.
    Unreachable(io::Error),
    /// The server was reached, and TLS was not agreed on.
    #[cfg(feature = "tls")]
    NoTls(io::Error),
    /// The connection ended.
    Ended(io::Error),
    /// What came is not an answer to this request.
    Malformed(M),
    /// The call may not be made, or the server may not be used: this is what the caller is told.
    Unusable(Error),
}

/// An exchange that brought no answer. Its connection is closed, or given to no other call.
#[derive(Debug)]
pub struct Failure<M> {
    /// What happened.
    pub cause: Cause<M>,
    /// How many bytes of the request were handed to the system.
    pub written: usize,
    /// How many bytes the request has. What did not go out whole is not carried out.
    pub length: usize,
    /// The connection had been used before.
    pub used: bool,
}

impl<M> Failure<M> {
    /// Nothing was sent.
    pub(crate) const fn before(cause: Cause<M>) -> Self {
        Self { cause, written: 0, length: 0, used: false }
    }

    /// Whether the server may have read the whole request.
    pub const fn is_sent(&self) -> bool {
        self.length > 0 && self.written >= self.length
    }

    /// Whether other connections from earlier calls are lost too, or lead to the wrong server.
    pub(crate) const fn leads_elsewhere(&self) -> bool {
        match self.cause {
            Cause::Ended(_) => self.used,
            Cause::Malformed(_) => true,
            _ => false,
        }
    }

    /// Whether the request may be sent once more, on another connection.
    pub(crate) const fn may_repeat(&self, safety: RetrySafety) -> bool {
        match self.cause {
            Cause::Ended(_) => self.used && (!self.is_sent() || safety.is_repeatable()),
            // It led to another server than the requests before.
            Cause::Malformed(_) => self.used && safety.is_repeatable(),
            _ => false,
        }
    }

    /// Whether the server was not reached or did not answer.
    pub(crate) const fn is_unreachable(&self) -> bool {
        matches!(self.cause, Cause::TimedOut | Cause::Unreachable(_) | Cause::Ended(_))
    }

    /// What the caller of `request` is told.
    pub(crate) fn into_error<P>(self, server: &P, request: &P::Request, safety: RetrySafety) -> Error
    where
        P: Protocol<Malformed = M>,
    {
        let lost = self.is_sent() && safety.must_be_known();
        let error = match self.cause {
            Cause::Unusable(error) => return error,
            Cause::TimedOut => timed_out(server),
            Cause::Malformed(why) => server.malformed(request, why),
            Cause::Unreachable(e) if is_timeout(&e) => timed_out(server),
            #[cfg(feature = "tls")]
            Cause::NoTls(e) => crate::tls::handshake_error(e, server),
            Cause::Unreachable(e) if is_end(&e) => closed(server),
            Cause::Unreachable(e) => Error::unavailable(format!("{server} cannot be reached")).with_source(e),
            #[cfg(feature = "tls")]
            Cause::Ended(e) if crate::tls::is_of_tls(&e) => crate::tls::error(e, server),
            Cause::Ended(_) => closed(server),
        };
        if lost {
            let message =
                format!("it was sent to {server} and no reply came: it may or may not have happened");
            return Error::new(ErrorKind::OutcomeUnknown, message).with_source(error);
        }
        error
    }
}

fn timed_out(server: &impl Protocol) -> Error {
    Error::unavailable(format!("{server} did not answer in time; see operation_timeout and connect_timeout"))
}

/// A server that closes a connection does not say why.
fn closed<P: Protocol>(server: &P) -> Error {
    Error::unavailable(format!("{server} closed the connection before it replied: {}", server.why_closed()))
}

/// A copy of the error that ended a connection, for each of the calls on it.
pub(crate) fn copy(e: &io::Error) -> io::Error {
    #[cfg(feature = "tls")]
    if let Some(tls) = crate::tls::of_tls(e) {
        return io::Error::new(e.kind(), tls.clone());
    }
    e.raw_os_error().map_or_else(|| e.kind().into(), io::Error::from_raw_os_error)
}

fn is_end(e: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(e.kind(), UnexpectedEof | BrokenPipe | ConnectionReset | ConnectionAborted)
}
