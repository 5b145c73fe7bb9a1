//! `cachectl` from end to end: what it prints and its exit status, against snapshots in
//! `tests/snapshots`. `SNAPSHOTS=write` writes them again.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backends;
mod commands;
#[cfg(feature = "conformance")]
mod conformance;
mod json;
mod limits;
mod numbers;
mod places;
mod raw;
mod session;
mod settings;
mod signals;
mod terminal;
