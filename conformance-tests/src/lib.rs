//! The conformance suite: proves that every backend means the same.
//!
//! A backend's author adds this crate as a dev-dependency, a test without a harness to `Cargo.toml`,
//!
//! ```toml
//! [[test]]
//! name = "conformance"
//! harness = false
//! ```
//!
//! and `tests/conformance.rs`:
//!
//! ```no_run
//! use cache_locmem::LocMemCache;
//! use conformance_tests::Suite;
//!
//! fn main() {
//!     Suite::new("locmem", |spec| {
//!         let options = LocMemCache::builder().name(&spec.location).clock(spec.clock.clone());
//!         match spec.max_entries {
//!             Some(max) => options.max_entries(max).cull_frequency(spec.cull_frequency).build(),
//!             None => options.unlimited().build(),
//!         }
//!     })
//!     .manual_clock()
//!     .shared_locations()
//!     .run()
//! }
//! ```
//!
//! Every check of `checks.json` that applies is then a test of its own under `cargo test` and nextest, named
//! `T::half_second::sync` and `T::half_second::async`: one body, run through both halves of the API. A check that
//! needs what a backend lacks, as declared in its [`Capabilities`](cache_core::Capabilities) and in [`Suite`],
//! shows as ignored with the reason, never as passed. The letter is the family: K keys, V versions, B basic
//! operations, F values, T timeouts, I counters, M bulk operations, G `get_or_set`, W `incr_version`, L clear and
//! close, E culling, A async, C concurrency, X isolation and faults. `cargo test --test conformance -- T::
//! K::ascii` runs the checks that match one of several filters.
//!
//! A failure is printed when it happens. It names what was checked, what was expected and what came, the place in
//! the check, the check's purpose, and the usual mistake of a backend that fails it:
//!
//! ```text
//! B::add_keeps_ttl::sync fails on mine: add made it live longer
//!   expected: None
//!   got:      Some(1), from `cache.get::<i64>("short").await?`
//!   at:       conformance-tests/src/checks/basic.rs:184
//!   checked:  B::add_keeps_ttl: add keeps ttl
//!   usually:  an add that stores nothing still writes the new lifetime
//! ```
//!
//! The suite is large, and most of its build time goes into debug information that its users never read. Two lines
//! in the `Cargo.toml` of the workspace leave it out:
//!
//! ```toml
//! [profile.dev.package.conformance-tests]
//! debug = false
//! ```
//!
//! - **Time**: a backend that takes its time from [`Spec::clock`] declares it with [`Suite::manual_clock`],
//!   and the suite waits for nothing. Otherwise it waits, briefly.
//! - **Races** start at a spin gate and run for enough rounds to catch a planted bug.
//! - **Processes**: the test program runs itself again as workers. A check that measures a whole process, such as
//!   its descriptors, also runs in a process of its own, so that other tests do not disturb it.
//! - **Locations**: a check opens one location twice only if the suite was told [`Suite::shared_locations`].
//! - **Servers**: if a suite can start servers ([`Suite::servers`]), it gives each location its own, and puts
//!   a fault proxy in front of them if a check is about the network. If the server's program is missing, all
//!   checks are ignored by hand, and fail in CI (the variable `CI`).
//! - **Waivers** ([`Suite::waive`]) name a link; a waived check that passes fails.
//! - **Observing** ([`Suite::observe`]): the matrix shows a third-party backend beside this project's, and
//!   only the basics are asserted of it.
//! - **Reports**: `CONFORMANCE_REPORT=FILE` appends one JSON object per line, with `backend`, `observed`, `check`,
//!   `mode`, `status`, `reason` and `ms`.
//! - **Directories** are made in the directory that `CONFORMANCE_DIR` names, or in the system's directory for
//!   temporary files. If that is kept in memory, the suite of a backend with a file per entry takes a third
//!   of the time.
//! - **Faults** (`faults`, with the feature `faults`, which is off by default): a kit for a backend's own tests: system calls that kill or fail, damaged files,
//!   full disks, and calls that are dropped on their way. With `FAULTS_REPORT` the suite records there what its
//!   own checks tried: processes that count and add, histories of one key (500 in each half of the API, 5,000
//!   with `FAULTS_EFFORT=long`) and the bound under load.
//! - **Effort**: `CONFORMANCE_EFFORT=40`, or `FAULTS_EFFORT=long`, lets processes race for `add` in 40
//!   times the usual number of rounds: 10,000.

#[macro_use]
mod outcome;
#[macro_use]
mod check;
mod advice;
mod checks;
mod context;
#[cfg_attr(not(feature = "faults"), expect(unreachable_pub, reason = "the module faults exports it"))]
mod effort;
mod erased;
#[cfg_attr(not(feature = "faults"), expect(unreachable_pub, reason = "the module faults exports it"))]
mod fault_report;
#[cfg(feature = "faults")]
pub mod faults;
pub mod harness;
pub mod linearizability;
mod mode;
mod network;
mod program;
pub mod proxy;
mod race;
mod registry;
mod report;
mod runner;
pub mod servers;
mod spec;
mod suite;
mod test_cache;
mod watched_backend;
mod worker_jobs;
mod workers;

pub use context::TestContext;
pub use mode::Mode;
pub use network::Network;
pub use outcome::{Failure, Finished, Outcome, Status, Stop};
pub use race::Gate;
pub use spec::Spec;
pub use suite::Suite;
pub use test_cache::{CallFuture, TestCache};
pub use workers::{Process, Worker};
