//! The sync half: a pool of connections of our own.
//!
//! Not the `redis` crate's `Connection`: its timeouts are per read, so a server that sends a byte
//! now and then holds a call for ever, and after a timeout it looks as usable as before. What is
//! used of the crate is its encoder.

mod connection;
mod pool;
mod socket;

pub(crate) use pool::Pool;
