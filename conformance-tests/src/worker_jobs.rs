//! Does a worker's job: what a test program does when a check has started it again.

use std::process::exit;

use cache_core::Clock;

use crate::outcome::{Outcome, Stop};
use crate::registry;
use crate::runner::{self, Place};
use crate::spec::Spec;
use crate::suite::Suite;
use crate::test_cache::TestCache;
use crate::workers::{self, Job, Task, Worker};

/// In a worker process, does its job, as the suite of the name that the job holds, and ends.
pub(crate) fn work_if_worker(find: impl FnOnce(&str) -> Option<Suite>) {
    let Some(job) = workers::own_job() else { return };
    let outcome = job.and_then(|job| {
        let suite = find(&job.suite).ok_or_else(|| Stop::broken(format_args!("no suite {:?}", job.suite)))?;
        work(suite, job)
    });
    #[allow(clippy::print_stdout, reason = "it is how a worker answers")]
    {
        println!("{}", workers::answer(&outcome));
    }
    exit(i32::from(outcome.is_err()));
}

fn work(suite: Suite, job: Job) -> Outcome<String> {
    let no_such = || Stop::broken(format_args!("{} has no worker", job.check));
    let check = registry::find(&job.check).ok_or_else(no_such)?;
    let mode = job.mode();
    let Task::Work { number, role, spec, barrier } = job.task else {
        let pool = suite.servers.clone();
        let outcome = runner::under_watchdog(suite, check, mode, Place::Here);
        // Leaving the process drops nothing.
        pool.inspect(|pool| pool.stop());
        return outcome.map(|()| String::new());
    };
    let run = check.worker.ok_or_else(no_such)?;
    let spec = Spec { clock: Clock::system(), ..spec };
    let cache = suite.builder((suite.open)(&spec)?).build()?;
    let worker = Worker::new(number, role, spec, TestCache { cache, mode }, barrier);
    runner::block_on(mode, run(&worker))?
}
