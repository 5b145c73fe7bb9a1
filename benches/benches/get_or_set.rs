//! Many callers on one cold key: how often the function runs, and how soon everybody has its value.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a measuring program ends where it cannot go on")]

mod peers;

use std::convert::Infallible;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use benches::{Bench, Unit};
use cache_core::Cache;
use cache_locmem::LocMemCache;
use futures_util::future::join_all;
use tokio::runtime::Runtime;

use peers::Moka;

type Quick = quick_cache::sync::Cache<String, u64>;

const FUNCTION: Duration = Duration::from_millis(10);
const TIMEOUT: Duration = Duration::from_secs(300);
const VALUE: u64 = 42;
const THREADS: usize = 8;
const TASKS: usize = 64;
const MILLISECOND: f64 = 1e6;

/// A cache whose threads compute a cold key once.
trait ByThreads: Sync {
    fn get(&self, key: &str, function: impl FnOnce() -> u64) -> u64;
}

/// One whose tasks do.
trait ByTasks: ByThreads {
    fn aget(&self, key: &str, function: impl Future<Output = u64> + Send)
    -> impl Future<Output = u64> + Send;
}

impl ByThreads for Cache<LocMemCache> {
    fn get(&self, key: &str, function: impl FnOnce() -> u64) -> u64 {
        self.get_or_set(key, TIMEOUT, function).unwrap()
    }
}

impl ByTasks for Cache<LocMemCache> {
    async fn aget(&self, key: &str, function: impl Future<Output = u64> + Send) -> u64 {
        self.aget_or_set(key, TIMEOUT, || function).await.unwrap()
    }
}

impl ByThreads for Quick {
    fn get(&self, key: &str, function: impl FnOnce() -> u64) -> u64 {
        self.get_or_insert_with(key, || Ok::<_, Infallible>(function())).unwrap()
    }
}

impl ByTasks for Quick {
    async fn aget(&self, key: &str, function: impl Future<Output = u64> + Send) -> u64 {
        self.get_or_insert_async(key, async { Ok::<_, Infallible>(function.await) }).await.unwrap()
    }
}

impl ByThreads for Moka<u64> {
    fn get(&self, key: &str, function: impl FnOnce() -> u64) -> u64 {
        self.get_with_by_ref(key, || (function(), TIMEOUT)).0
    }
}

/// One caller: whether it called the function, and when it had the value.
struct Caller {
    led: bool,
    at: Instant,
}

fn threads(cache: &impl ByThreads, key: &str) -> Vec<Caller> {
    let gate = Barrier::new(THREADS);
    let call = || {
        gate.wait();
        let mut led = false;
        let value = cache.get(key, || {
            led = true;
            std::thread::sleep(FUNCTION);
            VALUE
        });
        assert_eq!(value, VALUE);
        Caller { led, at: Instant::now() }
    };
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..THREADS).map(|_| scope.spawn(call)).collect();
        callers.into_iter().map(|caller| caller.join().expect("it gets the value")).collect()
    })
}

fn tasks<C: ByTasks + Send + 'static>(cache: &'static C, runtime: &Runtime, key: &str) -> Vec<Caller> {
    let call = |key: String| async move {
        let mut led = false;
        let function = async {
            led = true;
            tokio::time::sleep(FUNCTION).await;
            VALUE
        };
        let value = cache.aget(&key, function).await;
        assert_eq!(value, VALUE);
        Caller { led, at: Instant::now() }
    };
    let callers: Vec<_> = (0..TASKS).map(|_| runtime.spawn(call(key.to_owned()))).collect();
    let callers = runtime.block_on(join_all(callers));
    callers.into_iter().map(|caller| caller.expect("it gets the value")).collect()
}

/// What came of many rounds, each with a key of its own.
struct Outcome {
    most_calls: f64,
    median_ns: f64,
    longest_ns: f64,
}

fn rounds(rounds: usize, mut round: impl FnMut(&str) -> Vec<Caller>) -> Outcome {
    let mut most_calls = 0;
    let mut lags = Vec::with_capacity(rounds);
    for n in 0..rounds {
        let callers = round(&format!("cold:{n}"));
        most_calls = most_calls.max(callers.iter().filter(|caller| caller.led).count());
        let leader = callers.iter().find(|caller| caller.led).expect("somebody computes").at;
        let last = callers.iter().map(|caller| caller.at).max().expect("there are callers");
        lags.push((last - leader).as_nanos() as f64);
    }
    lags.sort_by(f64::total_cmp);
    Outcome { most_calls: most_calls as f64, median_ns: lags[rounds / 2], longest_ns: lags[rounds - 1] }
}

fn report(bench: &Bench, callers: &str, ours: &Outcome, peers: &[(&str, Outcome)]) {
    let (calls, median, longest) = (
        format!("calls, {callers}"),
        format!("last waiter, {callers}, median"),
        format!("last waiter, {callers}, longest"),
    );
    bench.compare_numbers(&calls, Unit::Count, ours.most_calls, ("limit", 1.0), Some(1.0));
    bench.compare_numbers(&median, Unit::Ns, ours.median_ns, ("limit", MILLISECOND), Some(1.0));
    bench.compare_numbers(&longest, Unit::Ns, ours.longest_ns, ("limit", MILLISECOND), Some(1.0));
    for (name, peer) in peers {
        bench.compare_numbers(&calls, Unit::Count, ours.most_calls, (name, peer.most_calls), None);
        bench.compare_numbers(&median, Unit::Ns, ours.median_ns, (name, peer.median_ns), None);
        bench.compare_numbers(&longest, Unit::Ns, ours.longest_ns, (name, peer.longest_ns), None);
    }
}

fn main() {
    let bench = Bench::from_args("get_or_set");
    let many = bench.size(200, 3);
    let runtime = Runtime::new().unwrap();
    // Tasks outlive the frame that spawns them; these live as long as the program.
    let ours = || -> &'static Cache<LocMemCache> {
        let backend = LocMemCache::builder().max_entries(10_000).build().unwrap();
        Box::leak(Box::new(Cache::builder(backend).key_prefix("app").build().unwrap()))
    };
    let quick = || -> &'static Quick { Box::leak(Box::new(Quick::new(10_000))) };
    let moka: Moka<u64> = peers::moka(10_000);

    let case = format!("{THREADS} threads");
    if bench.wants(&case) {
        let (ours, quick) = (ours(), quick());
        let peers = [
            ("quick_cache", rounds(many, |key| threads(quick, key))),
            ("moka", rounds(many, |key| threads(&moka, key))),
        ];
        report(&bench, &case, &rounds(many, |key| threads(ours, key)), &peers);
    }
    let case = format!("{TASKS} tasks");
    if bench.wants(&case) {
        let (ours, quick) = (ours(), quick());
        let peers = [("quick_cache", rounds(many, |key| tasks(quick, &runtime, key)))];
        report(&bench, &case, &rounds(many, |key| tasks(ours, &runtime, key)), &peers);
    }
    let case = format!("{TASKS} tasks and {THREADS} threads");
    if bench.wants(&case) {
        let (ours, quick) = (ours(), quick());
        let peers = [("quick_cache", rounds(many, |key| both(quick, &runtime, key)))];
        report(&bench, &case, &rounds(many, |key| both(ours, &runtime, key)), &peers);
    }
}

fn both<C: ByTasks + Send + 'static>(cache: &'static C, runtime: &Runtime, key: &str) -> Vec<Caller> {
    std::thread::scope(|scope| {
        let others = scope.spawn(|| threads(cache, key));
        let mut callers = tasks(cache, runtime, key);
        callers.extend(others.join().expect("they get the value"));
        callers
    })
}
