//! Runs a suite as a test program, with its checks as named tests, and lets other programs list and run them.

use crate::check::Check;
use crate::harness::{self, Arguments, Ended, Trial};
use crate::mode::Mode;
use crate::outcome::{Finished, Status};
use crate::suite::Suite;
use crate::{registry, report, runner, worker_jobs};

/// How often a basic check is tried on such a backend. The program behind it may have been too busy to answer, and
/// that is not a bug in this project.
const TRIES_OBSERVED: usize = 3;

/// The checks that run at once where most of a check's time is waiting.
const WAITING_TOGETHER: usize = 8;

impl Suite {
    /// Runs the suite as a test program and ends the process: the whole of a
    /// `harness = false` test's `main`. Takes the arguments of `cargo test` and nextest.
    pub fn run(self) -> ! {
        main(self)
    }

    /// For a test program that runs checks of several suites through [`Suite::check`], before
    /// anything else: in a worker process, does the worker's job as the suite of the name given,
    /// and ends the process.
    pub fn work_if_worker(find: impl FnOnce(&str) -> Option<Self>) {
        worker_jobs::work_if_worker(find);
    }

    /// Runs one check (`"T::half_second"`) in one mode, in this process. `None` if there is
    /// no such check.
    #[must_use]
    pub fn check(&self, name: &str, mode: Mode) -> Option<Finished> {
        registry::find(name).map(|check| runner::run_one(self, check, mode))
    }

    /// The full names of all checks, each with the modes that it runs in: for a program that runs
    /// them through [`Suite::check`].
    #[must_use]
    pub fn runs() -> Vec<(String, Mode)> {
        registry::runs().map(|(check, mode)| (check.full_name(), mode)).collect()
    }

    /// The full names of all checks, in order.
    #[must_use]
    pub fn checks() -> Vec<String> {
        registry::all().map(Check::full_name).collect()
    }
}

/// The whole of a test program.
fn main(mut suite: Suite) -> ! {
    // What is merely shown, or checked for its bugs, is none of the report's backends.
    suite.recorded = !suite.observed;
    worker_jobs::work_if_worker(|_| Some(suite.clone()));
    let mut arguments = Arguments::from_args();
    // Checks that wait for a server's clock, or for another program, wait together.
    if (suite.servers.is_some() || suite.observed) && arguments.test_threads.is_none() {
        arguments.test_threads = Some(WAITING_TOGETHER);
    }
    let mut trials = Vec::new();
    for (check, mode) in registry::runs() {
        if suite.observed && mode == Mode::Async && !check.async_only {
            continue;
        }
        let suite = suite.clone();
        let name = format!("{}::{}", check.full_name(), mode.as_str());
        trials.push(Trial::ending(name, Box::new(move || ended(&suite, check, mode))));
    }
    trials.push(waivers_name_checks(&suite));
    let conclusion = harness::run(&arguments, trials);
    // Leaving the process drops nothing.
    if let Some(pool) = &suite.servers {
        pool.stop();
    }
    conclusion.exit()
}

fn ended(suite: &Suite, check: &'static Check, mode: Mode) -> Ended {
    let name = check.full_name();
    let mut finished = runner::run_one(suite, check, mode);
    if suite.observed && runner::is_basic(check) {
        for _ in 1..TRIES_OBSERVED {
            if finished.status == Status::Fail {
                finished = runner::run_one(suite, check, mode);
            }
        }
    }
    if let Err(e) = report::append(suite, &name, mode, &finished) {
        return Ended::Failed(e.to_string());
    }
    match finished.status {
        Status::Pass => Ended::Passed,
        Status::Skip => Ended::Ignored(finished.reason),
        Status::Waived => Ended::Ignored(format!("waived: {}", finished.reason)),
        Status::Fail if suite.observed && !runner::is_basic(check) => {
            let what = finished.reason.lines().next().unwrap_or_default();
            Ended::Ignored(format!("it differs: {what}"))
        }
        Status::Fail => {
            // At once, and not only when the last check has ended.
            #[allow(clippy::print_stderr, reason = "it is how a test program says what failed")]
            {
                eprintln!("\n{name}::{} fails on {}: {}\n", mode.as_str(), suite.name, finished.reason);
            }
            Ended::Failed(finished.reason)
        }
    }
}

/// A waiver for a check that does not exist would hide nothing and promise something.
fn waivers_name_checks(suite: &Suite) -> Trial {
    let waivers = suite.waivers.clone();
    Trial::new("waivers", move || {
        for (check, link) in &waivers {
            if registry::find(check).is_none() {
                return Err(format!("a waiver names the check {check:?}, and there is none").into());
            }
            if !link.contains("://") {
                return Err(format!("the waiver of {check} must name a link, not {link:?}").into());
            }
        }
        Ok(())
    })
}
