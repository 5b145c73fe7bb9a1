//! [`Strace`]: a process that dies at its Nth system call, or whose Nth system call fails.

use std::collections::HashMap;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::NamedTempFile;

/// What [`mark`] looks for: nothing has this name.
const MARK: &str = "/faults-mark";

/// A command that takes longer hangs: nothing under test waits for so long.
const HANGS: Duration = Duration::from_secs(30);

/// Says in a process's own trace that what is to be disturbed begins, or has ended:
/// see [`Strace::points`].
pub fn mark() {
    // The call is all that matters.
    let _ = std::fs::symlink_metadata(MARK);
}

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
    /// undisturbed. Try 1, 2, and so on until `None`, or those that [`points`](Self::points) gives.
    ///
    /// Each thread counts its own calls, so use it on a program that works in its main thread: a
    /// test without libtest's harness that runs [`again`](super::again). Its start makes a few
    /// calls of its own first. The command's standard streams are thrown away.
    ///
    /// # Errors
    /// When it cannot be started, and when it hangs: after half a minute it is killed.
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
        let options = [format!("trace={call}"), format!("inject={call}:{what}:when={nth}")];
        let (status, said) = Self::trace(command, &options)?;
        let happened = match injection {
            Injection::Kill => said.contains("+++ killed by SIGKILL"),
            Injection::Error(_) => said.contains("(INJECTED)"),
        };
        Ok(happened.then_some(status))
    }

    /// The system calls that `command` makes between its first two calls of [`mark`], in their
    /// order, as [`run`](Self::run) names and counts them: each a point at which to disturb it.
    ///
    /// # Errors
    /// When it cannot be started, fails, or makes no two marks.
    pub fn points(&self, command: &Command) -> io::Result<Vec<(String, u64)>> {
        let (status, said) = Self::trace(command, &["trace=all".to_owned()])?;
        let mut made = HashMap::new();
        let (mut marks, mut points) = (0, Vec::new());
        for line in said.lines() {
            // "PID name(arguments) = result"; what does not look so says how the process fared.
            let Some((name, rest)) = line.split_once(' ').and_then(|(_, said)| said.trim().split_once('('))
            else {
                continue;
            };
            let count: &mut u64 = made.entry(name.to_owned()).or_default();
            *count += 1;
            if rest.contains(MARK) {
                marks += 1;
            } else if marks == 1 {
                points.push((name.to_owned(), *count));
            }
        }
        if status.success() && marks == 2 {
            return Ok(points);
        }
        Err(io::Error::other(format!("undisturbed, the command made {marks} marks and ended with {status}")))
    }

    /// How `command` ended, and what strace wrote, with these expressions.
    fn trace(command: &Command, expressions: &[String]) -> io::Result<(ExitStatus, String)> {
        let log = NamedTempFile::new()?;
        let mut traced = Command::new("strace");
        traced.args(["-f", "-qq", "-o"]).arg(log.path());
        for expression in expressions {
            traced.arg("-e").arg(expression);
        }
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
        traced.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = traced.process_group(0).spawn()?;
        let since = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if since.elapsed() > HANGS {
                // strace by itself would leave behind what it traces.
                let group = Pid::from_child(&child);
                kill_process_group(group, Signal::KILL)?;
                child.wait()?;
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the command hangs"));
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        Ok((status, String::from_utf8_lossy(&std::fs::read(log.path())?).into_owned()))
    }
}
