//! How the measuring programs in `benches/` measure: paired runs in turns, medians and spread, one
//! line of JSON a row. `scripts/bench` runs all of them and makes docs/results/performance.md.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measuring program prints, and ends where it cannot go on"
)]

mod bench;
mod contender;
mod key;
mod python;
mod requests;
mod row;
mod zipf;

pub use bench::Bench;
pub use contender::Contender;
pub use key::{is_good_key, numbered_key};
pub use python::Python;
pub use requests::Requests;
pub use row::{Row, Unit};
pub use zipf::Zipf;
