//! What is counted: `Cache::stats`, and what listeners of the features `metrics` and `trace` hear.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use cache_core::{
    BaseCache, Cache, DEFAULT_TIMEOUT, Error, ErrorKind, Expiry, Key, OnError, Payload, Result,
};
use cache_locmem::LocMemCache;

/// An unreachable store.
struct Gone;

impl BaseCache for Gone {
    fn get(&self, _: Key<'_>) -> Result<Option<Payload>> {
        Err(Error::unavailable("gone"))
    }
    fn set(&self, _: Key<'_>, _: Payload, _: Expiry) -> Result<()> {
        Err(Error::unavailable("gone"))
    }
    fn add(&self, _: Key<'_>, _: Payload, _: Expiry) -> Result<bool> {
        Err(Error::outcome_unknown("gone"))
    }
    fn touch(&self, _: Key<'_>, _: Expiry) -> Result<bool> {
        Err(Error::unavailable("gone"))
    }
    fn delete(&self, _: Key<'_>) -> Result<bool> {
        Err(Error::storage("gone"))
    }
    fn incr(&self, key: Key<'_>, _: i64) -> Result<i64> {
        Err(Error::key_not_found(key.as_str()))
    }
    fn rename(&self, _: Key<'_>, _: Key<'_>) -> Result<bool> {
        Err(Error::rejected("gone"))
    }
    fn clear(&self) -> Result<()> {
        Err(Error::unavailable("gone"))
    }
}

#[test]
fn hits_and_misses_of_every_lookup() {
    let cache = Cache::new(LocMemCache::default());
    cache.set("here", &1, DEFAULT_TIMEOUT).unwrap();
    let _: Option<i64> = cache.get("here").unwrap();
    let _: Option<i64> = cache.with_version(2).get("here").unwrap();
    assert_eq!(cache.get_bytes("not here").unwrap(), None);
    let _: Vec<(&str, i64)> = cache.get_many(["here", "a", "b", "here"]).unwrap();
    let _: i64 = cache.get_or_set("computed", DEFAULT_TIMEOUT, || 2).unwrap();
    let _: i64 = futures_lite::future::block_on(cache.aget_or("computed", 0)).unwrap();
    assert!(cache.has_key("here").unwrap());
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.errors), (4, 5, 0));
    assert_eq!(stats, cache.clone().with_version(7).stats());
}

#[test]
fn a_type_that_does_not_fit_is_a_hit_and_no_failure_of_the_store() {
    let cache = Cache::new(LocMemCache::default());
    cache.set("text", "one", DEFAULT_TIMEOUT).unwrap();
    assert_eq!(cache.get::<i64>("text").unwrap_err().kind(), ErrorKind::Decode);
    assert_eq!(cache.incr("text").unwrap_err().kind(), ErrorKind::NotAnInteger);
    assert_eq!((cache.stats().hits, cache.stats().errors), (1, 0));
}

#[test]
fn every_failure_of_the_store_is_counted_whether_it_shows_or_not() {
    for on_error in [OnError::Return, OnError::Fallback] {
        let cache = Cache::builder(Gone).on_error(on_error).build().unwrap();
        let degrades = on_error == OnError::Fallback;
        assert_eq!(cache.get::<i64>("k").is_ok(), degrades);
        assert_eq!(cache.get_many::<i64, _>(["a", "b"]).is_ok(), degrades);
        assert_eq!(cache.set("k", &1, DEFAULT_TIMEOUT).is_ok(), degrades);
        assert_eq!(cache.delete("k").is_ok(), degrades);
        assert!(cache.add("k", &1, DEFAULT_TIMEOUT).is_err());
        assert!(cache.incr("k").is_err());
        assert!(cache.incr_version("k").is_err());
        assert!(cache.clear().is_err());
        let stats = cache.stats();
        let degraded = if degrades { 4 } else { 0 };
        assert_eq!((stats.hits, stats.misses, stats.errors, stats.degraded), (0, 0, 7, degraded));
        assert_eq!(cache.degraded(), degraded);
    }
}

#[test]
fn what_a_backend_does_not_say() {
    let cache = Cache::new(Gone);
    assert_eq!(cache.ping().unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(cache.info().unwrap(), cache_core::Info::default());
    assert_eq!(cache.purge_expired().unwrap(), None);
    let cache = Cache::new(LocMemCache::default());
    cache.set("k", &1, DEFAULT_TIMEOUT).unwrap();
    let waits = async {
        cache.aping().await.unwrap();
        assert_eq!(cache.apurge_expired().await.unwrap(), None);
        cache.ainfo().await.unwrap()
    };
    let info = futures_lite::future::block_on(waits);
    assert_eq!((info.entries, info.max_entries, info.bytes), (Some(1), Some(300), None));
}

#[cfg(feature = "metrics")]
mod metrics_crate {
    use std::sync::{Arc, Mutex};

    use cache_core::{Cache, DEFAULT_TIMEOUT, OnError};
    use cache_locmem::LocMemCache;
    use metrics::{
        Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
        SharedString, Unit,
    };

    type Heard = Arc<Mutex<Vec<String>>>;

    #[derive(Default)]
    struct Listener(Heard, Heard);

    impl Listener {
        fn describe(&self, name: &KeyName, unit: Option<Unit>, meaning: &SharedString) {
            assert!(!meaning.is_empty(), "{}", name.as_str());
            let unit = unit.map_or("none", |unit| unit.as_str());
            self.1.lock().unwrap().push(format!("{} {unit}", name.as_str()));
        }
    }

    struct Handle(String, Heard);

    impl Handle {
        fn new(key: &Key, heard: &Heard) -> Arc<Self> {
            let labels: Vec<String> = key.labels().map(|l| format!("{}={}", l.key(), l.value())).collect();
            Arc::new(Self(format!("{} {}", key.name(), labels.join(" ")), Arc::clone(heard)))
        }
        fn hear(&self, value: impl std::fmt::Display) {
            self.1.lock().unwrap().push(format!("{} {value}", self.0));
        }
    }

    impl CounterFn for Handle {
        fn increment(&self, value: u64) {
            if value > 0 {
                self.hear(value);
            }
        }
        fn absolute(&self, value: u64) {
            self.hear(format!("= {value}"));
        }
    }
    impl GaugeFn for Handle {
        fn increment(&self, value: f64) {
            self.hear(value);
        }
        fn decrement(&self, value: f64) {
            self.hear(-value);
        }
        fn set(&self, value: f64) {
            self.hear(format!("= {value}"));
        }
    }
    impl HistogramFn for Handle {
        fn record(&self, value: f64) {
            assert!((0.0..10.0).contains(&value), "{value} seconds");
            self.hear("s");
        }
    }

    impl Recorder for Listener {
        fn describe_counter(&self, name: KeyName, unit: Option<Unit>, meaning: SharedString) {
            self.describe(&name, unit, &meaning);
        }
        fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, meaning: SharedString) {
            self.describe(&name, unit, &meaning);
        }
        fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, meaning: SharedString) {
            self.describe(&name, unit, &meaning);
        }
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(Handle::new(key, &self.0))
        }
        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(Handle::new(key, &self.0))
        }
        fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::from_arc(Handle::new(key, &self.0))
        }
    }

    #[test]
    fn a_recorder_hears_every_operation() {
        let listener = Listener::default();
        metrics::with_local_recorder(&listener, || {
            let cache = Cache::builder(LocMemCache::default()).name("pages").build().unwrap();
            cache.set("k", &1, DEFAULT_TIMEOUT).unwrap();
            let _: Vec<(&str, i64)> = cache.get_many(["k", "a", "b"]).unwrap();
            drop(cache);
            let gone = Cache::builder(super::Gone).on_error(OnError::Fallback).build().unwrap();
            gone.get::<i64>("k").unwrap();
        });
        let heard = listener.0.lock().unwrap().clone();
        assert_eq!(
            heard,
            [
                "cache_instances  1",
                "cache_operation_duration_seconds cache=pages operation=set s",
                "cache_hits_total cache=pages 1",
                "cache_misses_total cache=pages 2",
                "cache_operation_duration_seconds cache=pages operation=get_many s",
                "cache_instances  -1",
                "cache_instances  1",
                "cache_operation_duration_seconds cache=default operation=get s",
                "cache_errors_total cache=default operation=get 1",
                "cache_degraded_total cache=default operation=get 1",
                "cache_instances  -1",
            ]
        );
    }

    #[test]
    fn a_recorder_hears_of_computations_waits_and_removals() {
        let listener = Listener::default();
        metrics::with_local_recorder(&listener, || {
            let cache = Cache::builder(LocMemCache::default()).name("pages").build().unwrap();
            cache.get_or_set("k", DEFAULT_TIMEOUT, || cache.delete("k").unwrap()).unwrap();
            // Two callers on one thread: the second finds the first at it.
            let cached = cache.clone();
            let first = cached.aget_or_set("two", DEFAULT_TIMEOUT, || async {
                futures_lite::future::yield_now().await;
                1
            });
            let second = cache.aget_or_set("two", DEFAULT_TIMEOUT, || async { 2 });
            let both = futures_lite::future::block_on(futures_lite::future::zip(first, second));
            assert_eq!((both.0.unwrap(), both.1.unwrap()), (1, 1));
        });
        let heard = listener.0.lock().unwrap().clone();
        let of_flights: Vec<&str> = heard
            .iter()
            .map(String::as_str)
            .filter(|line| {
                ["comput", "coalesced", "flight", "invalid"].iter().any(|part| line.contains(part))
            })
            .collect();
        assert_eq!(
            of_flights,
            [
                "cache_invalidated_total cache=pages 1",
                "cache_computed_total cache=pages 1",
                "cache_compute_seconds cache=pages s",
                "cache_computed_total cache=pages 1",
                "cache_compute_seconds cache=pages s",
                "cache_single_flight_wait_seconds cache=pages s",
                "cache_coalesced_total cache=pages 1",
            ]
        );
    }

    #[test]
    fn a_recorder_hears_what_the_store_says_of_itself_and_nothing_that_it_does_not() {
        let listener = Listener::default();
        metrics::with_local_recorder(&listener, || {
            let store = LocMemCache::builder().max_entries(2).build().unwrap();
            let cache = Cache::builder(store).name("pages").build().unwrap();
            ["a", "b", "c"].iter().for_each(|key| cache.set(key, &1, DEFAULT_TIMEOUT).unwrap());
            cache.info().unwrap();
            futures_lite::future::block_on(cache.ainfo()).unwrap();
            Cache::builder(super::Gone).name("gone").build().unwrap().info().unwrap();
        });
        let heard = listener.0.lock().unwrap().clone();
        let of_the_store: Vec<&str> =
            heard.iter().map(String::as_str).filter(|line| line.contains("= ")).collect();
        let said = [
            "cache_entries cache=pages = 2",
            "cache_max_entries cache=pages = 2",
            "cache_evictions_total cache=pages = 1",
        ];
        assert_eq!(of_the_store, [said, said].concat());
    }

    #[test]
    fn each_metric_has_a_unit_and_a_meaning() {
        let listener = Listener::default();
        metrics::with_local_recorder(&listener, || {
            let cache = Cache::new(LocMemCache::default());
            cache.get_or_set("k", DEFAULT_TIMEOUT, || cache.delete("k").unwrap()).unwrap();
            cache.info().unwrap();
        });
        let mut described = listener.1.lock().unwrap().clone();
        described.sort_unstable();
        assert_eq!(
            described,
            [
                "cache_bytes bytes",
                "cache_coalesced_total count",
                "cache_compute_seconds seconds",
                "cache_computed_total count",
                "cache_degraded_total count",
                "cache_entries count",
                "cache_errors_total count",
                "cache_evictions_total count",
                "cache_hits_total count",
                "cache_instances count",
                "cache_invalidated_total count",
                "cache_max_entries count",
                "cache_misses_total count",
                "cache_operation_duration_seconds seconds",
                "cache_single_flight_wait_seconds seconds",
            ]
        );
        let heard = listener.0.lock().unwrap().clone();
        let has_meaning = |line: &String| {
            let name = line.split(' ').next().unwrap_or_default();
            described.iter().any(|known| known.split(' ').next() == Some(name))
        };
        assert!(heard.iter().all(has_meaning), "{heard:?}");
    }

    #[test]
    fn the_bounds_of_buckets_grow() {
        for bounds in cache_core::SECONDS_BUCKETS.windows(2) {
            assert!(bounds[0] < bounds[1], "{:?} are the bounds of a bucket that holds nothing", bounds);
        }
    }
}
