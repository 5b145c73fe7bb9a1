//! [`Failure`]: an exchange that brought no reply; and what a server's error means to a caller.

use std::io;

use cache_core::{Error, ErrorKind};
use redis::ServerError;

use crate::commands::{Twice, Wrong};
use crate::location::Server;

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
        io::ErrorKind::InvalidData => {
            rejected(format!("{server} and this client cannot agree on TLS")).with_source(e)
        }
        io::ErrorKind::UnexpectedEof => {
            Error::unavailable(format!("{server} closed the connection before it replied"))
        }
        _ => Error::unavailable(format!("{server} is out of reach")).with_source(e),
    }
}

pub(crate) fn timed_out(server: &Server) -> Error {
    Error::unavailable(format!("{server} did not answer in time; see operation_timeout and connect_timeout"))
}

pub(crate) fn garbled(server: &Server) -> Error {
    rejected(format!("{server} does not speak the Redis protocol; see that the address is a Redis server's"))
}

pub(crate) fn wrong(wrong: Wrong, server: &Server) -> Error {
    match wrong {
        Wrong::Server(e) => refused(&e, server),
        Wrong::Shape => rejected(format!(
            "{server} gave a reply that does not belong to the command; see that nothing between it and this \
             client alters commands"
        )),
    }
}

/// An error that the server itself replied with.
fn refused(e: &ServerError, server: &Server) -> Error {
    let code = e.code();
    let detail = shown(e);
    match code {
        "NOAUTH" | "WRONGPASS" | "DENIED" => rejected(format!(
            "{server} refuses this client ({code}); see the user and password in the location"
        )),
        "NOPERM" => rejected(format!("{server} does not permit this: {detail}")),
        "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "BUSY" => {
            Error::unavailable(format!("{server} cannot answer now ({code}); try again later"))
        }
        "OOM" => Error::storage(format!(
            "{server} is out of memory and nothing was stored; raise its maxmemory or set a maxmemory-policy \
             that evicts"
        )),
        "READONLY" => Error::storage(format!(
            "{server} is a read-only replica and nothing was stored; name the primary first in the location"
        )),
        "MISCONF" => {
            Error::storage(format!("{server} cannot save its data to disk and refuses to write; see its log"))
        }
        "ERR" if detail.starts_with("max number of clients") => {
            Error::unavailable(format!("{server} has too many clients; raise its maxclients"))
        }
        "ERR" if detail.contains("AUTH") || detail.contains("auth") => {
            rejected(format!("{server} refuses this client; see the user and password in the location"))
        }
        "ERR" if detail.contains("DB index") => {
            rejected(format!("{server} has no such database; see its setting `databases`"))
        }
        _ => Error::storage(format!("{server} refused the command: {code} {detail}")),
    }
}

/// The server's own words, up to the first quotation mark: behind it may stand what it was sent,
/// a cached value or a password.
fn shown(e: &ServerError) -> String {
    let detail = e.details().unwrap_or_default();
    // Here the quotation marks stand around names of commands, users and keys.
    let safe = e.code() == "NOPERM";
    let end = detail.find(['\'', '"', '`']).filter(|_| !safe).unwrap_or(detail.len());
    detail[..end].trim_end_matches(['(', ' ', ':', ',']).chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::location::Servers;

    fn told(reply: &str) -> Error {
        let server = Servers::from("redis://app:hunter2@h").parse().unwrap().remove(0);
        match redis::parse_redis_value(reply.as_bytes()).unwrap() {
            redis::Value::ServerError(e) => wrong(Wrong::Server(e), &server),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_servers_words_are_shown_without_what_it_was_sent() {
        let e = told("-ERR unknown command 'GTE', with args beginning with: 'hunter2' \r\n");
        assert!(!format!("{e} {e:?}").contains("hunter2"), "{e}");
        assert!(
            e.to_string().contains("redis://h:6379/0") && e.to_string().contains("unknown command"),
            "{e}"
        );
        let e = told("-NOPERM User app has no permissions to run the 'flushdb' command\r\n");
        assert!(e.to_string().contains("'flushdb'"), "{e}");
    }

    #[test]
    fn each_refusal_has_its_kind() {
        let kind = |reply: &str| told(reply).kind();
        let no = rejected("").kind();
        assert_eq!(kind("-NOAUTH Authentication required.\r\n"), no);
        assert_eq!(kind("-WRONGPASS invalid username-password pair or user is disabled.\r\n"), no);
        assert_eq!(kind("-ERR AUTH <password> called without any password configured\r\n"), no);
        assert_eq!(kind("-ERR DB index is out of range\r\n"), no);
        assert_eq!(kind("-LOADING Redis is loading the dataset in memory\r\n"), ErrorKind::Unavailable);
        assert_eq!(kind("-ERR max number of clients reached\r\n"), ErrorKind::Unavailable);
        assert_eq!(kind("-OOM command not allowed when used memory > 'maxmemory'.\r\n"), ErrorKind::Storage);
        assert_eq!(kind("-READONLY You can't write against a read only replica.\r\n"), ErrorKind::Storage);
    }
}
