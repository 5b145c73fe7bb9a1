//! A cache whose process forks. A program of its own: what other threads hold at a fork stays held in the child.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "in a test a failure is a panic")]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cache_core::{BaseCache as _, Cache};
use cache_file::{FileCache, Layout};
use conformance_tests::faults::{fork, fork_calls};

const LAYOUTS: &[(&str, Layout)] = &[
    ("file", Layout::Native),
    #[cfg(feature = "django")]
    ("file-django", Layout::Django),
];
const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn both_sides_of_a_fork_go_on() {
    for (name, layout) in LAYOUTS {
        let dir = common::dir();
        let backend = FileCache::builder(dir.path().join("cache")).layout(*layout).max_entries(100_000);
        fork_calls(name, &Cache::new(backend.lock_timeout(Duration::from_secs(60)).build().unwrap()));
    }
}

/// While other threads write, so that a fork finds locks held; the children live on, and do nothing.
#[test]
fn a_child_keeps_no_lock_of_its_parent() {
    for (name, layout) in LAYOUTS {
        let dir = common::dir();
        let backend = FileCache::builder(dir.path().join("cache"))
            .layout(*layout)
            .lock_timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        let cache = Cache::new(backend);
        cache.set("k", &0, HOUR).unwrap();
        let stop = AtomicBool::new(false);
        let mut children = Vec::new();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        cache.set("k", &1, HOUR).unwrap();
                    }
                });
            }
            for _ in 0..25 {
                children.push(
                    fork(|| {
                        std::thread::sleep(Duration::from_secs(300));
                        Ok(String::new())
                    })
                    .unwrap(),
                );
                std::thread::sleep(Duration::from_millis(2));
            }
            stop.store(true, Ordering::Relaxed);
        });
        let since = Instant::now();
        cache.set("k", &2, HOUR).unwrap();
        cache.incr("k").unwrap();
        cache.clear().unwrap();
        cache.backend().ping().unwrap();
        assert!(since.elapsed() < Duration::from_secs(15), "{name}: {:?}", since.elapsed());
        drop(children);
    }
}
