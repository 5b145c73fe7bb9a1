//! The names of the metrics, their units, and what they count.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

pub(super) const INSTANCES: &str = "cache_instances";
pub(super) const HITS: &str = "cache_hits_total";
pub(super) const MISSES: &str = "cache_misses_total";
pub(super) const ERRORS: &str = "cache_errors_total";
pub(super) const DEGRADED: &str = "cache_degraded_total";
pub(super) const OPERATION_SECONDS: &str = "cache_operation_duration_seconds";
pub(super) const COMPUTED: &str = "cache_computed_total";
pub(super) const COMPUTE_SECONDS: &str = "cache_compute_seconds";
pub(super) const COALESCED: &str = "cache_coalesced_total";
pub(super) const SINGLE_FLIGHT_WAIT_SECONDS: &str = "cache_single_flight_wait_seconds";
pub(super) const INVALIDATED: &str = "cache_invalidated_total";
pub(super) const ENTRIES: &str = "cache_entries";
pub(super) const MAX_ENTRIES: &str = "cache_max_entries";
pub(super) const BYTES: &str = "cache_bytes";
pub(super) const EVICTIONS: &str = "cache_evictions_total";

/// Bounds of buckets, in seconds, for the histograms of the feature `metrics`: from a hit in memory to a
/// server that does not answer.
///
/// An exporter without bounds may show quantiles instead of a histogram, and quantiles of several processes cannot
/// be added up. `metrics-exporter-prometheus` takes the bounds as a setting of its own. A program installs the
/// recorder before it uses a cache; this example lends it to one function:
///
/// ```
/// use cache_core::{Cache, DEFAULT_TIMEOUT, SECONDS_BUCKETS};
/// use cache_locmem::LocMemCache;
/// use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
///
/// let caches = Matcher::Prefix("cache_".to_owned());
/// let exporter = PrometheusBuilder::new().set_buckets_for_metric(caches, &SECONDS_BUCKETS)?;
/// // In a program: `exporter.install()?`, which serves the page too, or `exporter.install_recorder()?`.
/// let recorder = exporter.build_recorder();
/// metrics::with_local_recorder(&recorder, || {
///     Cache::new(LocMemCache::default()).set("answer", &42, DEFAULT_TIMEOUT)
/// })?;
///
/// let page = recorder.handle().render();
/// assert!(page.contains("# TYPE cache_operation_duration_seconds histogram"));
/// let slowest = r#"cache_operation_duration_seconds_bucket{cache="default",operation="set",le="10"} 1"#;
/// assert!(page.contains(slowest), "{page}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const SECONDS_BUCKETS: [f64; 17] = [
    0.000_001, 0.000_005, 0.000_025, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05,
    0.1, 0.5, 1.0, 5.0, 10.0,
];

/// Describes the unit and the meaning of each metric to the recorder.
pub(super) fn describe() {
    describe_gauge!(INSTANCES, Unit::Count, "Caches in use in this process");
    let counters = [
        (HITS, "Keys that were looked up and found"),
        (MISSES, "Keys that were looked up and not found"),
        (ERRORS, "Calls of the store that failed"),
        (DEGRADED, "Calls that were answered in place of an unreachable store"),
        (COMPUTED, "Computations of get_or_set"),
        (COALESCED, "Calls of get_or_set that got the value of another caller's computation"),
        (INVALIDATED, "Computations whose key was removed meanwhile: their values were not stored"),
        (EVICTIONS, "Entries that the store removed before their end to make room"),
    ];
    for (name, meaning) in counters {
        describe_counter!(name, Unit::Count, meaning);
    }
    let histograms = [
        (OPERATION_SECONDS, "How long the store took to answer a call"),
        (COMPUTE_SECONDS, "How long the function of get_or_set took"),
        (SINGLE_FLIGHT_WAIT_SECONDS, "How long a call of get_or_set waited for another caller's computation"),
    ];
    for (name, meaning) in histograms {
        describe_histogram!(name, Unit::Seconds, meaning);
    }
    describe_gauge!(ENTRIES, Unit::Count, "Entries in the store, when it was last asked");
    describe_gauge!(MAX_ENTRIES, Unit::Count, "The most entries that the store takes");
    describe_gauge!(BYTES, Unit::Bytes, "Bytes that the store takes, when it was last asked");
}
