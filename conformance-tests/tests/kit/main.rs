//! Tests of the kit's own parts. They are here, and not in the library, so that the library, which
//! takes its time, is built once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bodies;
mod failures;
mod faults;
mod fuzz;
mod harness;
mod linearizability;
mod own_process;
mod proxy;
mod registry;
mod servers;
