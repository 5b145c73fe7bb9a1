//! Worker processes: the test program, run again.

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
