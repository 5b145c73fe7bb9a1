//! What faults do to a directory of entries, in both layouts. The rows are those of the table of
//! faults; a program without libtest's harness, so that its workers have one thread.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test a failure is a panic")]
#![allow(clippy::print_stderr, reason = "a trial that cannot be made here says why")]

mod calls;
mod clock;
#[path = "../common/mod.rs"]
mod common;
mod damage;
mod full;
mod kills;
mod locks;
mod operations;
mod planted;
mod store;

use std::process::ExitCode;

use conformance_tests::harness::{self, Arguments, Failed, Trial};
use store::Kind;

/// What a trial does in one of the layouts.
type Row = fn(Kind);

const ROWS: [(&str, Row); 8] = [
    ("killed_at_random", kills::killed_at_random),
    ("killed_at_every_call", calls::killed_at_every_call),
    ("every_call_fails", calls::every_call_fails),
    ("every_damage_is_a_miss", damage::every_damage_is_a_miss),
    ("a_full_disk", full::a_full_disk),
    ("clock_steps", clock::clock_steps),
    ("planted", planted::planted),
    ("no_locks", locks::no_locks),
];

fn main() -> ExitCode {
    if let Some(job) = conformance_tests::faults::job() {
        return work(&job);
    }
    let trials = ROWS.iter().flat_map(|&(name, row)| {
        Kind::ALL.iter().map(move |&kind| {
            Trial::new(format!("{name}::{}", kind.name()), move || {
                row(kind);
                Ok::<(), Failed>(())
            })
        })
    });
    harness::run(&Arguments::from_args(), trials.collect()).exit_code()
}

/// A worker's job: what, in which layout, the operation, the key or the number of the worker, and where.
fn work(job: &str) -> ExitCode {
    let mut words = job.splitn(4, ' ');
    let mut word = || words.next().unwrap();
    let (what, kind, which, dir) = (word(), Kind::named(word()), word(), word());
    match what {
        "call" => calls::work(kind, which, dir.as_ref()),
        "lockless" => locks::work(kind, which, dir.as_ref()),
        "read" => planted::read(kind, which, dir.as_ref()),
        "write" => kills::write_for_ever(kind, which.parse().unwrap(), dir.as_ref()),
        other => panic!("no such job: {other}"),
    }
}

/// The job that [`work`] reads.
fn job(what: &str, kind: Kind, which: impl std::fmt::Display, dir: &std::path::Path) -> String {
    format!("{what} {} {which} {}", kind.name(), dir.display())
}
