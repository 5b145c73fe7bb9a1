//! The memory store's rows of the table of faults: races, clock steps, and writes without end.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use cache_core::{BaseCache, Cache, Clock, ManualClock, Timeout};
use cache_locmem::{Eviction, LocMemCache, LocMemCacheBuilder};
use conformance_tests::faults::{effort, in_own_process, record};

const THREADS: u64 = 8;
const EVICTIONS: [Eviction; 2] = [Eviction::Lru, Eviction::S3Fifo];

fn open(options: LocMemCacheBuilder) -> Cache<LocMemCache> {
    Cache::new(options.build().unwrap())
}

fn entries(cache: &Cache<LocMemCache>) -> u64 {
    cache.backend().entries().unwrap().unwrap()
}

/// Waits until all threads have come to this round, spinning: a barrier would wake one after another.
fn gather(arrived: &AtomicU64, round: u64) {
    arrived.fetch_add(1, Ordering::SeqCst);
    let mut spins = 0_u32;
    while arrived.load(Ordering::SeqCst) < THREADS * round {
        spins += 1;
        if spins.is_multiple_of(200) {
            thread::yield_now();
        } else {
            std::hint::spin_loop();
        }
    }
}

#[test]
fn eight_threads_count_exactly() {
    let rounds = effort(20, 1_000);
    let mut wrong = 0;
    let cache = open(LocMemCache::builder().unlimited());
    for round in 0..rounds {
        let (key, arrived) = (format!("n{round}"), AtomicU64::new(0));
        cache.set(&key, &0, Timeout::Never).unwrap();
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    gather(&arrived, 1);
                    for _ in 0..1_000 {
                        cache.incr(&key).unwrap();
                    }
                });
            }
        });
        wrong += u64::from(cache.get(&key).unwrap() != Some(8 * 1_000));
    }
    record(8, "locmem", rounds, wrong, &format!("{wrong} wrong sums of 8 threads x 1,000 incr"));
    assert_eq!(wrong, 0);
}

#[test]
fn eight_threads_that_add_have_one_winner() {
    /// One after another without a pause: threads that wait for the same lock stay side by side.
    const BUNCH: usize = 32;
    let rounds = effort(60_000, 600_000);
    let cache = open(LocMemCache::builder().unlimited());
    let arrived = AtomicU64::new(0);
    let keys: Vec<String> = (0..rounds).map(|round| format!("k{round}")).collect();
    let winners: Vec<AtomicU64> = keys.iter().map(|_| AtomicU64::new(0)).collect();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for (bunch, (keys, winners)) in (1..).zip(keys.chunks(BUNCH).zip(winners.chunks(BUNCH))) {
                    gather(&arrived, bunch);
                    for (key, winners) in keys.iter().zip(winners) {
                        let won = cache.add(key, &bunch, Timeout::Never).unwrap();
                        winners.fetch_add(u64::from(won), Ordering::SeqCst);
                    }
                }
            });
        }
    });
    let wrong = winners.iter().filter(|winners| winners.load(Ordering::SeqCst) != 1).count() as u64;
    record(9, "locmem", rounds, wrong, &format!("{wrong} rounds without one winner of 8 threads"));
    assert_eq!(wrong, 0);
}

/// One call of a long sequence, the same for the same number, and what it returned.
fn call(cache: &Cache<LocMemCache>, hands: &ManualClock, random: &mut Random) -> String {
    let key = format!("k{}", random.below(12));
    let lifetime = match random.below(4) {
        0 => Timeout::Never,
        n => Duration::from_secs(40 * 60 * n).into(),
    };
    match random.below(10) {
        0 | 1 => format!("{:?}", cache.set(&key, &random.below(100), lifetime)),
        2 => format!("{:?}", cache.add(&key, &1, lifetime)),
        3 => format!("{:?}", cache.touch(&key, lifetime)),
        4 => format!("{:?}", cache.incr(&key).map_err(|e| e.kind())),
        5 => format!("{:?}", cache.delete(&key)),
        6 => format!("{:?}", cache.has_key(&key)),
        7 => format!("{:?}", cache.get_or_set(&key, lifetime, || 7)),
        8 => format!("{:?}", cache.get::<u64>(&key)),
        _ => {
            hands.advance(Duration::from_secs(random.below(1_200)));
            format!("{:?}", cache.get_many::<u64, _>(["k1", "k2", "k3"]))
        }
    }
}

#[test]
fn steps_of_the_clock_change_nothing() {
    const HOUR_MS: i64 = 3_600_000;
    let calls = effort(20_000, 1_000_000);
    let mut differ = 0;
    for eviction in EVICTIONS {
        let stores = || {
            let (clock, hands) = Clock::manual();
            // Room for all keys: which of several goes depends on the store's random hash.
            (open(LocMemCache::builder().max_entries(16).eviction(eviction).clock(clock)), hands)
        };
        let ((steady, steady_hands), (stepped, stepped_hands)) = (stores(), stores());
        let (mut one, mut other, mut steps) = (Random(1), Random(1), Random(2));
        for _ in 0..calls {
            match steps.below(3) {
                0 => stepped_hands.step_wall_ms(HOUR_MS),
                1 => stepped_hands.step_wall_ms(-HOUR_MS),
                _ => {}
            }
            let expected = call(&steady, &steady_hands, &mut one);
            differ += u64::from(call(&stepped, &stepped_hands, &mut other) != expected);
        }
    }
    let figure = format!("{differ} calls that differ from those without steps of an hour");
    record(22, "locmem", 2 * calls, differ, &figure);
    assert_eq!(differ, 0);
}

/// The memory that is looked at is the whole process's.
#[test]
fn writes_without_end_stay_within_the_limit() {
    in_own_process("writes_without_end_stay_within_the_limit", write_without_end);
}

/// Writers that never stop, with lifetimes or without, and one thread that watches the bound.
fn write_without_end() {
    let writes = effort(60_000, 3_000_000);
    for eviction in EVICTIONS {
        for max_entries in [1, 300, 4_000] {
            let cache = open(LocMemCache::builder().max_entries(max_entries).eviction(eviction));
            let (done, most) = (AtomicBool::new(false), AtomicU64::new(0));
            let before = resident_pages();
            thread::scope(|scope| {
                let watch = scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        most.fetch_max(entries(&cache), Ordering::Relaxed);
                    }
                });
                let writers: Vec<_> = (0..4)
                    .map(|writer| {
                        let (cache, most) = (&cache, &most);
                        scope.spawn(move || {
                            for n in 0..writes / 4 {
                                let key = format!("w{writer}-{n}");
                                let lifetime = match n % 3 {
                                    0 => Duration::from_millis(n % 7).into(),
                                    1 => Duration::from_secs(3_600).into(),
                                    _ => Timeout::Never,
                                };
                                match n % 4 {
                                    0 => assert!(cache.add(&key, &[n; 8], lifetime).unwrap()),
                                    // One key whose deadline moves for ever.
                                    1 => drop(cache.touch("hot", Duration::from_secs(n))),
                                    2 => drop(cache.incr_version(&format!("w{writer}-{}", n - 1))),
                                    _ => cache.set(&key, &[n; 8], lifetime).unwrap(),
                                }
                                cache.set("hot", &n, Timeout::Never).unwrap();
                                most.fetch_max(entries(cache), Ordering::Relaxed);
                            }
                        })
                    })
                    .collect();
                for writer in writers {
                    writer.join().unwrap();
                }
                done.store(true, Ordering::Relaxed);
                watch.join().unwrap();
            });
            let most = most.into_inner();
            let grown = resident_pages().saturating_sub(before) * 4;
            let failures = u64::from(most > max_entries || grown > 16 << 10);
            let figure = format!("{eviction:?}: at most {most} of {max_entries} entries, {grown} KiB more");
            record(29, "locmem", writes, failures, &figure);
            assert!(most <= max_entries, "{figure}");
            // 4,000 entries of some 300 bytes, the deadlines left behind, and what the allocator keeps.
            assert!(grown <= 16 << 10, "{figure}");
        }
    }
}

/// This process's pages in memory; 0 where the system does not say.
fn resident_pages() -> u64 {
    let said = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    said.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0)
}

/// Numbers in no order, the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}
