//! The conformance suite: one meaning on every backend, proved.
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
//! Every check of `checks.json` that applies is then a test of its own under `cargo test` and
//! nextest, named `T::half_second::sync` and `T::half_second::async`: one body, run through both
//! halves of the API. What a backend lacks, as declared in its
//! [`Capabilities`](cache_core::Capabilities) and in [`Suite`], shows as ignored with the reason,
//! never as passed. The letter is the family: K keys, V versions, B basic operations, F values,
//! T timeouts, I counters, M many-operations, G `get_or_set`, W `incr_version`, L clear and close,
//! E culling, A async, C concurrency, X isolation and faults. `cargo test --test conformance -- T:: K::ascii` runs
//! what matches one of several filters.
//!
//! A failure is printed when it happens. It says what was looked at, what was expected and what came, where in the
//! check that is, what the check is about, and what is usually wrong with a backend that fails it:
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
//! The suite is large, and most of what it takes to build is debug information that a user of it never reads. Two
//! lines in the `Cargo.toml` of the workspace leave it out:
//!
//! ```toml
//! [profile.dev.package.conformance-tests]
//! debug = false
//! ```
//!
//! - **Time**: a backend that takes its time from [`Spec::clock`] declares it with [`Suite::manual_clock`],
//!   and the suite waits for nothing. Otherwise it waits, briefly.
//! - **Races** start at a spin gate and run for enough rounds to catch a planted bug.
//! - **Processes**: the test program runs itself again as workers. A check that measures a whole process, such
//!   as its descriptors, runs in one of its own too: what other tests do beside it does not count.
//! - **Locations**: a check opens one location twice only where the suite was told
//!   [`Suite::shared_locations`].
//! - **Servers**: a suite told how to start one ([`Suite::servers`]) gives each location servers
//!   of its own, and puts a fault proxy in front of them where a check is about the network.
//!   Without the server's program all is ignored by hand, and fails in CI (the variable `CI`).
//! - **Waivers** ([`Suite::waive`]) name a link; a waived check that passes fails.
//! - **Observing** ([`Suite::observe`]): the matrix shows a third-party backend beside this project's, and
//!   only the basics are asserted of it.
//! - **Reports**: `CONFORMANCE_REPORT=FILE` appends a JSON object a line, with `backend`, `observed`,
//!   `check`, `mode`, `status`, `reason` and `ms`.
//! - **Directories**: made in the directory that `CONFORMANCE_DIR` names, or in the usual one for
//!   temporary files. In one that is kept in memory the suite of a backend with a file an entry
//!   takes a third of the time.
//! - **Faults** ([`faults`]): a kit for a backend's own tests, of system calls that kill or fail,
//!   files that are damaged, disks that fill up, and calls that are dropped on their way.
//!   With `FAULTS_REPORT` the suite records there what its own checks tried: processes that count and
//!   add, histories of one key (500 in each half of the API, 5,000 with `FAULTS_EFFORT=long`) and the bound under
//!   load.
//! - **Effort**: `CONFORMANCE_EFFORT=40`, or `FAULTS_EFFORT=long`, lets processes race for `add` in 40
//!   times the usual number of rounds: 10,000.

#[macro_use]
mod outcome;
#[macro_use]
mod check;
mod advice;
mod arguments;
mod checks;
mod context;
pub mod faults;
pub mod histories;
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
