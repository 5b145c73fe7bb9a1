//! Several processes on one location: the test program runs itself again as workers.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cache_core::Clock;
use serde::{Deserialize, Serialize};

use crate::context::{Mode, T};
use crate::handle::C;
use crate::outcome::{Outcome, Stop};
use crate::registry;
use crate::runner::block_on;
use crate::spec::Spec;
use crate::suite::Suite;

/// Holds a worker's [`Job`] as JSON.
const JOB: &str = "CONFORMANCE_WORKER";

/// What a worker process is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Job {
    suite: String,
    check: String,
    is_async: bool,
    number: usize,
    role: String,
    spec: Spec,
    /// When the first round begins, in microseconds since the Unix epoch.
    start_us: u64,
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
    pub cache: C,
    start_us: u64,
}

impl Worker {
    /// Waits for the moment at which all workers begin this round, 2 ms after the one before:
    /// spinning, so that they begin together.
    pub fn rendezvous(&self, round: u64) {
        let begin = self.start_us + round * 2_000;
        loop {
            let left = begin.saturating_sub(now_us());
            match left {
                0 => break,
                1..1_000 => std::hint::spin_loop(),
                _ => std::thread::sleep(Duration::from_micros(300)),
            }
        }
    }
}

fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
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
        match said.lines().find_map(|line| line.strip_prefix("worker: ")) {
            Some(result) if status.success() => Ok(result.to_owned()),
            Some(failure) => Err(Stop::failed(format!("a worker process: {failure}"))),
            None => Err(Stop::failed(format!("a worker process ended with {status} and said nothing"))),
        }
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

impl T {
    /// Starts `count` processes that run this check's worker function on the location of `spec`,
    /// in the role given. They get this program's own arguments.
    ///
    /// # Errors
    /// When a process cannot be started.
    pub fn start_workers(&self, count: usize, spec: &Spec, role: &str) -> Outcome<Vec<Process>> {
        let start_us = now_us() + 300_000;
        (0..count)
            .map(|number| {
                let job = Job {
                    suite: self.suite.name.clone(),
                    check: self.check.clone(),
                    is_async: self.mode() == Mode::Async,
                    number,
                    role: role.to_owned(),
                    spec: spec.clone(),
                    start_us,
                };
                let job = serde_json::to_string(&job).map_err(|e| Stop::failed(e.to_string()))?;
                let program = std::env::current_exe()?;
                let child = Command::new(program)
                    .args(std::env::args_os().skip(1))
                    .env(JOB, job)
                    // Open while this program lives: see `end_with_parent`.
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .spawn()?;
                Ok(Process(child))
            })
            .collect()
    }

    /// Starts workers as [`T::start_workers`] does and waits for all their results.
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

/// In a worker process: does the job, as the suite of the name it holds, and gives back what to
/// print, and whether it went well.
pub(crate) fn run_if_worker(find: impl FnOnce(&str) -> Option<Suite>) -> Option<(String, bool)> {
    let job = std::env::var(JOB).ok()?;
    end_with_parent();
    let result = serde_json::from_str(&job).map_err(|e| Stop::failed(e.to_string())).and_then(|job: Job| {
        let suite = find(&job.suite).ok_or_else(|| Stop::failed(format!("no suite {:?}", job.suite)))?;
        work(&suite, job)
    });
    Some(match result {
        Ok(said) => (format!("worker: {said}"), true),
        Err(stop) => (format!("worker: {}", stop.to_string().replace('\n', " ")), false),
    })
}

fn work(suite: &Suite, job: Job) -> Outcome<String> {
    let no_such = || Stop::failed(format!("{} has no worker", job.check));
    let check = registry::find(&job.check).ok_or_else(no_such)?;
    let run = check.worker.ok_or_else(no_such)?;
    let mode = if job.is_async { Mode::Async } else { Mode::Sync };
    let spec = Spec { clock: Clock::system(), ..job.spec };
    let cache = suite.builder((suite.open)(&spec)?).build()?;
    let cache = C { cache, mode };
    let worker = Worker { number: job.number, role: job.role, spec, cache, start_us: job.start_us };
    block_on(mode, run(&worker))?
}
