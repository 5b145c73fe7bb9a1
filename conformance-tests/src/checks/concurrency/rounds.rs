//! [`Rounds`] and [`Until`]: how long a race goes on, how many racers it has, and which half of the API each uses.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::effort;
use crate::mode::Mode;
use crate::outcome::Outcome;
use crate::race::Gate;
use crate::test_cache::TestCache;

/// How long a race goes on, unless it has had enough rounds before.
pub(in crate::checks) const BUDGET: Duration = Duration::from_millis(1_200);

/// The factor by which races between processes run longer than usual: `CONFORMANCE_EFFORT`, or 40 in the long
/// form of the fault kit.
pub(in crate::checks) fn effort() -> u64 {
    let said = std::env::var("CONFORMANCE_EFFORT").ok();
    said.and_then(|times| times.parse().ok()).unwrap_or(1).max(effort::effort(1, 40))
}

/// Rounds that all racers begin together; the time budget decides how many, within bounds. Clones belong to
/// the same race.
#[derive(Clone, Debug)]
pub(in crate::checks) struct Rounds {
    /// The first round that is not run. A mere flag would end the round before it in a slow racer.
    end: Arc<AtomicUsize>,
    begun: Instant,
    least: usize,
    most: usize,
}

impl Rounds {
    pub(in crate::checks) fn new(least: usize, most: usize) -> Self {
        Self { end: Arc::new(AtomicUsize::new(usize::MAX)), begun: Instant::now(), least, most }
    }

    /// Waits for the others and says whether there is a round of this number. The first racer
    /// decides, before the gate, so that all see the same.
    pub(in crate::checks) async fn next(&self, racer: usize, round: usize, gate: &mut Gate) -> Outcome<bool> {
        if racer == 0 && (round >= self.most || (round >= self.least && self.begun.elapsed() > BUDGET)) {
            self.end.store(round, Ordering::SeqCst);
        }
        gate.wait().await?;
        Ok(round < self.end.load(Ordering::SeqCst))
    }
}

/// Loops until the budget is spent: for races without rounds.
#[derive(Clone, Debug)]
pub(in crate::checks) struct Until(Instant);

impl Until {
    pub(in crate::checks) fn new() -> Self {
        Self(Instant::now())
    }

    /// Whether to go on. In async mode others get their turn first.
    pub(in crate::checks) async fn goes_on(&self, cache: &TestCache) -> bool {
        if cache.mode == Mode::Async {
            tokio::task::yield_now().await;
        }
        self.0.elapsed() < BUDGET
    }
}

/// The number of racers: one per core, and at least two.
pub(in crate::checks) fn racers() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 4)
}

/// In async mode every other racer goes through the sync API: both must exclude each other. Not
/// the other way round, since a native async client needs its runtime.
pub(in crate::checks) fn mixed(cache: &TestCache, racer: usize) -> TestCache {
    if cache.mode == Mode::Async && racer % 2 == 1 { cache.other_mode() } else { cache.clone() }
}
