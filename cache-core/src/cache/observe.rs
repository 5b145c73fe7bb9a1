//! What is counted and reported of each call of the store: [`Stats`](crate::Stats) always, `metrics`
//! and `tracing` with the features of these names, and only while somebody listens.

use std::sync::atomic::Ordering;
#[cfg(any(feature = "metrics", feature = "trace"))]
use std::time::Instant;

use crate::backend::BaseCache;
use crate::cache::Cache;
use crate::error::{Error, ErrorKind, Result};

macro_rules! operations {
    ($($variant:ident $name:literal,)*) => {
        /// A call of the store.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Operation { $($variant,)* }

        impl Operation {
            #[cfg(feature = "metrics")]
            pub(super) const ALL: &[Self] = &[$(Self::$variant,)*];

            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

operations! {
    Get "get",
    Set "set",
    Add "add",
    Touch "touch",
    Delete "delete",
    HasKey "has_key",
    Incr "incr",
    Rename "incr_version",
    GetMany "get_many",
    SetMany "set_many",
    DeleteMany "delete_many",
    Clear "clear",
}

/// A call of the store that is under way: what it is, and since when.
pub(super) struct OpTimer {
    operation: Operation,
    /// `None`: nothing listens, and the clock is not read.
    #[cfg(any(feature = "metrics", feature = "trace"))]
    since: Option<Instant>,
    #[cfg(feature = "trace")]
    found: Option<(u64, u64)>,
}

/// A computation, or the wait for one, that is under way.
pub(super) struct Stopwatch {
    /// `None`: no recorder is installed, and the clock is not read.
    #[cfg(feature = "metrics")]
    since: Option<Instant>,
}

impl OpTimer {
    /// Whether somebody wants to know how long it took.
    #[inline]
    #[cfg_attr(
        not(any(feature = "metrics", feature = "trace")),
        allow(clippy::unused_self, clippy::missing_const_for_fn)
    )]
    pub(super) fn is_timed(&self) -> bool {
        #[cfg(any(feature = "metrics", feature = "trace"))]
        return self.since.is_some();
        #[cfg(not(any(feature = "metrics", feature = "trace")))]
        false
    }
}

impl Error {
    /// Whether the store failed, rather than the call being wrong.
    const fn is_a_failure(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::Unavailable | ErrorKind::OutcomeUnknown | ErrorKind::Rejected | ErrorKind::Storage
        )
    }
}

impl<B: BaseCache + ?Sized> Cache<B> {
    /// Starts to observe a call of the store. Call it before the store is asked.
    #[inline]
    pub(super) fn start_op(&self, operation: Operation) -> OpTimer {
        OpTimer {
            operation,
            #[cfg(any(feature = "metrics", feature = "trace"))]
            since: self.somebody_listens().then(Instant::now),
            #[cfg(feature = "trace")]
            found: None,
        }
    }

    /// Counts keys that were looked up.
    #[inline]
    #[cfg_attr(not(feature = "trace"), allow(unused_variables, clippy::needless_pass_by_ref_mut))]
    pub(super) fn record_lookup(&self, timer: &mut OpTimer, hits: u64, misses: u64) {
        self.settings.counters.record_lookup(hits, misses);
        #[cfg(feature = "metrics")]
        if let Some(meters) = self.settings.observed.meters() {
            meters.record_lookup(hits, misses);
        }
        #[cfg(feature = "trace")]
        {
            timer.found = Some((hits, misses));
        }
    }

    /// Counts a key that was found, while nothing listens.
    #[inline]
    pub(super) fn record_hit(&self) {
        self.settings.counters.record_lookup(1, 0);
        #[cfg(feature = "metrics")]
        if let Some(meters) = self.settings.observed.meters() {
            meters.record_lookup(1, 0);
        }
    }

    /// Counts the store's answer and returns it. Returns `instead` in place of an error that this cache may hide.
    #[inline]
    pub(super) fn finish_or_degrade<T>(
        &self,
        timer: &OpTimer,
        answer: Result<T>,
        instead: impl FnOnce() -> T,
    ) -> Result<T> {
        match self.finish(timer, answer) {
            Err(error) if self.degrades() && error.is_of_the_store() => {
                self.settings.counters.degraded.fetch_add(1, Ordering::Relaxed);
                #[cfg(feature = "metrics")]
                if let Some(meters) = self.settings.observed.meters() {
                    meters.degraded(timer.operation);
                }
                let operation = timer.operation.name();
                tracing::warn!(operation, %error, "the cache goes on without its store");
                Ok(instead())
            }
            other => other,
        }
    }

    /// Counts the store's answer and returns it: for calls whose errors cannot be hidden.
    #[inline]
    #[cfg_attr(not(any(feature = "metrics", feature = "trace")), allow(unused_variables))]
    pub(super) fn finish<T>(&self, timer: &OpTimer, answer: Result<T>) -> Result<T> {
        if let Err(error) = &answer
            && error.is_a_failure()
        {
            self.settings.counters.errors.fetch_add(1, Ordering::Relaxed);
        }
        #[cfg(any(feature = "metrics", feature = "trace"))]
        if let Some(since) = timer.since {
            self.report(timer, since, answer.as_ref().err());
        }
        answer
    }

    /// Counts and logs an error of the cache that a function of `#[cached]` goes on without.
    #[cold]
    pub(super) fn tolerated(&self, error: &Error) {
        self.settings.counters.degraded.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(%error, "a cached function goes on without its cache");
    }

    /// Starts to measure a computation, or the wait for one.
    pub(super) fn stopwatch(&self) -> Stopwatch {
        Stopwatch {
            #[cfg(feature = "metrics")]
            since: self.settings.observed.meters().map(|_| Instant::now()),
        }
    }

    /// Counts a computation, whatever its end.
    #[cfg_attr(not(feature = "metrics"), allow(unused_variables, clippy::needless_pass_by_value))]
    pub(super) fn computed(&self, stopwatch: Stopwatch) {
        self.settings.counters.more(|lane| &lane.computed, 1);
        #[cfg(feature = "metrics")]
        if let (Some(since), Some(meters)) = (stopwatch.since, self.settings.observed.meters()) {
            meters.computed(since.elapsed());
        }
    }

    /// Measures a wait for another caller's computation.
    #[cfg_attr(
        not(feature = "metrics"),
        allow(unused_variables, clippy::needless_pass_by_value, clippy::unused_self)
    )]
    pub(super) fn waited(&self, stopwatch: Stopwatch) {
        #[cfg(feature = "metrics")]
        if let (Some(since), Some(meters)) = (stopwatch.since, self.settings.observed.meters()) {
            meters.waited(since.elapsed());
        }
    }

    /// Counts a call that got the value of another caller's computation.
    pub(super) fn coalesced(&self) {
        self.settings.counters.more(|lane| &lane.coalesced, 1);
        #[cfg(feature = "metrics")]
        if let Some(meters) = self.settings.observed.meters() {
            meters.coalesced();
        }
    }

    /// Counts computations that a removal kept from being stored.
    #[inline]
    pub(super) fn invalidated(&self, flights: u64) {
        if flights == 0 {
            return;
        }
        self.settings.counters.more(|lane| &lane.invalidated, flights);
        #[cfg(feature = "metrics")]
        if let Some(meters) = self.settings.observed.meters() {
            meters.invalidated(flights);
        }
    }

    #[cfg(any(feature = "metrics", feature = "trace"))]
    #[inline]
    fn somebody_listens(&self) -> bool {
        #[cfg(feature = "trace")]
        if tracing::enabled!(target: "cache_core::operation", tracing::Level::TRACE) {
            return true;
        }
        #[cfg(feature = "metrics")]
        if self.settings.observed.meters().is_some() {
            return true;
        }
        false
    }

    #[cfg(any(feature = "metrics", feature = "trace"))]
    #[cold]
    fn report(&self, timer: &OpTimer, since: Instant, error: Option<&Error>) {
        let took = since.elapsed();
        #[cfg(feature = "metrics")]
        if let Some(meters) = self.settings.observed.meters() {
            meters.finished(timer.operation, took, error.is_some_and(Error::is_a_failure));
        }
        #[cfg(feature = "trace")]
        {
            let cache = self.settings.observed.name();
            let operation = timer.operation.name();
            let (hits, misses) = timer.found.unzip();
            let error = error.map(|error| tracing::field::debug(error.kind()));
            tracing::trace!(
                target: "cache_core::operation",
                cache, operation, hits, misses, error, seconds = took.as_secs_f64(), "the store answered"
            );
        }
    }
}
