//! [`Job`] and its answer: what a worker process is told and what it says, as JSON.

use serde::{Deserialize, Serialize};

use super::barrier::Barrier;
use crate::mode::Mode;
use crate::outcome::Outcome;
use crate::spec::Spec;

/// Holds a worker's [`Job`] as JSON.
pub(super) const JOB: &str = "CONFORMANCE_WORKER";

/// Begins the line in which a worker says how it went, as JSON.
const ANSWER: &str = "worker: ";

/// What a worker process is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    /// The name of the suite.
    pub(crate) suite: String,
    /// The full name of the check.
    pub(crate) check: String,
    pub(super) is_async: bool,
    pub(crate) task: Task,
}

/// What it is to do for the check.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Task {
    /// The whole check, which measures a process.
    Check,
    /// The check's worker function.
    Work { number: usize, role: String, spec: Spec, barrier: Barrier },
}

impl Job {
    /// Which half of the API the worker goes through.
    pub(crate) const fn mode(&self) -> Mode {
        if self.is_async { Mode::Async } else { Mode::Sync }
    }
}

/// The line in which a worker says how it went.
pub(crate) fn answer(outcome: &Outcome<String>) -> String {
    format!("{ANSWER}{}", serde_json::to_string(outcome).unwrap_or_default())
}

/// Parses the outcome that a worker printed, if it printed one.
pub(super) fn read_answer(printed: &str) -> Option<Outcome<String>> {
    let answer = printed.lines().find_map(|line| line.strip_prefix(ANSWER))?;
    serde_json::from_str(answer).ok()
}
