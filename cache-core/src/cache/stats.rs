//! [`Stats`]: what a cache has counted, and the counters, which cost a hit next to nothing.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::backend::BaseCache;
use crate::cache::Cache;

/// What a cache has counted since it was built, all handles and versions together: see
/// [`Cache::stats`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Keys that were looked up and found, by `get`, `get_bytes`, `get_many` and `get_or_set`.
    pub hits: u64,
    /// Keys that were looked up and not found. A failed lookup counts as neither.
    pub misses: u64,
    /// Calls of the store that failed, including the ones that [`OnError::Fallback`](crate::OnError::Fallback)
    /// answered. Errors of the call itself (a key, a value) do not count.
    pub errors: u64,
    /// Calls that [`OnError::Fallback`](crate::OnError::Fallback) answered, and errors of this cache that a function of
    /// `#[cached]` went on without: [`Cache::degraded`].
    pub degraded: u64,
    /// How often the function of [`get_or_set`](Cache::get_or_set) ran to its end, with or without success.
    pub computed: u64,
    /// Calls of `get_or_set` that waited for another caller's computation and got its value.
    pub coalesced: u64,
    /// Computations whose key was removed meanwhile: their values were returned and not stored.
    pub invalidated: u64,
}

impl Stats {
    /// Hits out of hits and misses, from 0 to 1; `None` before the first.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a ratio")]
    pub fn hit_ratio(&self) -> Option<f64> {
        let all = self.hits.saturating_add(self.misses);
        (all > 0).then(|| self.hits as f64 / all as f64)
    }
}

impl<B: BaseCache + ?Sized> Cache<B> {
    /// Returns how often this cache found the keys it was asked for, and how often its store failed. Counts
    /// this handle and its clones in this process.
    ///
    /// ```
    /// # use cache_core::{Cache, DEFAULT_TIMEOUT};
    /// # use cache_locmem::LocMemCache;
    /// let cache = Cache::new(LocMemCache::default());
    /// cache.set("here", &1, DEFAULT_TIMEOUT)?;
    /// let _: Vec<(&str, i64)> = cache.get_many(["here", "not here"])?;
    /// assert_eq!((cache.stats().hits, cache.stats().misses), (1, 1));
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> Stats {
        let counters = &self.settings.counters;
        let sum = |count: fn(&Lane) -> &AtomicU64| {
            counters.lanes.iter().map(|lane| count(lane).load(Ordering::Relaxed)).sum()
        };
        Stats {
            hits: sum(|lane| &lane.hits),
            misses: sum(|lane| &lane.misses),
            errors: counters.errors.load(Ordering::Relaxed),
            degraded: counters.degraded.load(Ordering::Relaxed),
            computed: sum(|lane| &lane.computed),
            coalesced: sum(|lane| &lane.coalesced),
            invalidated: sum(|lane| &lane.invalidated),
        }
    }
}

/// How many threads at a time count in a lane of their own. All others share the last lane.
const OWN_LANES: usize = 31;

/// The counters of one cache.
///
/// An atomic addition is expensive beside a hit in memory, and far more so where several cores add to one
/// cache line. A thread that is alone in its lane needs none: it loads and stores.
pub(super) struct Counters {
    lanes: Box<[Lane]>,
    pub(super) errors: AtomicU64,
    pub(super) degraded: AtomicU64,
}

/// A cache line of its own.
#[derive(Default)]
#[repr(align(64))]
pub(super) struct Lane {
    hits: AtomicU64,
    misses: AtomicU64,
    pub(super) computed: AtomicU64,
    pub(super) coalesced: AtomicU64,
    pub(super) invalidated: AtomicU64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            lanes: (0..=OWN_LANES).map(|_| Lane::default()).collect(),
            errors: AtomicU64::new(0),
            degraded: AtomicU64::new(0),
        }
    }
}

impl Counters {
    #[inline]
    pub(super) fn record_lookup(&self, hits: u64, misses: u64) {
        let number = lane_of_thread();
        let Some(lane) = self.lanes.get(number) else { return };
        add(number, &lane.hits, hits);
        add(number, &lane.misses, misses);
    }

    pub(super) fn more(&self, counter: fn(&Lane) -> &AtomicU64, more: u64) {
        let number = lane_of_thread();
        let Some(lane) = self.lanes.get(number) else { return };
        add(number, counter(lane), more);
    }
}

/// Adds to a counter of the lane of that number.
#[inline]
fn add(number: usize, counter: &AtomicU64, more: u64) {
    if more == 0 {
    } else if number < OWN_LANES {
        counter.store(counter.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    } else {
        counter.fetch_add(more, Ordering::Relaxed);
    }
}

const NO_LANE_YET: usize = usize::MAX;

thread_local! {
    /// The number of this thread's lane, in every cache.
    static LANE: Cell<usize> = const { Cell::new(NO_LANE_YET) };
    /// Gives the lane back when the thread ends.
    static LEASE: Cell<Option<Lease>> = const { Cell::new(None) };
}

/// The free lanes, and the first lane that was never used. The lock makes the last owner's counts visible to
/// the next one.
static FREE: Mutex<(Vec<usize>, usize)> = Mutex::new((Vec::new(), 0));

struct Lease(usize);

impl Drop for Lease {
    fn drop(&mut self) {
        // Destructors that run after this one may still use a cache.
        LANE.set(OWN_LANES);
        FREE.lock().unwrap_or_else(PoisonError::into_inner).0.push(self.0);
    }
}

#[inline]
fn lane_of_thread() -> usize {
    match LANE.get() {
        NO_LANE_YET => take_lane(),
        lane => lane,
    }
}

#[cold]
fn take_lane() -> usize {
    let taken = {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        free.0.pop().or_else(|| {
            let next = free.1;
            (next < OWN_LANES).then(|| free.1 += 1).map(|()| next)
        })
    };
    let Some(lane) = taken else {
        LANE.set(OWN_LANES);
        return OWN_LANES;
    };
    let mut lease = Some(Lease(lane));
    // A thread that is ending cannot hold a lease any more: return it at once.
    if LEASE.try_with(|place| place.set(lease.take())).is_err() {
        return OWN_LANES;
    }
    LANE.set(lane);
    lane
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_with_more_threads_than_lanes() {
        let counters = Counters::default();
        for _ in 0..2 {
            std::thread::scope(|scope| {
                for _ in 0..2 * OWN_LANES {
                    scope.spawn(|| (0..1_000).for_each(|_| counters.record_lookup(1, 2)));
                }
            });
        }
        let sum = |count: fn(&Lane) -> &AtomicU64| -> u64 {
            counters.lanes.iter().map(|lane| count(lane).load(Ordering::Relaxed)).sum()
        };
        let threads = 2 * 2 * OWN_LANES as u64;
        assert_eq!(sum(|lane| &lane.hits), threads * 1_000);
        assert_eq!(sum(|lane| &lane.misses), threads * 2_000);
    }

    #[test]
    fn a_thread_that_ends_gives_its_lane_back() {
        for _ in 0..10 * OWN_LANES {
            let lane = std::thread::spawn(lane_of_thread).join().unwrap();
            assert!(lane <= OWN_LANES);
        }
        let (free, next) = &*FREE.lock().unwrap();
        assert!(*next <= OWN_LANES && free.len() <= *next);
        let mut numbers = free.clone();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), free.len(), "no lane is taken twice");
    }

    #[test]
    fn a_ratio_needs_a_lookup() {
        assert_eq!(Stats::default().hit_ratio(), None);
        assert_eq!(Stats { hits: 3, misses: 1, ..Stats::default() }.hit_ratio(), Some(0.75));
    }
}
