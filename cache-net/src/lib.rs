//! Calls to a server: what the backends that speak a protocol have in common.
//!
//! A backend implements [`Protocol`]: how a request is written, how the end of its answer is recognised, what a new
//! connection begins with. It then makes a [`Server`] and calls it, sync or async. This crate knows no protocol.
//!
//! # Rules
//!
//! They hold for every protocol, and for sync and async callers alike.
//!
//! - **One deadline covers everything a call waits for**: a free connection, the name, connecting, TLS, the handshake,
//!   writing and reading.
//! - **A dead address costs its share of the connect time.** A name with several addresses is tried address by address.
//!   A resolver that hangs holds one thread for each name, and delays nobody's exit.
//! - **A full queue of a Unix socket is waited for**, within the connect time.
//! - **A connection is dropped, and its name resolved again, after a reply that says "wrong server"** or "broken server"
//!   ([`Verdict`]). The call is repeated once where that is harmless ([`RetrySafety`]).
//! - **A call is never sent a third time.** The second attempt happens only after such a reply, or after a connection
//!   that had been idle turned out to be closed.
//! - **A request that was sent and not answered** is [`OutcomeUnknown`](cache_core::ErrorKind::OutcomeUnknown) if the caller
//!   has to know whether it happened, else [`Unavailable`](cache_core::ErrorKind::Unavailable).
//! - **After `fork` the child opens connections of its own**, and never touches its parent's. A tokio runtime from before
//!   the fork is refused.
//!
//! # Connections
//!
//! Sync callers share a bounded pool of connections, each used by one call at a time. A connection goes back only when
//! its answer was read to the end.
//!
//! The tasks of a runtime share one connection. Requests go out in order and so do their answers. Concurrent requests are
//! batched into one `write`; answers are handed out after one `read`. While a long value is on its way, other calls
//! use a second connection, up to the same bound.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
mod call;
mod connection;
mod dns;
mod failure;
mod halves;
mod incoming;
mod limits;
mod link;
mod links;
mod park;
mod pool;
mod protocol;
mod reply;
mod server;
mod socket;
mod stream;
mod target;
#[cfg(feature = "tls")]
pub mod tls;

pub use address::Address;
pub use call::Call;
pub use incoming::{Incoming, Malformed};
pub use limits::Limits;
pub use protocol::{Protocol, RetrySafety, Verdict};
pub use server::{CallError, Server};

// The connection that tasks share, for this crate's own tests: they stop it at chosen moments.
#[doc(hidden)]
pub use {
    failure::{Cause, Failure},
    link::Link,
    stream::Stream,
};
