//! What callers share in a single flight. `tests/flight_models` compiles it with shuttle's in their place.

pub(crate) use std::sync::atomic::AtomicU64;
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
pub(crate) use std::thread_local;

pub(crate) use futures_timer::Delay;
