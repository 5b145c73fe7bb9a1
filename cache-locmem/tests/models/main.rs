//! The store itself under shuttle, which runs its threads one at a time and chooses at every lock and every atomic
//! which one goes on. In a second it tries the orders that a machine meets in weeks, and a deadlock is a failure
//! at once, not a hang.
//!
//! The store's source is compiled once more here, with shuttle's locks in place of the standard library's,
//! so that the library needs no feature for it and nothing else of the workspace is built twice.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../src/entry.rs"]
#[allow(dead_code, reason = "not all of it is modelled")]
mod entry;
#[path = "../../src/eviction.rs"]
#[allow(unreachable_pub, reason = "public in the library")]
mod eviction;
#[path = "../../src/removed.rs"]
mod removed;
#[path = "../../src/s3_fifo/mod.rs"]
mod s3_fifo;
#[path = "../../src/store/mod.rs"]
#[allow(dead_code, reason = "not all of it is modelled")]
mod store;
#[path = "../../src/table.rs"]
#[allow(dead_code, reason = "not all of it is modelled")]
mod table;

/// In place of the library's module of this name.
mod sync {
    pub(crate) use shuttle::sync::atomic::{AtomicU64, AtomicUsize};
    pub(crate) use shuttle::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
}

mod bound;
mod modelled;
mod moves;
mod one_key;
