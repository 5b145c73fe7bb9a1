//! The order in which racers start where they share one core: a busy machine leaves them no more.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use cache_core::{BaseCache, Expiry, Key, Payload, Result};
use conformance_tests::harness::Failed;
use conformance_tests::{Mode, Suite};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::bug::Bug;
use crate::mutant::Mutant;

/// Each racer is the first at least in one of this many rounds.
const SHARE: usize = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Began {
    Set,
    Touch,
}

/// A store without a bug that remembers which calls began, in order.
#[derive(Debug)]
struct Watched {
    store: Mutant,
    began: Arc<Mutex<Vec<Began>>>,
}

impl Watched {
    fn begin(&self, call: Began) {
        self.began.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }
}

impl BaseCache for Watched {
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        self.store.get(key)
    }

    fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        self.begin(Began::Set);
        self.store.set(key, value, expiry)
    }

    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        self.store.add(key, value, expiry)
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        self.begin(Began::Touch);
        self.store.touch(key, expiry)
    }

    fn delete(&self, key: Key<'_>) -> Result<bool> {
        self.store.delete(key)
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        self.store.incr(key, delta)
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        self.store.rename(from, to)
    }

    fn clear(&self) -> Result<()> {
        self.store.clear()
    }
}

/// Makes this thread, and all threads it starts, run on one core.
fn stay_on_one_core() -> std::io::Result<()> {
    let cores = sched_getaffinity(None)?;
    let mut one = CpuSet::new();
    (0..CpuSet::MAX_CPU).filter(|&core| cores.is_set(core)).take(1).for_each(|core| one.set(core));
    Ok(sched_setaffinity(None, &one)?)
}

/// Without the gate's delay it is the same racer in nearly every round of `C::touch_vs_set`.
pub(crate) fn each_racer_starts_first() -> std::result::Result<(), Failed> {
    let began = Arc::new(Mutex::new(Vec::new()));
    let watched = Arc::clone(&began);
    let suite = Suite::new("watched", move |spec| {
        Ok(Watched { store: Mutant::open(Bug::None, spec)?, began: Arc::clone(&watched) })
    });
    let race = || -> std::result::Result<_, Failed> {
        stay_on_one_core()?;
        suite.check("C::touch_vs_set", Mode::Sync).ok_or_else(|| "no such check".into())
    };
    let finished = thread::scope(|scope| scope.spawn(race).join()).map_err(|_| "it panicked")??;
    let began = began.lock().unwrap_or_else(PoisonError::into_inner);
    // The first set is not a round's.
    let rounds: Vec<_> = began.get(1..).unwrap_or_default().chunks_exact(2).collect();
    let touched = rounds.iter().filter(|round| round[0] == Began::Touch).count();
    let least = rounds.len() / SHARE;
    if rounds.len() < 2 * SHARE || touched < least || rounds.len() - touched < least {
        let rounds = rounds.len();
        return Err(format!("touch began first in {touched} of {rounds} rounds: {finished:?}").into());
    }
    Ok(())
}
