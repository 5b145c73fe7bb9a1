//! Tests of the suite as a test program: what it runs, and what it prints when.

use std::env::{current_exe, var_os};
use std::process::{Command, Output};

use conformance_tests::harness::Failed;
use conformance_tests::{Mode, Status, Suite};

use crate::bug::Bug;
use crate::file_store::FileBug;
use crate::seed::{Disk, Store};

/// Tells this program, started again, to be the suite of a mutant.
const SUITE: &str = "SUITE_OF_A_MUTANT";

/// In a process that was told so, runs the suite of a mutant, and ends.
pub(crate) fn run_if_told() {
    if var_os(SUITE).is_some() {
        Store(Bug::AddPresentTrue).suite().run();
    }
}

fn run(arguments: &[&str]) -> Result<Output, Failed> {
    let mut command = Command::new(current_exe()?);
    // The matrix is not to hear of it.
    Ok(command.args(arguments).env(SUITE, "1").env_remove("CONFORMANCE_REPORT").output()?)
}

/// One filter, several, whole names, and what is left out.
pub(crate) fn several_filters_choose() -> Result<(), Failed> {
    let expected: [(&[&str], usize); 6] = [
        (&["K::ascii", "B::get_default"], 4),
        (&["K::ascii_roundtrip"], 2),
        (&["K::ascii_roundtrip::sync", "B::get_default::async", "--exact"], 2),
        (&["K::ascii", "--skip", "async", "B::get_default"], 2),
        (&["--test-threads", "1", "K::ascii", "nothing-is-called-so"], 2),
        (&["nothing-is-called-so", "nor-so"], 0),
    ];
    for (arguments, tests) in expected {
        let output = run(arguments)?;
        let said = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() || !said.contains(&format!("running {tests} test")) {
            return Err(
                format!("{arguments:?}: expected {tests} tests, got {}: {said}", output.status).into()
            );
        }
    }
    Ok(())
}

/// Before the list at the end: what comes last on the standard error is known before the list is begun.
pub(crate) fn a_failure_is_printed_when_it_happens() -> Result<(), Failed> {
    let output = run(&["B::add_present_false::sync", "B::get_default::sync"])?;
    let [listed, at_once] =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    for part in ["B::add_present_false::sync fails on", "expected: ", "got:      ", "usually:  "] {
        if !at_once.contains(part) || output.status.success() {
            return Err(
                format!("expected {part:?} at once, got {at_once:?}, and at the end {listed:?}").into()
            );
        }
    }
    Ok(())
}

/// On a store that survives its handle and was not said to be open twice at a time.
pub(crate) fn no_location_is_opened_twice_without_leave() -> Result<(), Failed> {
    let suite = Disk(FileBug::None).suite();
    let opens =
        |check: &&String| check.starts_with("L::") || check.starts_with("X::") || check.contains("reopen");
    for check in Suite::checks().iter().filter(opens) {
        let finished = suite.check(check, Mode::Sync).ok_or("no such check")?;
        if finished.status == Status::Fail && finished.reason.contains("is open already") {
            return Err(format!("{check}: {}", finished.reason).into());
        }
    }
    Ok(())
}
