//! The worker's side: the job that this process was started for, and a check's [`Worker`] context.

use std::io::Read as _;
use std::sync::atomic::{AtomicBool, Ordering};

use super::barrier::Barrier;
use super::job::{JOB, Job};
use crate::outcome::{Outcome, Stop};
use crate::spec::Spec;
use crate::test_cache::TestCache;

/// Whether this program has asked whether it is a worker: only then may it start itself again.
pub(super) static ASKED: AtomicBool = AtomicBool::new(false);

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
    barrier: Barrier,
}

impl Worker {
    /// The worker of this number, which meets the others of its start at `barrier`.
    pub(crate) const fn new(
        number: usize,
        role: String,
        spec: Spec,
        cache: TestCache,
        barrier: Barrier,
    ) -> Self {
        Self { number, role, spec, cache, barrier }
    }

    /// Waits until all workers of this start have come to this round. The first is 0, and none is left out.
    ///
    /// # Errors
    /// When another worker has not come within two minutes.
    pub fn rendezvous(&self, round: u64) -> Outcome {
        self.barrier.wait(round)
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
pub(crate) fn own_job() -> Option<Outcome<Job>> {
    ASKED.store(true, Ordering::Relaxed);
    let job = std::env::var(JOB).ok()?;
    end_with_parent();
    Some(serde_json::from_str(&job).map_err(Stop::broken))
}
