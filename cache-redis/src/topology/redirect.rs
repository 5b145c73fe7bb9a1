//! [`Redirect`]: where a member of a cluster sends a command instead.

use redis::{ServerError, ServerErrorKind, Value};

/// Where a server sends a command instead.
pub(super) enum Redirect {
    /// The slot has moved there for good.
    Moved(String),
    /// This once.
    Ask(String),
}

/// Returns where `reply` sends its command, if it redirects it.
pub(super) fn redirect(reply: &Value) -> Option<Redirect> {
    let Value::ServerError(e) = reply else { return None };
    let address = |e: &ServerError| e.details()?.split(' ').nth(1).map(str::to_owned);
    match e.kind()? {
        ServerErrorKind::Moved => address(e).map(Redirect::Moved),
        ServerErrorKind::Ask => address(e).map(Redirect::Ask),
        _ => None,
    }
}
