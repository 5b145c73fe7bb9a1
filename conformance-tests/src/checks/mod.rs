//! The checks, a module for each family.
#![allow(clippy::unused_async, reason = "a check is an async function, also where it needs no wait")]

mod absence;
mod asynchronous;
mod basic;
mod concurrency;
mod counters;
mod culling;
mod entry_files;
mod every_op;
mod failing_backend;
mod faulty_value;
mod get_or_set;
mod isolation;
mod key_warnings;
mod keys;
mod lifecycle;
mod many;
mod model;
mod move_version;
mod timeouts;
mod values;
mod versions;

use std::time::Duration;

use crate::check::Check;

/// All families, in the order of `checks.json`.
pub(crate) const FAMILIES: &[&[Check]] = &[
    keys::CHECKS,
    versions::CHECKS,
    basic::CHECKS,
    values::CHECKS,
    timeouts::CHECKS,
    counters::CHECKS,
    many::CHECKS,
    get_or_set::CHECKS,
    move_version::CHECKS,
    lifecycle::CHECKS,
    culling::CHECKS,
    asynchronous::CHECKS,
    concurrency::CHECKS,
    isolation::CHECKS,
];

/// A lifetime that no check outlives, on the slowest machine.
const LONG: Duration = Duration::from_secs(3_600);

/// A lifetime for checks of lifetimes.
const MINUTE: Duration = Duration::from_secs(60);
