//! The handles of the `metrics` crate, and what a cache is called in metrics and traces.

#[cfg(feature = "metrics")]
use std::sync::OnceLock;
#[cfg(feature = "metrics")]
use std::time::Duration;

#[cfg(feature = "metrics")]
use metrics::{Counter, Gauge, Histogram};

#[cfg(feature = "metrics")]
use crate::cache::names;
#[cfg(feature = "metrics")]
use crate::cache::observe::Operation;
#[cfg(feature = "metrics")]
use crate::info::Info;

/// A cache's name, and its metrics.
pub(super) struct Observed {
    name: String,
    #[cfg(feature = "metrics")]
    meters: OnceLock<Option<Meters>>,
}

impl Observed {
    pub(super) const fn new(name: String) -> Self {
        Self {
            name,
            #[cfg(feature = "metrics")]
            meters: OnceLock::new(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Records what the store says of itself, if a recorder listens. What it cannot say has no metric.
    #[cfg(feature = "metrics")]
    #[allow(clippy::cast_precision_loss, reason = "the numbers of a gauge are floats")]
    pub(super) fn record_info(&self, info: &Info) {
        if self.meters().is_none() {
            return;
        }
        let labels = [("cache", self.name.clone())];
        for (name, number) in [
            (names::ENTRIES, info.entries),
            (names::MAX_ENTRIES, info.max_entries),
            (names::BYTES, info.bytes),
        ] {
            if let Some(number) = number {
                metrics::gauge!(name, &labels).set(number as f64);
            }
        }
        if let Some(number) = info.evictions {
            metrics::counter!(names::EVICTIONS, &labels).absolute(number);
        }
    }

    /// Made on the first use; `None` if no recorder was installed by then.
    #[cfg(feature = "metrics")]
    #[inline]
    pub(super) fn meters(&self) -> Option<&Meters> {
        match self.meters.get() {
            Some(meters) => meters.as_ref(),
            None => self.meters.get_or_init(|| Meters::new(&self.name)).as_ref(),
        }
    }
}

/// The metrics of one cache.
#[cfg(feature = "metrics")]
pub(super) struct Meters {
    /// Caches in use.
    instances: Gauge,
    hits: Counter,
    misses: Counter,
    /// In the order of [`Operation::ALL`].
    operations: Vec<Meter>,
    computing: Histogram,
    waiting: Histogram,
    computed: Counter,
    coalesced: Counter,
    invalidated: Counter,
}

/// The metrics of one operation.
#[cfg(feature = "metrics")]
struct Meter {
    seconds: Histogram,
    errors: Counter,
    degraded: Counter,
}

#[cfg(feature = "metrics")]
impl Meters {
    fn new(cache: &str) -> Option<Self> {
        let instances = instances()?;
        names::describe();
        let meter = |operation: &Operation| {
            let labels = [("cache", cache.to_owned()), ("operation", operation.name().to_owned())];
            Meter {
                seconds: metrics::histogram!(names::OPERATION_SECONDS, &labels),
                errors: metrics::counter!(names::ERRORS, &labels),
                degraded: metrics::counter!(names::DEGRADED, &labels),
            }
        };
        let labels = [("cache", cache.to_owned())];
        Some(Self {
            instances,
            hits: metrics::counter!(names::HITS, &labels),
            misses: metrics::counter!(names::MISSES, &labels),
            operations: Operation::ALL.iter().map(meter).collect(),
            computing: metrics::histogram!(names::COMPUTE_SECONDS, &labels),
            waiting: metrics::histogram!(names::SINGLE_FLIGHT_WAIT_SECONDS, &labels),
            computed: metrics::counter!(names::COMPUTED, &labels),
            coalesced: metrics::counter!(names::COALESCED, &labels),
            invalidated: metrics::counter!(names::INVALIDATED, &labels),
        })
    }

    pub(super) fn record_lookup(&self, hits: u64, misses: u64) {
        self.hits.increment(hits);
        self.misses.increment(misses);
    }

    pub(super) fn finished(&self, operation: Operation, took: Duration, failed: bool) {
        let Some(meter) = self.operations.get(operation as usize) else { return };
        meter.seconds.record(took);
        if failed {
            meter.errors.increment(1);
        }
    }

    pub(super) fn degraded(&self, operation: Operation) {
        if let Some(meter) = self.operations.get(operation as usize) {
            meter.degraded.increment(1);
        }
    }

    pub(super) fn computed(&self, took: Duration) {
        self.computed.increment(1);
        self.computing.record(took);
    }

    pub(super) fn waited(&self, time: Duration) {
        self.waiting.record(time);
    }

    pub(super) fn coalesced(&self) {
        self.coalesced.increment(1);
    }

    pub(super) fn invalidated(&self, flights: u64) {
        self.invalidated.increment(flights);
    }
}

#[cfg(feature = "metrics")]
impl Drop for Meters {
    fn drop(&mut self) {
        self.instances.decrement(1.0);
    }
}

/// The number of caches in use, including this one; `None` if no recorder is installed. The `metrics` crate
/// cannot be asked that, but it evaluates the number given to a gauge only if a recorder listens.
#[cfg(feature = "metrics")]
fn instances() -> Option<Gauge> {
    use std::cell::Cell;

    struct One<'a>(&'a Cell<bool>);

    impl metrics::IntoF64 for One<'_> {
        fn into_f64(self) -> f64 {
            self.0.set(true);
            1.0
        }
    }

    let heard = Cell::new(false);
    let instances = metrics::gauge!(names::INSTANCES);
    instances.increment(One(&heard));
    heard.get().then_some(instances)
}
