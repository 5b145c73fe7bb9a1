//! What threads share in a store. `tests/models` compiles the store with shuttle's in their place.

pub(crate) use std::sync::atomic::{AtomicU64, AtomicUsize};
pub(crate) use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
