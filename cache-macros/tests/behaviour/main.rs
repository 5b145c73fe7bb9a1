//! What functions with `#[cached]` do: on memory, whose clock the tests move, and on files.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod asynchronous;
mod failures;
mod keys;
mod shapes;
mod stores;
mod sync;
