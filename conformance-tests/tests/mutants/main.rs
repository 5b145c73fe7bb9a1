//! Mutation tests of the suite itself: seeded bugs, every one of which it must catch. A suite
//! that cannot fail proves nothing.
//!
//! Each row of [`table::MUTANTS`] is a test of its own: its checks, run on the mutant, must each
//! fail. Each of those checks is run on the same store without the bug too, and must not fail.

mod async_mutant;
mod bug;
mod counters;
mod culling;
mod file_store;
mod keys;
mod lifetimes;
mod md5;
mod mutant;
mod observed;
#[cfg(target_os = "linux")]
mod one_core;
mod program;
mod races;
mod reference_store;
mod seed;
mod settings;
mod table;
mod toy_client;
mod toy_server;
mod values;

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use conformance_tests::harness::{self, Arguments, Failed, Trial};
use conformance_tests::{Mode, Status, Suite};

use crate::bug::Bug;
use crate::file_store::FileBug;
use crate::seed::{Disk, Network, Seed, Store};
use crate::table::{MUTANTS, NOT_SEEDED};
use crate::toy_client::WireBug;

/// How often a race may go well before the check counts as blind.
const TRIES: usize = 3;

fn main() {
    toy_server::serve_if_told();
    observed::run_if_told();
    program::run_if_told();
    let controls = [Store(Bug::None), Store(Bug::Native), Disk(FileBug::None), Network(WireBug::None)];
    let seeds = || MUTANTS.iter().map(|(seed, _, _)| *seed).chain(controls);
    Suite::work_if_worker(|name| seeds().find(|seed| seed.to_string() == name).map(Seed::suite));

    let mut trials = Vec::new();
    let mut names = BTreeSet::new();
    for &(seed, checks, mode) in MUTANTS {
        for &check in checks {
            let mode_name = mode.as_str();
            if names.insert(format!("{seed}::{check}::{mode_name}")) {
                let name = format!("{seed} is caught by {check}::{mode_name}");
                trials.push(Trial::new(name, move || is_caught(seed, check, mode)));
            }
            let control = seed.control();
            if names.insert(format!("{control}::{check}::{mode_name}")) {
                let name = format!("{control} passes {check}::{mode_name}");
                trials.push(Trial::new(name, move || passes(control, check, mode)));
            }
        }
    }
    trials.push(Trial::new("every disagreement of Django's is a mutant", every_disagreement_is_a_mutant));
    trials.push(Trial::new("basics must pass where a suite observes", observed::basics_must_pass));
    trials.push(Trial::new("several filters choose", program::several_filters_choose));
    trials.push(Trial::new(
        "a failure is printed when it happens",
        program::a_failure_is_printed_when_it_happens,
    ));
    trials.push(Trial::new(
        "no location is opened twice without leave",
        program::no_location_is_opened_twice_without_leave,
    ));
    trials.push(Trial::new("what other tests open is not counted", other_tests_are_not_measured));
    #[cfg(target_os = "linux")]
    trials.push(Trial::new("each racer starts first on one core", one_core::each_racer_starts_first));
    harness::run(&Arguments::from_args(), trials).exit();
}

fn is_caught(seed: Seed, check: &str, mode: Mode) -> Result<(), Failed> {
    let mut last = None;
    for _ in 0..TRIES {
        let finished = seed.suite().check(check, mode).ok_or("no such check")?;
        match finished.status {
            Status::Fail => return Ok(()),
            Status::Skip => return Err(format!("skipped: {}", finished.reason).into()),
            _ => last = Some(finished),
        }
    }
    Err(format!("the mutant survives: {last:?}").into())
}

fn passes(control: Seed, check: &str, mode: Mode) -> Result<(), Failed> {
    let finished = control.suite().check(check, mode).ok_or("no such check")?;
    match finished.status {
        Status::Pass => Ok(()),
        _ => Err(format!("without a bug: {finished:?}").into()),
    }
}

/// Other tests open files in this process, and keep them, while a check counts descriptors.
fn other_tests_are_not_measured() -> Result<(), Failed> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut kept = Vec::new();
            while !done.load(Ordering::Relaxed) {
                // Once the limit is reached, the open files suffice.
                kept.extend(File::open("/dev/null").ok().filter(|_| kept.len() < 500));
                thread::yield_now();
            }
        });
        let outcome = passes(Disk(FileBug::None), "L::drop_releases_fds", Mode::Sync);
        done.store(true, Ordering::Relaxed);
        outcome
    })
}

fn every_disagreement_is_a_mutant() -> Result<(), Failed> {
    let list: serde_json::Value = serde_json::from_str(include_str!("../../checks.json"))?;
    let checks = list["checks"].as_array().ok_or("checks.json has no checks")?;
    let disagreements = checks.iter().filter(|check| !check["django_disagrees"].is_null());
    let names = disagreements.map(|check| {
        let part = |part: &str| check[part].as_str().unwrap_or_default();
        format!("{}::{}", part("family"), part("name"))
    });
    let has_row = |name: &str| MUTANTS.iter().any(|(_, checks, _)| checks.contains(&name));
    let has_reason = |name: &str| NOT_SEEDED.iter().any(|(check, _)| *check == name);
    let missing: Vec<String> = names.filter(|name| has_row(name) == has_reason(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("neither a mutant nor a reason why not, or both: {missing:?}").into())
}
