//! The documentation as data: its pages, their headings and their links.
//!
//! [`Functions`] reads the public functions of the crates: `tests/examples.rs` fails for each one without an example.
//!
//! `scripts/docs` uses this crate to check every link of the pages, of the READMEs and of the built book. The Rust code
//! of README.md and of docs/ is compiled as doctests of this crate: `build.rs` lists the pages.

mod book;
mod example;
mod functions;
mod macros;
mod page;
mod site;

pub use book::broken_in_book;
pub use functions::{Function, Functions};
pub use page::{Link, Page};
pub use site::Site;

#[cfg(doctest)]
include!(concat!(env!("OUT_DIR"), "/pages.rs"));
