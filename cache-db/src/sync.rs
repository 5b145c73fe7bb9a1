//! What [`queue`](crate::queue) is made of: in its models shuttle's, in place of the standard library's.

pub(crate) use std::hint::spin_loop;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Monotonic.
pub(crate) fn now_ns() -> u64 {
    cache_core::Clock::system().monotonic_ns()
}
