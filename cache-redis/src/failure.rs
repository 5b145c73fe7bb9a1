//! [`Failure`]: an exchange that brought no reply.

use std::io;

use cache_core::{Error, ErrorKind};

use crate::commands::Twice;
use crate::location::{Address, Server};
use crate::replies::Garbled;

/// Why no reply was read. The connection is gone.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// The server may have got the request whole.
    pub(crate) sent: bool,
    /// The connection had been used before and was found closed: another may well work.
    pub(crate) stale: bool,
}

impl Failure {
    /// Nothing was sent.
    pub(crate) fn before(error: Error) -> Self {
        Self { error, sent: false, stale: false }
    }

    /// What the caller is told: a request of which nobody knows whether it was carried out, and
    /// which may not be repeated blindly, is no plain failure.
    pub(crate) fn surface(self, twice: Twice, server: &Server) -> Error {
        if self.sent && twice == Twice::Harmful {
            let message =
                format!("it was sent to {server} and no reply came: it may or may not have happened");
            return Error::new(ErrorKind::OutcomeUnknown, message).with_source(self.error);
        }
        self.error
    }
}

pub(crate) fn rejected(what: impl Into<String>) -> Error {
    Error::rejected(what)
}

/// An I/O error while connecting or in the middle of an exchange. TLS errors come as such.
pub(crate) fn io(e: io::Error, server: &Server) -> Error {
    match e.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => timed_out(server),
        #[cfg(feature = "tls")]
        _ if crate::tls::is_of_tls(&e) => crate::tls::failed(e, server),
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted => closed(server),
        _ => Error::unavailable(format!("{server} is out of reach")).with_source(e),
    }
}

/// It does not say why.
fn closed(server: &Server) -> Error {
    let tls = match server.address {
        Address::Tcp { tls: false, .. } => ", speak TLS only (then write rediss://)",
        _ => "",
    };
    Error::unavailable(format!(
        "{server} closed the connection before it replied: it may be going down{tls}, or have met a limit of its own \
         (client-query-buffer-limit for a long request, client-output-buffer-limit for a long reply); its log says \
         which"
    ))
}

pub(crate) fn timed_out(server: &Server) -> Error {
    Error::unavailable(format!("{server} did not answer in time; see operation_timeout and connect_timeout"))
}

pub(crate) fn garbled(server: &Server, garbled: Garbled) -> Error {
    rejected(match garbled {
        Garbled::Tls => format!("{server} speaks TLS; write rediss:// in place of redis:// in the location"),
        Garbled::Other => {
            format!("{server} does not speak the Redis protocol; see that the address is a Redis server's")
        }
    })
}
