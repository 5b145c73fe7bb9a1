//! What Prometheus gets of the metrics, through the exporter that most programs use.
#![cfg(feature = "metrics")]
#![allow(clippy::unwrap_used, reason = "in a test a failure is a panic")]

use cache_core::{Cache, DEFAULT_TIMEOUT, SECONDS_BUCKETS};
use cache_locmem::LocMemCache;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

const HISTOGRAMS: [&str; 3] =
    ["cache_operation_duration_seconds", "cache_compute_seconds", "cache_single_flight_wait_seconds"];

/// The page that Prometheus reads, after a call of every kind that has a metric of its own.
fn page(exporter: PrometheusBuilder) -> String {
    let recorder = exporter.build_recorder();
    metrics::with_local_recorder(&recorder, || {
        let store = LocMemCache::builder().max_entries(1).build().unwrap();
        let cache = Cache::builder(store).name("pages").build().unwrap();
        cache.get_or_set("k", DEFAULT_TIMEOUT, || cache.delete("k").unwrap()).unwrap();
        // Two callers on one thread: the second finds the first at it.
        let first = cache.aget_or_set("two", DEFAULT_TIMEOUT, || async {
            futures_lite::future::yield_now().await;
            1
        });
        let second = cache.aget_or_set("two", DEFAULT_TIMEOUT, || async { 2 });
        let (first, second) = futures_lite::future::block_on(futures_lite::future::zip(first, second));
        assert_eq!((first.unwrap(), second.unwrap()), (1, 1));
        cache.set("three", &3, DEFAULT_TIMEOUT).unwrap();
        cache.info().unwrap();
    });
    recorder.handle().render()
}

fn with_bounds() -> PrometheusBuilder {
    let caches = Matcher::Prefix("cache_".to_owned());
    PrometheusBuilder::new().set_buckets_for_metric(caches, &SECONDS_BUCKETS).unwrap()
}

#[test]
fn each_duration_is_a_histogram_that_can_be_added_up() {
    let page = page(with_bounds());
    for name in HISTOGRAMS {
        assert!(page.contains(&format!("# TYPE {name} histogram\n")), "{name} is not a histogram in {page}");
        let of_one = |line: &&str| line.starts_with(&format!("{name}_bucket{{"));
        let buckets: Vec<&str> = page.lines().filter(of_one).collect();
        for bound in SECONDS_BUCKETS {
            let le = format!("le=\"{bound}\"");
            assert!(
                buckets.iter().any(|line| line.contains(&le)),
                "{name} has no bucket with {le} in {page}"
            );
        }
        // Each set of labels has its buckets, and the last holds all.
        let numbers = |part: &str| -> Vec<u64> {
            let lines = page.lines().filter(|line| line.starts_with(name) && line.contains(part));
            lines.map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect()
        };
        assert_eq!(
            numbers("le=\"+Inf\""),
            numbers("_count{"),
            "the last buckets of {name}, and its counts, in {page}"
        );
        assert!(numbers("_count{").iter().sum::<u64>() > 0, "nothing was recorded of {name} in {page}");
    }
    let get = "cache_operation_duration_seconds_count{cache=\"pages\",operation=\"get\"}";
    assert!(page.contains(get), "no {get} in {page}");
}

#[test]
fn each_metric_has_its_kind_and_a_text() {
    let page = page(with_bounds());
    for (name, kind) in [
        ("cache_instances", "gauge"),
        ("cache_hits_total", "counter"),
        ("cache_misses_total", "counter"),
        ("cache_errors_total", "counter"),
        ("cache_degraded_total", "counter"),
        ("cache_operation_duration_seconds", "histogram"),
        ("cache_computed_total", "counter"),
        ("cache_compute_seconds", "histogram"),
        ("cache_coalesced_total", "counter"),
        ("cache_single_flight_wait_seconds", "histogram"),
        ("cache_invalidated_total", "counter"),
        ("cache_entries", "gauge"),
        ("cache_max_entries", "gauge"),
        ("cache_evictions_total", "counter"),
    ] {
        assert!(page.contains(&format!("# TYPE {name} {kind}\n")), "no {kind} is called {name} in {page}");
        let help = format!("# HELP {name} ");
        let text = page.lines().find_map(|line| line.strip_prefix(help.as_str()));
        assert!(text.is_some_and(|text| text.len() > 10), "the meaning of {name} is {text:?} in {page}");
    }
    for line in ["cache_evictions_total{cache=\"pages\"} 1", "cache_invalidated_total{cache=\"pages\"} 1"] {
        assert!(page.lines().any(|of_page| of_page == line), "no line {line} in {page}");
    }
}

/// An exporter can add units and `_total`: the names have them already.
#[test]
fn the_names_are_as_prometheus_recommends() {
    let names = |page: String| -> Vec<String> {
        let mut names: Vec<String> =
            page.lines().filter_map(|line| line.strip_prefix("# TYPE ").map(str::to_owned)).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names(page(with_bounds().with_recommended_naming(true))), names(page(with_bounds())));
}
