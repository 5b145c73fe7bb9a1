//! [`Barrier`]: lets worker processes wait for each other, in a file.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;

/// Tells the barriers of one process apart.
static BARRIERS: AtomicUsize = AtomicUsize::new(0);

/// How long a worker waits for the others.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where the workers of one start meet: a file that each makes longer by one byte in each round. A moment
/// of the clock would let a worker that the machine kept waiting run its rounds alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Barrier {
    path: PathBuf,
    workers: usize,
}

impl Barrier {
    pub(super) fn new(dir: &Path, workers: usize) -> Self {
        let number = BARRIERS.fetch_add(1, Ordering::Relaxed);
        Self { path: dir.join(format!("barrier-{number}")), workers }
    }

    pub(super) fn wait(&self, round: u64) -> Outcome {
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
