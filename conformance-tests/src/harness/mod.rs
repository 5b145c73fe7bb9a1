//! A test program with tests that it makes as it starts, for `harness = false`: it takes the arguments of libtest,
//! so that `cargo test` and cargo-nextest list and run the tests one by one.
//!
//! The crates that offer this bring a parser of command lines with them, which was a tenth of what the suite took to
//! build.
//!
//! ```no_run
//! use conformance_tests::harness::{Arguments, Trial, run};
//!
//! let trials = vec![Trial::new("two_and_two", || if 2 + 2 == 4 { Ok(()) } else { Err("no".into()) })];
//! let conclusion = run(&Arguments::from_args(), trials);
//! conclusion.exit();
//! ```

mod arguments;
mod printer;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Instant;

pub use self::arguments::{Arguments, Format};
use self::printer::Printer;

/// What libtest's programs end with when a test has failed.
const FAILED: u8 = 101;

/// Why a test failed, as text. Anything that can be displayed converts into it, so that `?` works in a test.
#[derive(Debug)]
pub struct Failed(String);

impl<T: fmt::Display> From<T> for Failed {
    fn from(text: T) -> Self {
        Self(text.to_string())
    }
}

/// How a test ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Passed,
    Ignored(String),
    Failed(String),
}

/// One test: its name, and what it does.
pub struct Trial {
    name: String,
    run: Box<dyn FnOnce() -> Ended + Send>,
}

impl fmt::Debug for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Trial {
    /// Makes a test that fails when `test` returns an error or panics.
    pub fn new(name: impl Into<String>, test: impl FnOnce() -> Result<(), Failed> + Send + 'static) -> Self {
        Self::ending(name.into(), Box::new(|| test().map_or_else(|e| Ended::Failed(e.0), |()| Ended::Passed)))
    }

    pub(crate) fn ending(name: String, run: Box<dyn FnOnce() -> Ended + Send>) -> Self {
        Self { name, run }
    }
}

/// What came of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conclusion {
    /// How many tests passed.
    pub passed: usize,
    /// How many failed.
    pub failed: usize,
    /// How many did not apply.
    pub ignored: usize,
    /// How many the arguments left out.
    pub filtered_out: usize,
}

impl Conclusion {
    /// The exit status: 101 if a test failed.
    #[must_use]
    pub fn exit_code(self) -> ExitCode {
        if self.failed > 0 { ExitCode::from(FAILED) } else { ExitCode::SUCCESS }
    }

    /// Ends the process with that status. Runs no destructors.
    pub fn exit(self) -> ! {
        std::process::exit(if self.failed > 0 { FAILED.into() } else { 0 })
    }
}

/// Runs the tests that the arguments choose, or lists them, and prints what libtest prints.
///
/// # Panics
/// When the output cannot be written: a report that nobody sees would be taken for success.
pub fn run(arguments: &Arguments, mut trials: Vec<Trial>) -> Conclusion {
    let all = trials.len();
    trials.retain(|trial| arguments.chooses(&trial.name));
    let mut conclusion = Conclusion { filtered_out: all - trials.len(), ..Conclusion::default() };
    let mut printer = Printer::new(arguments);
    if arguments.list {
        printer.list(trials.iter().map(|trial| trial.name.as_str()));
        return Conclusion::default();
    }
    let begun = Instant::now();
    printer.begin(trials.len());
    let threads = arguments.threads().min(trials.len());
    let mut failures = Vec::new();
    let (sender, ended) = mpsc::channel();
    let waiting = Mutex::new(trials.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (sender, waiting) = (sender.clone(), &waiting);
            scope.spawn(move || {
                let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                while let Some(Trial { name, run }) = next() {
                    // The receiver lives until all senders are gone.
                    let _ = sender.send((name, caught(run)));
                }
            });
        }
        drop(sender);
        for (name, how) in ended {
            printer.ended(&name, &how);
            match how {
                Ended::Passed => conclusion.passed += 1,
                Ended::Ignored(_) => conclusion.ignored += 1,
                Ended::Failed(text) => {
                    conclusion.failed += 1;
                    failures.push((name, text));
                }
            }
        }
    });
    printer.conclude(&failures, conclusion, begun.elapsed());
    conclusion
}

fn caught(run: Box<dyn FnOnce() -> Ended + Send>) -> Ended {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|panic| Ended::Failed(crate::runner::panic_text(&*panic)))
}
