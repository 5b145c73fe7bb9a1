//! Tests of suites that observe a backend: which failures they pass over, and which not.

use std::env::{current_exe, var};
use std::process::Command;

use conformance_tests::harness::Failed;

use crate::bug::Bug;
use crate::seed::Seed::{self, Store};

/// Names the mutant that this program, started again, is to observe.
const OBSERVE: &str = "OBSERVED_MUTANT";

/// A mutant, a check that fails on it, and whether that check fails a suite that observes.
const OBSERVED: [(Seed, &str, bool); 2] = [
    (Store(Bug::AddPresentTrue), "B::add_present_false", true),
    (Store(Bug::GetInventsNull), "B::get_missing_none", false),
];

/// In a process that was told so, runs the suite of that mutant as one that observes, and ends.
pub(crate) fn run_if_told() {
    let Ok(told) = var(OBSERVE) else { return };
    if let Some((seed, _, _)) = OBSERVED.iter().find(|(seed, _, _)| seed.to_string() == told) {
        seed.suite().observe().run();
    }
}

/// A mutant that fails one of the basics fails the program; another shows as ignored.
pub(crate) fn basics_must_pass() -> Result<(), Failed> {
    for (seed, check, fails) in OBSERVED {
        let output = Command::new(current_exe()?)
            .arg(format!("{check}::sync"))
            .arg("--exact")
            .env(OBSERVE, seed.to_string())
            // The matrix is not to hear of it.
            .env_remove("CONFORMANCE_REPORT")
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let expected = if fails { "... FAILED" } else { "... ignored (it differs: " };
        if output.status.success() == fails || !said.contains(expected) {
            return Err(format!("{check} on {seed}, observed: {}: {said}", output.status).into());
        }
    }
    Ok(())
}
