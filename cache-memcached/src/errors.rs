//! From a failed exchange to an [`Error`].

use std::io;

use cache_core::{Error, Key, server_text};

use crate::connection::{Cause, Fault};
use crate::node::Care;
use crate::refusal::Refusal;
use crate::replies::Nonsense;
use crate::wire::Request;

/// The error of `request` to the server called `name`, about `key` if there is one.
pub(crate) fn of_fault(
    name: &str,
    fault: Fault,
    request: &Request,
    care: Care,
    key: Option<Key<'_>>,
) -> Error {
    // The server may have read the whole request.
    let lost = fault.written >= request.bytes.len() && care.exact();
    let command = request.name();
    let error = match fault.cause {
        Cause::Io(e) if e.kind() == io::ErrorKind::TimedOut && lost => Error::outcome_unknown(format!(
            "memcached server {name} did not answer in time: the change may or may not have happened"
        )),
        Cause::Io(e) if e.kind() == io::ErrorKind::TimedOut => {
            Error::unavailable(format!("memcached server {name} did not answer in time"))
        }
        Cause::Io(e) if lost => Error::outcome_unknown(format!(
            "the connection to memcached server {name} ended before the answer: the change may or may not \
             have happened"
        ))
        .with_source(e),
        Cause::Io(e) if fault.written > 0 => {
            Error::unavailable(format!("the connection to memcached server {name} ended")).with_source(e)
        }
        Cause::Io(e) => {
            Error::unavailable(format!("memcached server {name} cannot be reached")).with_source(e)
        }
        Cause::PoolFull => Error::unavailable(format!(
            "no connection to memcached server {name} became free in time: raise max_connections or pool_wait"
        )),
        Cause::ClosedAtOnce(e) => Error::unavailable(format!(
            "memcached server {name} closed a new connection without a word; a server that speaks TLS (-Z) or wants \
             a SASL log-in (-S) does so, and neither is spoken here: use a port that speaks plain memcached"
        ))
        .with_source(e),
        Cause::Nonsense(Nonsense::NotUnderstood(reason)) => {
            of_words(name, command, &reason).unwrap_or_else(|| {
                Error::rejected(format!(
                    "memcached server {name} does not understand {command:?} ({}); memcached 1.6.10 or newer is needed",
                    server_text(&reason)
                ))
            })
        }
        // A proxy says so too when it has sent the command on and got no answer.
        Cause::Refused(reason) => of_words(name, command, &reason).unwrap_or_else(|| {
            let words = server_text(&reason);
            if lost {
                return Error::outcome_unknown(format!(
                    "memcached server {name} failed at {command:?} ({words}): the change may or may not have happened"
                ));
            }
            Error::unavailable(format!("memcached server {name} could not do {command:?} ({words})"))
        }),
        // What it said is not shown: it may be a part of a value.
        Cause::Nonsense(Nonsense::Garbled) => Error::rejected(format!(
            "{name} answered {command:?} with something that is not memcached's meta protocol; see that the location \
             names a memcached server"
        )),
        Cause::Version(said) => Error::rejected(format!(
            "{name} answers \"{}\" when asked for its version, and memcached 1.6.10 or newer is needed",
            server_text(&said)
        )),
        Cause::NoRuntime => Error::invalid_cache_backend(
            "the async half of the memcached backend was called outside of a tokio runtime: call it in \
             one, or use the sync half",
        ),
        Cause::InheritedRuntime(e) => {
            Error::invalid_cache_backend("the async half of the memcached backend cannot be used").with_source(e)
        }
    };
    match key {
        Some(key) => error.with_key(key.as_str()),
        None => error,
    }
}

/// The error of an error reply whose words say what is wrong.
fn of_words(name: &str, command: &str, reason: &str) -> Option<Error> {
    let words = server_text(reason);
    Some(match Refusal::of(reason) {
        Refusal::Broken => return None,
        Refusal::Item => of_refusal(name, reason),
        Refusal::Crowded => Error::unavailable(format!(
            "memcached server {name} has as many connections as it takes ({words}): start it with a higher -c, or lower \
             max_connections in its clients"
        )),
        Refusal::LogIn => Error::rejected(format!(
            "memcached server {name} wants a log-in ({words}), and the protocol spoken here has none: start it without \
             -Y and -S, and let only the program's machines reach it"
        )),
        Refusal::Forbidden => Error::rejected(format!(
            "memcached server {name} does not let clients use {command:?} ({words}): it was started with -F or another \
             option that forbids it"
        )),
    })
}

/// The error of a `SERVER_ERROR` about an item.
pub(crate) fn of_refusal(name: &str, reason: &str) -> Error {
    Error::storage(format!(
        "memcached server {name} has no room for the item ({}); start it with more memory (-m)",
        server_text(reason)
    ))
}

/// A reply of the meta protocol that does not fit the command.
pub(crate) fn of_misfit(name: &str) -> Error {
    Error::rejected(format!("{name} answered something that does not fit memcached's meta protocol"))
}
