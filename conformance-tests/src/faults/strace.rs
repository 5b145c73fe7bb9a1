//! [`Strace`]: a process that dies at its Nth system call, or whose Nth system call fails.

use std::io;
use std::process::{Command, ExitStatus, Stdio};

use tempfile::NamedTempFile;

/// What happens at the chosen system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Injection {
    /// The process is killed (SIGKILL) as the call begins.
    Kill,
    /// The call does nothing and fails with the error of this name, such as `ENOSPC`.
    Error(&'static str),
}

/// The program strace, installed and allowed to trace.
#[derive(Debug)]
pub struct Strace(());

impl Strace {
    /// Looks whether it works here.
    ///
    /// # Errors
    /// Where strace is not installed, or may not trace: a test says so and is skipped.
    pub fn find() -> io::Result<Self> {
        let mut trial = Command::new("strace");
        trial.args(["-f", "-o", "/dev/null", "-e", "trace=none", "true"]);
        trial.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if trial.status()?.success() {
            return Ok(Self(()));
        }
        Err(io::Error::new(io::ErrorKind::PermissionDenied, "strace is installed and may trace nothing"))
    }

    /// Runs `command` so that `injection` happens at the `nth` system call (1 is the first) of the
    /// name `call`, and returns how it ended; `None` when it made fewer such calls and so ran
    /// undisturbed. Try 1, 2, and so on until `None`.
    ///
    /// Each thread counts its own calls, so use it on a program that works in its main thread: a
    /// test without libtest's harness that runs [`again`](super::again). Its start makes a few
    /// calls of its own first. The command's standard streams are thrown away.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(
        &self,
        command: &Command,
        call: &str,
        nth: u64,
        injection: Injection,
    ) -> io::Result<Option<ExitStatus>> {
        let what = match injection {
            Injection::Kill => "signal=KILL".to_owned(),
            Injection::Error(name) => format!("error={name}"),
        };
        let log = NamedTempFile::new()?;
        let mut traced = Command::new("strace");
        traced.args(["-f", "-qq", "-o"]).arg(log.path());
        traced.arg("-e").arg(format!("trace={call}"));
        traced.arg("-e").arg(format!("inject={call}:{what}:when={nth}"));
        traced.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => traced.env(name, value),
                None => traced.env_remove(name),
            };
        }
        if let Some(dir) = command.get_current_dir() {
            traced.current_dir(dir);
        }
        let status = traced.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        let said = String::from_utf8_lossy(&std::fs::read(log.path())?).into_owned();
        let happened = match injection {
            Injection::Kill => said.contains("+++ killed by SIGKILL"),
            Injection::Error(_) => said.contains("(INJECTED)"),
        };
        Ok(happened.then_some(status))
    }
}
