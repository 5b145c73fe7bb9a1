//! The async half: per server and runtime one connection that all tasks share (`cache-pipeline`).
//!
//! Not the `redis` crate's `MultiplexedConnection`: with it each call costs a timer, and commands go
//! out one by one where several could go at once. Nor its `ConnectionManager`: that one is bound to the
//! runtime it was made in, keeps a connection on which nothing answers any more, and cannot say
//! whether a request was sent.

#[cfg(feature = "tls")]
mod encrypted;
mod links;
mod stream;

pub(crate) use links::Links;
