//! The async half: per server and runtime one connection that all tasks share, as the `redis`
//! crate's `MultiplexedConnection` does it.
//!
//! Not its `ConnectionManager`: that one is bound to the runtime it was made in, keeps a
//! connection on which nothing answers any more, and cannot say whether a request was sent.

mod link;
mod links;
mod stream;

pub(crate) use links::Links;
