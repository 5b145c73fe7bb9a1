//! Many callers on one cold key: how often the function runs, and how soon everybody has its value.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a measuring program ends where it cannot go on")]

mod peers;

#[path = "get_or_set/wake.rs"]
mod wake;

use std::convert::Infallible;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use benches::{Bench, Unit};
use cache_core::Cache;
use cache_locmem::LocMemCache;
use futures_util::future::join_all;
use tokio::runtime::Runtime;

use peers::Moka;
use wake::Wake;

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

fn both<C: ByTasks + Send + 'static>(cache: &'static C, runtime: &Runtime, key: &str) -> Vec<Caller> {
    std::thread::scope(|scope| {
        let others = scope.spawn(|| threads(cache, key));
        let mut callers = tasks(cache, runtime, key);
        callers.extend(others.join().expect("they get the value"));
        callers
    })
}

/// All callers at once on one key.
type Round<'a> = dyn Fn(&str) -> Vec<Caller> + 'a;

/// A cache under test, and what came of its rounds.
struct Racer<'a> {
    name: &'static str,
    round: Box<Round<'a>>,
    most_calls: usize,
    /// From the leader's return to the last waiter's, in nanoseconds.
    lags: Vec<f64>,
}

impl<'a> Racer<'a> {
    fn new(name: &'static str, round: impl Fn(&str) -> Vec<Caller> + 'a) -> Self {
        Self { name, round: Box::new(round), most_calls: 0, lags: Vec::new() }
    }

    fn run(&mut self, key: &str) {
        let callers = (self.round)(key);
        self.most_calls = self.most_calls.max(callers.iter().filter(|caller| caller.led).count());
        let leader = callers.iter().find(|caller| caller.led).expect("somebody computes").at;
        let last = callers.iter().map(|caller| caller.at).max().expect("there are callers");
        self.lags.push((last - leader).as_nanos() as f64);
    }

    fn median(&self) -> f64 {
        self.lags[self.lags.len() / 2]
    }

    fn hundredth(&self) -> f64 {
        self.lags[self.lags.len() * 99 / 100]
    }

    fn longest(&self) -> f64 {
        self.lags[self.lags.len() - 1]
    }
}

/// In turns, so that what disturbs the machine disturbs all of them. Ours is the first.
fn race(bench: &Bench, callers: &str, mut racers: Vec<Racer<'_>>) {
    for n in 0..bench.size(1_000, 3) {
        racers.iter_mut().for_each(|racer| racer.run(&format!("cold:{n}")));
    }
    racers.iter_mut().for_each(|racer| racer.lags.sort_by(f64::total_cmp));
    let (ours, peers) = racers.split_first().expect("ours is one of them");
    let row = |case: &str, unit, limit, number: fn(&Racer<'_>) -> f64| {
        bench.compare_numbers(case, unit, number(ours), ("limit", limit), Some(1.0));
        for peer in peers {
            let theirs = (peer.name, number(peer));
            if peer.name == wake::NAME {
                bench.compare_floor(case, unit, number(ours), theirs, None);
            } else {
                bench.compare_numbers(case, unit, number(ours), theirs, None);
            }
        }
    };
    row(&format!("calls, {callers}"), Unit::Count, 1.0, |racer| racer.most_calls as f64);
    row(&format!("last waiter, {callers}, median"), Unit::Ns, MILLISECOND, |racer| racer.median());
    row(&format!("last waiter, {callers}, 99 of 100"), Unit::Ns, MILLISECOND, |racer| racer.hundredth());
    row(&format!("last waiter, {callers}, longest"), Unit::Ns, MILLISECOND, |racer| racer.longest());
}

fn main() {
    let bench = Bench::from_args("get_or_set");
    let runtime = &Runtime::new().unwrap();
    // Tasks outlive the frame that spawns them; these live as long as the program.
    let ours = || -> &'static Cache<LocMemCache> {
        let backend = LocMemCache::builder().max_entries(10_000).build().unwrap();
        Box::leak(Box::new(Cache::builder(backend).key_prefix("app").build().unwrap()))
    };
    let quick = || -> &'static Quick { Box::leak(Box::new(Quick::new(10_000))) };
    let moka: Moka<u64> = peers::moka(10_000);
    let wake: &Wake = Box::leak(Box::default());

    let case = format!("{THREADS} threads");
    if bench.wants(&case) {
        let (ours, quick) = (ours(), quick());
        let racers = vec![
            Racer::new("ours", |key| threads(ours, key)),
            Racer::new("quick_cache", |key| threads(quick, key)),
            Racer::new("moka", |key| threads(&moka, key)),
            Racer::new(wake::NAME, |key| threads(wake, &format!("threads {key}"))),
        ];
        race(&bench, &case, racers);
    }
    let case = format!("{TASKS} tasks");
    if bench.wants(&case) {
        let (ours, quick) = (ours(), quick());
        let racers = vec![
            Racer::new("ours", |key| tasks(ours, runtime, key)),
            Racer::new("quick_cache", |key| tasks(quick, runtime, key)),
            Racer::new(wake::NAME, |key| tasks(wake, runtime, &format!("tasks {key}"))),
        ];
        race(&bench, &case, racers);
    }
    let case = format!("{TASKS} tasks and {THREADS} threads");
    if bench.wants(&case) {
        let (ours, quick) = (ours(), quick());
        let racers = vec![
            Racer::new("ours", |key| both(ours, runtime, key)),
            Racer::new("quick_cache", |key| both(quick, runtime, key)),
            Racer::new(wake::NAME, |key| both(wake, runtime, &format!("both {key}"))),
        ];
        race(&bench, &case, racers);
    }
}
