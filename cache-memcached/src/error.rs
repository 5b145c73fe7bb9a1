//! [`ErrorReply`]: what a server means by an error reply, and the caller's error.

use std::fmt::Display;

use cache_core::{Error, server_text};
use cache_net::{RetrySafety, Verdict};

/// Which kind of line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// `SERVER_ERROR`. The replies behind it are still in order.
    ServerError,
    /// `CLIENT_ERROR` or `ERROR`. A value may follow that the server reads as commands.
    Error,
    /// A line that is not one of memcached's answers to this command.
    Unknown,
}

/// What its text says about the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// It has no memory for this item, or the item is too large. The command was not carried out.
    Item,
    /// It has reached its limit of connections.
    Crowded,
    /// It wants a log-in.
    LogIn,
    /// It was started with an option that forbids the command.
    Forbidden,
    /// Anything else. Another server may do it, since this one is broken or is not the right one: a proxy's words for a
    /// server behind it that is gone, an unknown command, memory for a connection.
    Broken,
}

impl Meaning {
    fn of(words: &str) -> Self {
        let words = words.to_ascii_lowercase();
        let has = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
        if has(&["too large", "storing object", "allocating new item"]) {
            Self::Item
        } else if has(&["too many open connections", "too many connections"]) {
            Self::Crowded
        } else if has(&["unauth", "authentication", "authorized"]) {
            Self::LogIn
        } else if has(&["not allowed"]) {
            Self::Forbidden
        } else {
            Self::Broken
        }
    }
}

/// A line that came in place of a reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ErrorReply {
    line: Line,
    words: String,
    meaning: Meaning,
}

impl ErrorReply {
    /// Reads an error reply. Returns `None` for any other line.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let word = line.split(|&b| b == b' ').next().unwrap_or_default();
        let (kind, words) = match word {
            b"SERVER_ERROR" => (Line::ServerError, &line[word.len()..]),
            b"CLIENT_ERROR" => (Line::Error, &line[word.len()..]),
            b"ERROR" => (Line::Error, line),
            _ => return None,
        };
        let words = String::from_utf8_lossy(words).trim().to_owned();
        Some(Self { line: kind, meaning: Meaning::of(&words), words })
    }

    /// Makes the error for a line that is not one of memcached's answers to the command.
    pub(crate) const fn unknown(line: String) -> Self {
        Self { line: Line::Unknown, words: line, meaning: Meaning::Broken }
    }

    /// Returns what it says about its connection.
    pub(crate) const fn verdict(&self) -> Verdict {
        match (self.meaning, self.line) {
            (Meaning::Item, Line::ServerError) => Verdict::Keep,
            (Meaning::Broken, Line::ServerError) => Verdict::Broken,
            (Meaning::Broken, _) => Verdict::OutOfStep,
            _ => Verdict::Ends,
        }
    }

    /// Whether the value was refused for its size.
    pub(crate) fn is_too_large(&self) -> bool {
        self.words.contains("too large")
    }

    /// Returns the line where a server that does not know a command answers with it.
    pub(crate) fn not_understood(&self) -> Option<&str> {
        (self.meaning == Meaning::Broken && self.line != Line::ServerError).then_some(&self.words)
    }

    /// Returns the error for the caller of `command`.
    pub(crate) fn into_error(self, server: &impl Display, command: &str, safety: RetrySafety) -> Error {
        let words = server_text(&self.words);
        match self.meaning {
            Meaning::Item => Error::storage(format!(
                "{server} has no room for the item ({words}); start it with more memory (-m)"
            )),
            Meaning::Crowded => Error::unavailable(format!(
                "{server} has reached its limit of connections ({words}): start it with a higher -c, or lower \
                 max_connections in its clients"
            )),
            Meaning::LogIn => Error::rejected(format!(
                "{server} wants a log-in ({words}), and the protocol spoken here has none: start it without -Y and -S, \
                 and let only the program's machines reach it"
            )),
            Meaning::Forbidden => Error::rejected(format!(
                "{server} does not let clients use {command:?} ({words}): it was started with -F or another option that \
                 forbids it"
            )),
            Meaning::Broken => match self.line {
                // A proxy sends this too when it has forwarded the command and got no answer.
                Line::ServerError if safety.must_be_known() => Error::outcome_unknown(format!(
                    "{server} failed at {command:?} ({words}): the change may or may not have happened"
                )),
                Line::ServerError => {
                    Error::unavailable(format!("{server} could not do {command:?} ({words})"))
                }
                Line::Error => Error::rejected(format!(
                    "{server} does not understand {command:?} ({words}); memcached 1.6.10 or newer is needed"
                )),
                Line::Unknown => unknown_reply(server, command),
            },
        }
    }
}

/// Returns the error for a reply that is not memcached's. It does not show the reply, which may be a part of a
/// value.
pub(crate) fn unknown_reply(server: &impl Display, command: &str) -> Error {
    Error::rejected(format!(
        "{server} answered {command:?} with something that is not memcached's meta protocol; see that the location names \
         a memcached server"
    ))
}

/// Returns the error for a reply of the meta protocol that does not belong to the command.
pub(crate) fn protocol_error(server: &impl Display) -> Error {
    Error::rejected(format!("{server} answered something that does not fit memcached's meta protocol"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_and_proxies_say() {
        for (line, meaning, verdict) in [
            // memcached
            ("SERVER_ERROR object too large for cache", Meaning::Item, Verdict::Keep),
            ("SERVER_ERROR out of memory storing object", Meaning::Item, Verdict::Keep),
            ("SERVER_ERROR Out of memory allocating new item", Meaning::Item, Verdict::Keep),
            ("ERROR Too many open connections", Meaning::Crowded, Verdict::Ends),
            ("CLIENT_ERROR unauthenticated", Meaning::LogIn, Verdict::Ends),
            ("CLIENT_ERROR authentication failure", Meaning::LogIn, Verdict::Ends),
            ("CLIENT_ERROR flush_all not allowed", Meaning::Forbidden, Verdict::Ends),
            ("ERROR", Meaning::Broken, Verdict::OutOfStep),
            ("CLIENT_ERROR bad command line format", Meaning::Broken, Verdict::OutOfStep),
            ("SERVER_ERROR out of memory reading request", Meaning::Broken, Verdict::Broken),
            ("SERVER_ERROR out of memory", Meaning::Broken, Verdict::Broken),
            // memcached's own proxy, mcrouter, twemproxy, moxi
            ("SERVER_ERROR backend failure", Meaning::Broken, Verdict::Broken),
            ("SERVER_ERROR mc_res_tko", Meaning::Broken, Verdict::Broken),
            ("SERVER_ERROR Connection refused", Meaning::Broken, Verdict::Broken),
            ("SERVER_ERROR temporary failure", Meaning::Broken, Verdict::Broken),
            ("SERVER_ERROR unauthorized, null bucket", Meaning::LogIn, Verdict::Ends),
            ("SERVER_ERROR", Meaning::Broken, Verdict::Broken),
        ] {
            let reply = ErrorReply::parse(line.as_bytes()).unwrap();
            assert_eq!((reply.meaning, reply.verdict()), (meaning, verdict), "{line:?}");
        }
        for line in ["HD", "", "VERSION 1.6.18", "ERRORS", "SERVER_ERROR_"] {
            assert_eq!(ErrorReply::parse(line.as_bytes()), None, "{line:?}");
        }
    }
}
