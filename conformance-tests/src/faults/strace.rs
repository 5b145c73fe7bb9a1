//! [`Strace`]: runs a process that dies at its Nth system call, or whose Nth system call fails.

use std::collections::HashMap;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::NamedTempFile;

/// A program that takes longer, traced, hangs: nothing under test waits for so long.
const LONGEST_RUN: Duration = Duration::from_secs(30);

/// What [`mark`] looks for: nothing has this name.
const MARK: &str = "/faults-mark";

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

/// A system call that a program made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemCall {
    /// Its name, such as `openat`.
    pub name: String,
    /// The number among those of its name, from 1: what [`Strace::run`] takes.
    pub nth: u64,
    /// How strace writes it: arguments, with a path behind each file descriptor, and result.
    pub text: String,
}

/// The program strace, installed and allowed to trace.
#[derive(Debug)]
pub struct Strace(());

impl Strace {
    /// Looks whether it works here.
    ///
    /// # Errors
    /// When strace is not installed or may not trace; a test then prints the reason and is skipped.
    pub fn find() -> io::Result<Self> {
        let mut trial = Command::new("strace");
        trial.args(["-f", "-o", "/dev/null", "-e", "trace=none", "true"]);
        trial.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if trial.status()?.success() {
            return Ok(Self(()));
        }
        Err(io::Error::new(io::ErrorKind::PermissionDenied, "strace is installed and may trace nothing"))
    }

    /// Runs `command` so that `injection` happens at the `nth` system call (1 is the first) of the name
    /// `call`, and returns how it ended. Returns `None` if it made fewer such calls and so ran undisturbed.
    /// Try 1, 2, and so on until `None`, or the numbers that [`points`](Self::points) gives.
    ///
    /// Each thread counts its own calls, so use it on a program that works in its main thread: a
    /// test without libtest's harness that runs [`again`](super::again). Its start makes a few
    /// calls of its own first. The command's standard streams are thrown away.
    ///
    /// # Errors
    /// When it cannot be started, or has not ended after 30 s ([`io::ErrorKind::TimedOut`]).
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
        let trace = [format!("trace={call}"), format!("inject={call}:{what}:when={nth}")];
        let (status, said) = traced(command, &["-e", &trace[0], "-e", &trace[1]])?;
        let happened = match injection {
            Injection::Kill => said.contains("+++ killed by SIGKILL"),
            Injection::Error(_) => said.contains("(INJECTED)"),
        };
        Ok(happened.then_some(status))
    }

    /// Runs `command` undisturbed, and returns the system calls it made, in order: the points at which
    /// [`Strace::run`] can be asked to strike. Of a program with one thread.
    ///
    /// # Errors
    /// As [`Strace::run`], and when the command fails.
    pub fn calls(&self, command: &Command) -> io::Result<Vec<SystemCall>> {
        let (status, said) = traced(command, &["-y", "-s", "256"])?;
        if !status.success() {
            return Err(io::Error::other(format!("the program traced ended with {status}")));
        }
        let (mut made, mut calls) = (HashMap::new(), Vec::new());
        // "PID name(arguments) = result"; what does not look so says how the process fared.
        for text in said.lines().filter_map(|line| Some(line.split_once(' ')?.1.trim_start())) {
            let Some((name, _)) = text.split_once('(') else { continue };
            let nth = made.entry(name.to_owned()).and_modify(|count| *count += 1).or_insert(1);
            calls.push(SystemCall { name: name.to_owned(), nth: *nth, text: text.to_owned() });
        }
        Ok(calls)
    }

    /// As [`Strace::calls`], only those between the program's first two calls of [`mark`].
    ///
    /// # Errors
    /// As [`Strace::calls`], and when it makes no two marks.
    pub fn points(&self, command: &Command) -> io::Result<Vec<SystemCall>> {
        let calls = self.calls(command)?;
        // As an argument of its own, and not a part of one.
        let mark = format!("{MARK:?}");
        match *calls.split(|call| call.text.contains(&mark)).collect::<Vec<_>>() {
            [_, points, _] => Ok(points.to_vec()),
            ref parts => {
                let marks = parts.len() - 1;
                Err(io::Error::other(format!("undisturbed, the program made {marks} marks, not 2")))
            }
        }
    }
}

/// Runs `command` under strace with `options`; returns how it ended and what strace said.
fn traced(command: &Command, options: &[&str]) -> io::Result<(ExitStatus, String)> {
    let log = NamedTempFile::new()?;
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "-o"]).arg(log.path()).args(options);
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
    let child =
        traced.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn()?;
    let status = end_of(child)?;
    Ok((status, String::from_utf8_lossy(&std::fs::read(log.path())?).into_owned()))
}

/// Waits until strace has ended, and with it what it traced.
fn end_of(mut strace: Child) -> io::Result<ExitStatus> {
    let give_up = Instant::now() + LONGEST_RUN;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = strace.try_wait()? {
            return Ok(status);
        }
        if Instant::now() > give_up {
            // strace alone would leave what it traces running.
            kill_process_group(Pid::from_child(&strace), Signal::KILL)?;
            strace.wait()?;
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the program traced did not end"));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(8));
    }
}
