//! The locks, atomics and clock of [`queue`](crate::queue). Its model replaces them by those of shuttle.

pub(crate) use std::hint::spin_loop;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Monotonic.
pub(crate) fn now_ns() -> u64 {
    cache_core::Clock::system().monotonic_ns()
}
