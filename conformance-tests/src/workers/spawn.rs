//! The parent's side: starts this test program again as worker processes, and waits for their answers.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;

use super::barrier::Barrier;
use super::child::ASKED;
use super::job::{JOB, Job, Task, read_answer};
use crate::context::TestContext;
use crate::mode::Mode;
use crate::outcome::{Outcome, Stop};
use crate::spec::Spec;
use crate::suite::Suite;

impl Job {
    /// Starts this program again with its own arguments, to do the job.
    fn start(&self) -> Outcome<Process> {
        if !ASKED.load(Ordering::Relaxed) {
            return Err(Stop::broken(
                "it starts this program again, which would do all of its work there: call Suite::work_if_worker \
                 first in its main",
            ));
        }
        let job = serde_json::to_string(self).map_err(Stop::broken)?;
        let child = Command::new(std::env::current_exe()?)
            .args(std::env::args_os().skip(1))
            .env(JOB, job)
            // Open while this program lives: see `end_with_parent`.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(Process(child))
    }
}

/// Runs the whole check in a process of its own: for one that measures what belongs to a process, such as its
/// descriptors, while other checks are at work in this one.
pub(crate) fn in_own_process(suite: &Suite, check: String, mode: Mode) -> Outcome {
    let (suite, is_async) = (suite.name.clone(), mode == Mode::Async);
    Job { suite, check, is_async, task: Task::Check }.start()?.finish().map(drop)
}

/// A started worker process, killed when dropped.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Waits for its end and gives back what its function returned.
    ///
    /// # Errors
    /// When the worker failed or died.
    pub fn finish(mut self) -> Outcome<String> {
        let mut said = String::new();
        if let Some(out) = self.0.stdout.as_mut() {
            out.read_to_string(&mut said)?;
        }
        let status = self.0.wait()?;
        let ended = || {
            Stop::unexpected("a worker process", "that it says how it went", format_args!("{status}: {said}"))
        };
        let outcome = read_answer(&said).ok_or_else(ended)?;
        outcome.map_err(|stop| stop.during("in a process of its own"))
    }

    /// Kills it at once (SIGKILL) and waits until it is gone.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill(mut self) -> Outcome {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl TestContext {
    /// Starts `count` processes that run this check's worker function on the location of `spec`,
    /// in the role given. They get this program's own arguments.
    ///
    /// # Errors
    /// When a process cannot be started.
    pub fn start_workers(&self, count: usize, spec: &Spec, role: &str) -> Outcome<Vec<Process>> {
        let barrier = Barrier::new(self.scratch(), count);
        let start = |number| {
            let (role, spec, barrier) = (role.to_owned(), spec.clone(), barrier.clone());
            let task = Task::Work { number, role, spec, barrier };
            let (suite, check) = (self.suite.name.clone(), self.check.clone());
            Job { suite, check, is_async: self.mode() == Mode::Async, task }.start()
        };
        (0..count).map(start).collect()
    }

    /// Starts workers as [`TestContext::start_workers`] does and waits for all their results.
    ///
    /// # Errors
    /// When a process cannot be started or a worker fails.
    pub fn run_workers(&self, count: usize, spec: &Spec, role: &str) -> Outcome<Vec<String>> {
        let workers = self.start_workers(count, spec, role)?;
        workers.into_iter().map(Process::finish).collect()
    }
}
