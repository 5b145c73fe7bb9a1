//! Tests a cache whose server restarts, refuses connections or closes them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cache_core::{BaseCache, Cache, Error, ErrorKind};
use tokio::runtime::Runtime;

use super::runtime;
use crate::effort::effort;
use crate::fault_report::record;
use crate::mode::Mode;
use crate::proxy::{Fault, Proxy};
use crate::servers::Server;
use crate::test_cache::TestCache;

/// How many callers there are at once.
const CALLERS: u64 = 4;

/// What a restart may take.
const RECOVERY: Duration = Duration::from_secs(1);

/// Longer than any test.
const LONG: Duration = Duration::from_secs(3_600);

/// One half of a cache's interface.
struct Half {
    calls: TestCache,
    /// Of the async half, shared by all callers.
    runtime: Option<Runtime>,
    name: String,
}

impl Half {
    fn both<B: BaseCache + 'static>(backend: &str, cache: &Cache<B>) -> [Self; 2] {
        let sync = TestCache { cache: cache.clone().erase(), mode: Mode::Sync };
        let (other, name) = (sync.other_mode(), backend.to_owned());
        [
            Self { calls: sync, runtime: None, name },
            Self { calls: other, runtime: Some(runtime()), name: format!("{backend} async") },
        ]
    }

    fn run<T>(&self, call: impl Future<Output = T>) -> T {
        match &self.runtime {
            None => futures_lite::future::block_on(call),
            Some(runtime) => runtime.block_on(call),
        }
    }

    fn set(&self, key: &str, value: &str) -> Result<(), Error> {
        self.run(self.calls.set(key, value, LONG))
    }

    fn get(&self, key: &str) -> Result<Option<String>, Error> {
        self.run(self.calls.get(key))
    }

    fn incr(&self) -> Result<i64, Error> {
        self.run(self.calls.incr("n"))
    }

    /// How many of `count` calls by each caller failed. They are such as may not be sent twice.
    fn failed(&self, count: usize) -> u64 {
        let failed = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..CALLERS {
                scope.spawn(|| {
                    let some = (0..count).filter(|_| self.incr().is_err()).count();
                    failed.fetch_add(some as u64, Ordering::Relaxed);
                });
            }
        });
        failed.into_inner()
    }
}

/// Tests a restarted server: `server` is restarted while four callers of `cache` have connections to it, first
/// threads and then tasks of one runtime, which are expected to share theirs. A `set` works at once, and at most
/// one call for each connection fails.
///
/// # Panics
/// If one fails that should not, or it takes longer than a second.
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
pub fn restarts<B: BaseCache + 'static>(backend: &str, cache: &Cache<B>, server: &mut Server) {
    let rounds = effort(3, 30);
    for half in Half::both(backend, cache) {
        let connections = if half.runtime.is_some() { 1 } else { CALLERS };
        let (mut most, mut slowest) = (0, Duration::ZERO);
        for _ in 0..rounds {
            cache.set("n", &0, LONG).unwrap();
            assert_eq!(half.failed(30), 0, "{}: before the restart", half.name);
            server.restart().unwrap();
            let begun = Instant::now();
            // Found closed before anything is sent on it, or sent again.
            half.set("other", "value").unwrap();
            cache.set("n", &0, LONG).unwrap();
            most = most.max(half.failed(5));
            slowest = slowest.max(begun.elapsed());
        }
        let figure =
            format!("restarted: {most} calls of {connections} connections failed, {slowest:?} at most");
        record(12, &half.name, rounds, most.saturating_sub(connections), &figure);
        assert!(most <= connections && slowest < RECOVERY, "{}: {figure}", half.name);
    }
}

/// Tests closed connections: the connection that a call of `cache` finds was closed by `proxy` since the one before, or is
/// closed on its request, or on the reply. A `set` and a `get` work all the same, and an `incr` is sent once.
///
/// # Panics
/// If they do not, or it is not.
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
pub fn ended_connections<B: BaseCache + 'static>(backend: &str, cache: &Cache<B>, proxy: &Proxy) {
    let rounds = effort(10, 300);
    for half in Half::both(backend, cache) {
        let mut wrong = Vec::new();
        for fault in (0..rounds).flat_map(|_| [Fault::Refuse, Fault::CutRequest(0), Fault::CutReply(0)]) {
            let end = || {
                half.set("used", "value").unwrap();
                proxy.set(fault);
                if fault == Fault::Refuse {
                    proxy.set(Fault::None);
                }
            };
            end();
            let set = half.set("k", "value");
            end();
            let got = half.get("k");
            cache.set("n", &0, LONG).unwrap();
            end();
            let counted = half.incr();
            proxy.set(Fault::None);
            let steps = cache.get::<i64>("n").unwrap().unwrap();
            let honest = match &counted {
                Ok(sum) => (*sum, steps) == (1, 1),
                Err(e) if e.kind() == ErrorKind::OutcomeUnknown => steps <= 1,
                Err(e) => e.kind() == ErrorKind::Unavailable && steps == 0,
            };
            let found = got.as_ref().is_ok_and(|found| found.as_deref() == Some("value"));
            if set.is_err() || !found || !honest {
                wrong.push(format!("{fault:?}: {set:?}, {got:?}, {counted:?} and {steps} steps"));
            }
        }
        let tried = 3 * rounds;
        let figure = format!("closed between calls: {} of {tried} rounds with a lost call", wrong.len());
        record(12, &half.name, tried, wrong.len() as u64, &figure);
        assert!(wrong.is_empty(), "{}: {wrong:#?}", half.name);
    }
}

/// Tests a pool whose server is down: more connections are refused than `cache` may have, which is `places`, and none of these
/// is lost. With a value so long that a task sends it on a connection of its own, if the backend has such.
///
/// # Panics
/// If one is.
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
pub fn refusals<B: BaseCache + 'static>(backend: &str, cache: &Cache<B>, server: &mut Server, places: usize) {
    let rounds = effort(2, 20);
    let long = "x".repeat(100_000);
    for half in Half::both(backend, cache) {
        let mut lost = 0;
        for _ in 0..rounds {
            server.kill();
            // The last finds no place, if each of the others has kept one.
            for _ in 0..=places {
                let e = half.set("k", &long).unwrap_err();
                assert_eq!(e.kind(), ErrorKind::Unavailable, "{}: {e}", half.name);
                lost += u64::from(e.to_string().contains("max_connections"));
            }
            server.restart().unwrap();
            lost += u64::from(half.set("k", &long).is_err());
        }
        record(17, &half.name, rounds, lost, &format!("{lost} places lost to connections that were refused"));
        assert_eq!(lost, 0, "{}: places were lost", half.name);
    }
}
