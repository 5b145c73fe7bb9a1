//! `bench`: measures what the common operations cost, from here to the store and back.

use std::time::{Duration, Instant};

use cache_core::{Cache, Timeout};
use serde_json::json;

use crate::answer::{Answer, CommandResult};
use crate::cli::Bench;
use crate::failure::{Failure, Result};
use crate::open::Chosen;
use crate::signals::Interrupt;

/// The number of keys of each thread.
const KEYS: usize = 100;

/// How many call times are kept per thread. Later calls are only counted.
const MOST_TIMES: usize = 1_000_000;

/// What stays behind after a kill is gone by then.
const LIFETIME: Timeout = Timeout::After(Duration::from_secs(600));

/// One call, with the keys of its thread and its own number.
type Call = fn(&Cache, &[String], usize, &[u8]) -> cache_core::Result<()>;

/// Each by its name for people and by that for programs.
const CALLS: [(&str, &str, Call); 6] = [
    ("set", "set", |cache, keys, n, value| cache.set_bytes(&keys[n % KEYS], value.to_vec(), LIFETIME)),
    ("get", "get", |cache, keys, n, _| cache.get_bytes(&keys[n % KEYS]).map(drop)),
    ("get, a miss", "get_miss", |cache, keys, _, _| cache.get_bytes(&keys[KEYS]).map(drop)),
    ("has-key", "has_key", |cache, keys, n, _| cache.has_key(&keys[n % KEYS]).map(drop)),
    ("touch", "touch", |cache, keys, n, _| cache.touch(&keys[n % KEYS], LIFETIME).map(drop)),
    ("incr", "incr", |cache, keys, _, _| cache.incr(&keys[KEYS + 1]).map(drop)),
];

/// The times of an operation's calls.
struct Measured {
    name: &'static str,
    key: &'static str,
    times: Times,
}

struct Times {
    calls: usize,
    took: Duration,
    times: Vec<Duration>,
}

pub(super) fn bench(chosen: &Chosen, bench: Bench) -> CommandResult {
    let limit = Duration::try_from_secs_f64(bench.seconds).ok().filter(|limit| !limit.is_zero());
    let limit = limit.ok_or_else(|| Failure::wrong("--seconds must be a number above zero"))?;
    let cache = chosen.cache()?;
    let value = vec![b'x'; bench.size as usize];
    let run = fastrand::u64(..);
    let of_thread = |thread| (0..KEYS + 2).map(move |n| format!("cachectl-bench-{run:016x}-{thread}-{n}"));
    let keys: Vec<Vec<String>> = (0..bench.threads).map(|thread| of_thread(thread).collect()).collect();
    let interrupt = Interrupt::listen()?;
    let measured = measure_all(&cache, &keys, &value, limit, &interrupt);
    // Whatever happened: a signal ends what is measured, and not before the keys are gone.
    let removed = cache.delete_many(keys.iter().flatten());
    let measured = measured?;
    removed?;
    match interrupt.failure() {
        Some(failure) => Err(failure),
        None => Ok(report(measured)),
    }
}

fn measure_all(
    cache: &Cache,
    keys: &[Vec<String>],
    value: &[u8],
    limit: Duration,
    interrupt: &Interrupt,
) -> Result<Vec<Measured>> {
    for keys in keys {
        cache.set(&keys[KEYS + 1], &0, LIFETIME)?;
    }
    let mut all = Vec::new();
    for (name, key, call) in CALLS {
        all.push(Measured { name, key, times: measure(cache, keys, value, limit, interrupt, call)? });
    }
    Ok(all)
}

fn measure(
    cache: &Cache,
    keys: &[Vec<String>],
    value: &[u8],
    limit: Duration,
    interrupt: &Interrupt,
    call: Call,
) -> Result<Times> {
    let start = Instant::now();
    let one = |keys: &[String]| -> cache_core::Result<(usize, Vec<Duration>)> {
        let (mut calls, mut times) = (0, Vec::new());
        loop {
            let before = start.elapsed();
            if (before >= limit && calls > 0) || interrupt.came() {
                return Ok((calls, times));
            }
            call(cache, keys, calls, value)?;
            if times.len() < MOST_TIMES {
                times.push(start.elapsed().saturating_sub(before));
            }
            calls += 1;
        }
    };
    let one = &one;
    let threads: cache_core::Result<Vec<_>> = std::thread::scope(|scope| {
        let started: Vec<_> = keys.iter().map(|keys| scope.spawn(move || one(keys))).collect();
        let ended = started.into_iter().map(|thread| thread.join());
        ended.map(|done| done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    let took = start.elapsed();
    let threads = threads?;
    let calls = threads.iter().map(|(calls, _)| calls).sum();
    let mut times: Vec<Duration> = threads.into_iter().flat_map(|(_, times)| times).collect();
    times.sort_unstable();
    Ok(Times { calls, took, times })
}

#[allow(clippy::cast_precision_loss, reason = "measurements")]
fn report(measured: Vec<Measured>) -> Answer {
    let mut lines = vec![format!("{:<12} {:>12} {:>12} {:>12}", "", "calls/s", "median µs", "99 % µs")];
    let mut json = serde_json::Map::new();
    for Measured { name, key, times: Times { calls, took, times } } in measured {
        let rate = calls as f64 / took.as_secs_f64();
        let at = |percent: usize| {
            let time = times.get(times.len() * percent / 100).copied().unwrap_or_default();
            time.as_nanos() as f64 / 1_000.0
        };
        let (median, most) = (at(50), at(99));
        lines.push(format!("{name:<12} {rate:>12.0} {median:>12.1} {most:>12.1}"));
        let figures = json!({ "calls_per_second": rate.round(), "median_us": median, "p99_us": most });
        json.insert(key.to_owned(), figures);
    }
    Answer::done(lines, json.into())
}
