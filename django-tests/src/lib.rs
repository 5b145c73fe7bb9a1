//! Real Django as the other side of a shared cache, and as columns of the conformance matrix.
//!
//! [`Bridge`] is a Python process that runs Django's caches, [`DjangoCache`] one of them as a
//! backend of this framework. `scripts/django` makes the Python that both need; see [`python`].
//!
//! The tests: `tests/matrix_*` run the conformance suite on Django's own backends, which shows where
//! they differ; `tests/interop` proves that what one side writes the other reads.

mod backend;
mod bridge;
pub mod hex;
mod pool;
pub mod python;

pub use self::backend::DjangoCache;
pub use self::bridge::{Bridge, BridgeError};
pub use self::pool::Pool;
