//! A process that dies at any system call of a write, or whose calls fail one by one.
//!
//! The program runs itself again under strace, as a worker that does all of [`steps::STEPS`] and
//! says after each that it is done. What it leaves behind must be the state after the last step
//! done, or after the one begun.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it says what came of it")]

mod fail;
mod kill;
mod modes;
mod state;
mod steps;
mod worker;

use conformance_tests::faults::{Strace, job};
use conformance_tests::harness::{self, Arguments, Trial};

use state::Store;

type Test = fn(&Strace, Store);

/// Only where the cache makes the file: any other says itself which mode its journal has.
const MODES: &str = "all_is_made_with_its_mode";

fn main() {
    if let Some(job) = job() {
        return worker::work(&job);
    }
    let tests: [(&str, Test); 3] = [
        ("killed_at_each_system_call", kill::at_each_call),
        ("each_system_call_fails", fail::each_call),
        (MODES, modes::from_the_start),
    ];
    let trials = Store::ALL.iter().flat_map(|&store| {
        let tests = tests.iter().filter(move |(name, _)| store.is_of_the_cache() || *name != MODES);
        tests.map(move |&(name, test)| {
            Trial::new(format!("{name}::{store:?}"), move || {
                match Strace::find() {
                    Ok(strace) => test(&strace, store),
                    Err(e) => eprintln!("skipped: {e}"),
                }
                Ok(())
            })
        })
    });
    harness::run(&Arguments::from_args(), trials.collect()).exit();
}
