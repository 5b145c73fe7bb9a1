//! From a failed exchange to an [`Error`].

use std::io;

use cache_core::{Error, Key};

use crate::connection::{Cause, Fault};
use crate::node::Care;
use crate::replies::Nonsense;

/// The error of an exchange with the server called `name`, about `key` if there is one. `sent`
/// says that the server may have read the whole request.
pub(crate) fn of_fault(name: &str, fault: Fault, sent: bool, care: Care, key: Option<Key<'_>>) -> Error {
    let lost = sent && care.exact();
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
        Cause::Nonsense(Nonsense::NotUnderstood(reason)) => {
            Error::rejected(format!("memcached server {name} refused the command: {reason}"))
        }
        // What it said is not shown: it may be a part of a value.
        Cause::Nonsense(Nonsense::Garbled) => {
            Error::rejected(format!("{name} answered something that is not memcached's meta protocol"))
        }
        Cause::Version(said) => Error::rejected(format!(
            "{name} answers {said:?} when asked for its version, and memcached 1.6.10 or newer is needed"
        )),
        Cause::NoRuntime => Error::invalid_cache_backend(
            "the async half of the memcached backend was called outside of a tokio runtime: call it in \
             one, or use the sync half",
        ),
        Cause::InheritedRuntime(e) => {
            Error::invalid_cache_backend("the async half of the memcached backend cannot be used")
                .with_source(e)
        }
    };
    match key {
        Some(key) => error.with_key(key.as_str()),
        None => error,
    }
}

/// The error of a `SERVER_ERROR`.
pub(crate) fn of_refusal(name: &str, reason: &str) -> Error {
    Error::storage(format!("memcached server {name} could not do it: {reason}"))
}

/// A reply of the meta protocol that does not fit the command.
pub(crate) fn of_misfit(name: &str) -> Error {
    Error::rejected(format!("{name} answered something that does not fit memcached's meta protocol"))
}
