//! The fault kit: what a backend's tests do to processes, files and system calls, and how they
//! report what came of it. Beside it are [`Server`](crate::servers::Server), which can be paused,
//! killed and restarted, and [`Proxy`](crate::proxy::Proxy) for a bad network; [`cancelled`] drops
//! calls on their way, and [`Log`] writes down what a program logs. What is the same for each backend on
//! a server is here as a whole: [`cancel_calls`], [`restarts`], [`ended_connections`], [`refusals`]. [`fork`] is
//! a real fork, [`fork_calls`] uses a cache on both sides of some, and [`fork_connections`] is about the connections of
//! both.
//!
//! For each backend on files there are [`owners`], for what belongs to whom, and [`finds_nothing`], for a store that
//! does not exist yet. [`extremes`] are of what any builder takes.
//!
//! A test that measures a whole process is run [`in_own_process`]; one of what belongs to whom is run as another
//! user ([`run_as`]).
//!
//! A test tries a fault [`effort`] times and [`record`]s the outcome: `FAULTS_EFFORT=long` asks for
//! the long form, and `FAULTS_REPORT=FILE` for the outcomes as JSON lines.
//!
//! ```no_run
//! use conformance_tests::faults::{Corruption, effort, record};
//!
//! let whole = b"what lies in the file".to_vec();
//! let mut wrong = 0;
//! for damaged in Corruption::all(&whole) {
//!     // Write `damaged.bytes` in the entry's place and look whether it is a miss.
//!     wrong += u64::from(damaged.bytes == whole);
//! }
//! assert_eq!(wrong, 0);
//! record(4, "mine", effort(1, 1), wrong, "0 wrong values");
//! ```

mod absent_store;
mod cancel;
mod connection_loss;
mod corruption;
mod deadline;
pub mod extremes;
mod fork;
pub mod fork_connections;
mod fuzz;
mod log;
mod mutate;
mod other_users;
pub mod owners;
mod reexec;
mod retry;
mod secrets;
mod small_disk;
mod strace;

pub use crate::effort::effort;
pub use crate::fault_report::record;
pub use absent_store::finds_nothing;
pub use cancel::{Dropped, cancel_calls, cancelled, drop_calls};
pub use connection_loss::{ended_connections, refusals, restarts};
pub use corruption::{Corruption, Damage};
pub use deadline::in_time;
pub use fork::{Forked, fork, fork_calls};
pub use fuzz::Fuzz;
pub use log::Log;
pub use other_users::{place_for_users, run_as, start_as};
pub use reexec::{again, in_own_process, job, test_again};
pub use retry::{quickest, until_ok};
pub use secrets::{leaked, shown};
pub use small_disk::SmallDisk;
pub use strace::{Injection, Strace, SystemCall, mark};

/// A runtime with two workers, for the async half of a cache.
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().expect("a runtime")
}
