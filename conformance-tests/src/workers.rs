//! Starts worker processes: a check runs its own test program again, several times over, on one location.

use std::fs::OpenOptions;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::context::TestContext;
use crate::mode::Mode;
use crate::outcome::{Outcome, Stop};
use crate::spec::Spec;
use crate::suite::Suite;
use crate::test_cache::TestCache;

/// Holds a worker's [`Job`] as JSON.
const JOB: &str = "CONFORMANCE_WORKER";

/// Whether this program has asked whether it is a worker: only then may it start itself again.
static ASKED: AtomicBool = AtomicBool::new(false);

/// Tells the meetings of one process apart.
static MEETINGS: AtomicUsize = AtomicUsize::new(0);

/// How long a worker waits for the others.
const PATIENCE: Duration = Duration::from_secs(120);

/// Begins the line in which a worker says how it went, as JSON.
const ANSWER: &str = "worker: ";

/// What a worker process is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    /// The name of the suite.
    pub(crate) suite: String,
    /// The full name of the check.
    pub(crate) check: String,
    is_async: bool,
    pub(crate) task: Task,
}

/// What it is to do for the check.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Task {
    /// The whole check, which measures a process.
    Check,
    /// The check's worker function.
    Work { number: usize, role: String, spec: Spec, meeting: Meeting },
}

impl Job {
    /// Which half of the API the worker goes through.
    pub(crate) const fn mode(&self) -> Mode {
        if self.is_async { Mode::Async } else { Mode::Sync }
    }

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

/// A worker's context: a cache on the location that the check gave it.
#[derive(Debug)]
pub struct Worker {
    /// Which of the workers this is.
    pub number: usize,
    /// What the check told it to be.
    pub role: String,
    /// Where it works.
    pub spec: Spec,
    /// A cache with default settings there.
    pub cache: TestCache,
    meeting: Meeting,
}

/// Where the workers of one start meet: a file that each makes longer by one byte in each round. A moment
/// of the clock would let a worker that the machine kept waiting run its rounds alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Meeting {
    path: PathBuf,
    workers: usize,
}

impl Meeting {
    fn new(dir: &Path, workers: usize) -> Self {
        let number = MEETINGS.fetch_add(1, Ordering::Relaxed);
        Self { path: dir.join(format!("meeting-{number}")), workers }
    }

    fn wait(&self, round: u64) -> Outcome {
        let mut file = OpenOptions::new().append(true).create(true).open(&self.path)?;
        file.write_all(b".")?;
        let all = (round + 1) * self.workers as u64;
        let begun = Instant::now();
        while file.metadata()?.len() < all {
            ensure!(begun.elapsed() < PATIENCE, "another worker did not come to round {round}");
            std::thread::yield_now();
        }
        Ok(())
    }
}

impl Worker {
    /// The worker of this number, which meets the others of its start at `meeting`.
    pub(crate) const fn new(
        number: usize,
        role: String,
        spec: Spec,
        cache: TestCache,
        meeting: Meeting,
    ) -> Self {
        Self { number, role, spec, cache, meeting }
    }

    /// Waits until all workers of this start have come to this round. The first is 0, and none is left out.
    ///
    /// # Errors
    /// When another worker has not come within two minutes.
    pub fn rendezvous(&self, round: u64) -> Outcome {
        self.meeting.wait(round)
    }
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
        let answer = said.lines().find_map(|line| line.strip_prefix(ANSWER));
        let ended = || {
            Stop::unexpected("a worker process", "that it says how it went", format_args!("{status}: {said}"))
        };
        let outcome: Outcome<String> =
            answer.and_then(|text| serde_json::from_str(text).ok()).ok_or_else(ended)?;
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
        let meeting = Meeting::new(self.scratch(), count);
        let start = |number| {
            let (role, spec, meeting) = (role.to_owned(), spec.clone(), meeting.clone());
            let task = Task::Work { number, role, spec, meeting };
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

/// Ends this worker once the program that started it is gone, however that ended: nobody waits for it.
fn end_with_parent() {
    std::thread::spawn(|| {
        // What its standard input brings is its end.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
}

/// The job that this process was started for, if it is a worker. From now on it may start workers itself.
pub(crate) fn job() -> Option<Outcome<Job>> {
    ASKED.store(true, Ordering::Relaxed);
    let job = std::env::var(JOB).ok()?;
    end_with_parent();
    Some(serde_json::from_str(&job).map_err(Stop::broken))
}

/// The line in which a worker says how it went.
pub(crate) fn answer(outcome: &Outcome<String>) -> String {
    format!("{ANSWER}{}", serde_json::to_string(outcome).unwrap_or_default())
}
