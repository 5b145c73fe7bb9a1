//! Runs the test program again: as a worker with a job, or for one test that needs a process of its own.

use std::env;
use std::io;
use std::process::{Command, Stdio};

/// Holds what a worker is to do.
const JOB: &str = "FAULTS_JOB";

/// A command that runs this program again with `job` for [`job`] to return, and no arguments: for a
/// test with a `main` of its own, which looks for a job first. Its output is thrown away.
///
/// # Errors
/// When the program's own path cannot be found.
pub fn again(job: &str) -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.env(JOB, job).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command)
}

/// As [`again`] for a test program with libtest's harness: runs only the test `name`, ignored or not.
///
/// # Errors
/// As [`again`].
pub fn test_again(name: &str, job: &str) -> io::Result<Command> {
    let mut command = again(job)?;
    command.args(["--exact", name, "--include-ignored", "--nocapture", "--test-threads=1"]);
    Ok(command)
}

/// What this process is a worker for, if it is one.
#[must_use]
pub fn job() -> Option<String> {
    env::var(JOB).ok()
}

/// Begins the job of a process that [`in_own_process`] starts; the test's name follows.
const OWN: &str = "in a process of its own: ";

/// What such a process says once the body has come to its end.
const ENDED: &str = "the process of its own has ended well";

/// Runs `body` in a process of its own. For a test with libtest's harness that measures or changes what
/// belongs to a whole process: its descriptors, threads, memory or time on the processor, its umask, signal
/// handlers or current directory. In the test program other tests are at work beside it.
///
/// `test` is the test's full name, as `--exact` takes it (`module::name`).
///
/// ```no_run
/// use conformance_tests::faults::in_own_process;
///
/// // #[test]
/// fn one_thread_is_enough() {
///     in_own_process("one_thread_is_enough", || {
///         assert_eq!(std::fs::read_dir("/proc/self/task").unwrap().count(), 2);
///     });
/// }
/// ```
///
/// # Panics
/// When the body panics, with what its process wrote; when no process can be started, or the program has no
/// test of this name.
#[track_caller]
#[allow(clippy::panic, clippy::print_stdout, reason = "a test fails by panicking, and a worker answers")]
pub fn in_own_process(test: &str, body: impl FnOnce()) {
    let own_job = format!("{OWN}{test}");
    if job().is_some_and(|job| job == own_job) {
        body();
        println!("{ENDED}");
        return;
    }
    let run = test_again(test, &own_job)
        .and_then(|mut command| command.stdout(Stdio::piped()).stderr(Stdio::piped()).output());
    let output = run.unwrap_or_else(|e| panic!("no process of its own for the test {test}: {e}"));
    let [said, complained] =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    let status = output.status;
    if !status.success() {
        panic!("the test {test} failed in a process of its own, with {status}:\n{said}{complained}");
    }
    if !said.contains(ENDED) {
        panic!(
            "expected that the test {test} runs in a process of its own, and it did not: is this its full name, with \
             its modules?\n{said}{complained}"
        );
    }
}
