//! How long one set can take in a large full store, and what a set costs by the size of the store.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a measuring program ends where it cannot go on")]

mod peers;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use benches::{Bench, Contender, Unit, numbered_key};
use bytes::Bytes;
use cache_core::Cache;
use cache_locmem::LocMemCache;
use quick_cache::sync::Cache as Quick;
use rustix::time::{ClockId, Timespec, clock_gettime};

const TIMEOUT: Duration = Duration::from_secs(300);
const MILLISECOND: f64 = 1e6;

fn main() {
    let bench = Bench::from_args("pauses");
    let entries = bench.size(1_000_000, 10_000);
    longest(&bench, entries, bench.size(500_000, 2_000));
    for large in bench.size([10_000, 100_000, entries], [1_100, 2_000, entries]) {
        flat(&bench, large, (large == entries).then_some(1.0 / 1.3));
    }
}

fn value() -> Bytes {
    Bytes::copy_from_slice(&[7; 100])
}

/// Sets of ever new keys in a full store.
fn ours(entries: u32) -> impl FnMut(u32) {
    let backend = LocMemCache::builder().max_entries(u64::from(entries)).build().unwrap();
    let cache = Cache::builder(backend).key_prefix("app").build().unwrap();
    let set = move |n| cache.set_bytes(&numbered_key("user:", n), value(), TIMEOUT).unwrap();
    (0..entries).for_each(&set);
    set
}

fn moka(entries: u32) -> impl FnMut(u32) {
    let cache = peers::moka(u64::from(entries));
    let set = move |n| cache.insert(numbered_key("app:1:user:", n).to_string(), (value(), TIMEOUT));
    (0..entries).for_each(&set);
    set
}

fn quick(entries: u32) -> impl FnMut(u32) {
    let cache = Quick::new(entries as usize);
    let set = move |n| cache.insert(numbered_key("app:1:user:", n).to_string(), value());
    (0..entries).for_each(&set);
    set
}

/// The least that a store with a bound does for a new key: the oldest goes. What this costs more in a large
/// one is the machine's memory.
fn bare(entries: u32) -> impl FnMut(u32) {
    let mut table: HashMap<Arc<str>, Bytes, ahash::RandomState> = HashMap::default();
    let mut queue = VecDeque::new();
    let mut set = move |n| {
        let key: Arc<str> = Arc::from(numbered_key("app:1:user:", n).as_str());
        if queue.len() >= entries as usize {
            let oldest: Option<Arc<str>> = queue.pop_front();
            oldest.map(|oldest| table.remove(&oldest));
        }
        queue.push_back(Arc::clone(&key));
        table.insert(key, value());
    };
    (0..entries).for_each(&mut set);
    set
}

/// What no store can do without, and so what the machine itself stops for.
fn plain(entries: u32) -> impl FnMut(u32) {
    let mut values: Vec<Bytes> = (0..entries).map(|_| value()).collect();
    move |n| values[(n % entries) as usize] = value()
}

/// The longest of many sets, each by its own.
#[derive(Clone, Copy, Default)]
struct Longest {
    /// By the clock: with what else the machine did meanwhile.
    wall: Duration,
    /// What this thread itself had of the processor.
    cpu: Duration,
}

impl Longest {
    fn of(entries: u32, sets: u32, mut set: impl FnMut(u32)) -> Self {
        let mut longest = Self::default();
        for n in entries..entries + sets {
            let cpu = cpu_time();
            let wall = Instant::now();
            set(n);
            longest.wall = longest.wall.max(wall.elapsed());
            longest.cpu = longest.cpu.max(cpu_time() - cpu);
        }
        longest
    }
}

fn cpu_time() -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(tv_sec.unsigned_abs(), tv_nsec as u32)
}

fn longest(bench: &Bench, entries: u32, sets: u32) {
    let case = format!("longest set of {sets}, {entries} entries");
    let by_cpu = format!("{case}, CPU time");
    if !bench.wants(&case) {
        return;
    }
    // One after another: each store is large.
    let ours = Longest::of(entries, sets, ours(entries));
    let peers = [
        ("plain Vec write", Longest::of(entries, sets, plain(entries))),
        ("quick_cache", Longest::of(entries, sets, quick(entries))),
        ("moka", Longest::of(entries, sets, moka(entries))),
    ];
    for (case, time) in [(case, (|l| l.wall) as fn(Longest) -> Duration), (by_cpu, |l| l.cpu)] {
        let ns = |longest| time(longest).as_nanos() as f64;
        bench.compare_numbers(&case, Unit::Ns, ns(ours), ("limit", MILLISECOND), Some(1.0));
        for (name, longest) in peers {
            bench.compare_numbers(&case, Unit::Ns, ns(ours), (name, ns(longest)), None);
        }
    }
}

/// A set of a new key, culling included, beside the same in a store of 1,000 entries, and beside
/// others of this size.
fn flat(bench: &Bench, entries: u32, goal: Option<f64>) {
    let case = format!("set of a new key, {entries} entries");
    if !bench.wants(&case) {
        return;
    }
    let small = new_keys("the same, 1,000", 1_000, ours(1_000));
    let small = match goal {
        Some(goal) => small.goal(goal),
        None => small,
    };
    let peers = vec![
        small,
        new_keys("bare table and queue", entries, bare(entries)),
        new_keys("bare, 1,000 entries", 1_000, bare(1_000)),
        new_keys("quick_cache", entries, quick(entries)),
        new_keys("moka", entries, moka(entries)),
    ];
    let ours = new_keys("ours", entries, ours(entries));
    if let Some([ours, small, large_bare, small_bare, ..]) = bench.compare(&case, ours, peers).as_deref() {
        let grown = ("1,000, and what the bare one grows by", small + large_bare - small_bare);
        bench.compare_floor(&case, Unit::Ns, *ours, grown, None);
    }
}

fn new_keys<'a>(name: &str, entries: u32, mut set: impl FnMut(u32) + 'a) -> Contender<'a> {
    Contender::each(name, move |n| set(entries.wrapping_add(n as u32)))
}
