//! A clock that steps by an hour either way: no entry lives longer or shorter by more than the step.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::collections::HashMap;
use std::time::Duration;

use cache_core::{Cache, Clock, Timeout};
use cache_db::DatabaseCache;
use common::{LAYOUTS, build, check, quick_place};
use conformance_tests::faults::{effort, record};

const HOUR_MS: i64 = 3_600_000;

/// What an entry's deadline may differ by: Django's layout has whole seconds.
const ROUNDING_MS: i64 = 1_100;

/// What is known of an entry, in the milliseconds of the wall clock.
struct Entry {
    value: u64,
    deadline: Option<i64>,
    /// The latest the clock has shown since the entry was stored.
    latest: i64,
}

impl Entry {
    /// Whether it must be there; `None` if it may have been swept while the clock was ahead.
    fn is_live(&self, now: i64) -> Option<bool> {
        let Some(deadline) = self.deadline else { return Some(true) };
        match (now < deadline - ROUNDING_MS, self.latest < deadline - ROUNDING_MS) {
            (_, true) => Some(true),
            (false, _) if now > deadline + ROUNDING_MS => Some(false),
            _ => None,
        }
    }
}

/// Says how `cache` differs from what is known.
fn differences(cache: &Cache<DatabaseCache>, known: &HashMap<String, Entry>, now: i64) -> Vec<String> {
    let differs = |(key, entry): (&String, &Entry)| {
        let found = cache.get::<u64>(key).unwrap();
        let is_right = match entry.is_live(now) {
            Some(true) => found == Some(entry.value),
            Some(false) => found.is_none(),
            None => found.is_none_or(|found| found == entry.value),
        };
        (!is_right)
            .then(|| format!("{key} is {found:?}, {:?} ms before its end", entry.deadline.map(|d| d - now)))
    };
    known.iter().filter_map(differs).collect()
}

#[test]
fn steps_of_an_hour_move_deadlines_by_no_more() {
    let steps = effort(60, 3_000);
    for (name, layout) in LAYOUTS {
        let (_dir, path) = quick_place();
        let (clock, hands) = Clock::manual();
        let options = DatabaseCache::builder(&path).layout(*layout).clock(clock.clone());
        let cache = build(options.unlimited());
        let mut known = HashMap::<String, Entry>::new();
        let mut problems = Vec::new();
        for step in 0..steps {
            for n in 0..8 {
                let key = format!("k{}", fastrand::u64(0..100));
                let timeout = [None, Some(60_000), Some(HOUR_MS / 2), Some(3 * HOUR_MS)][n % 4];
                let expiry = timeout.map_or(Timeout::Never, |ms| Duration::from_millis(ms as u64).into());
                let now = clock.wall_ms();
                cache.set(&key, &step, expiry).unwrap();
                let deadline = timeout.map(|ms| now + ms);
                known.insert(key, Entry { value: step, deadline, latest: now });
            }
            // Away and back, or away for good.
            let by = if fastrand::bool() { HOUR_MS } else { -HOUR_MS };
            let and_back = if fastrand::bool() { -by } else { 60_000 };
            for by in [by, and_back] {
                hands.step_wall_ms(by);
                let now = clock.wall_ms();
                known.values_mut().for_each(|entry| entry.latest = entry.latest.max(now));
                problems.extend(differences(&cache, &known, now));
                cache
                    .incr(&format!("n{by}"))
                    .or_else(|_| cache.set(&format!("n{by}"), &1, Timeout::Never).map(|()| 1))
                    .unwrap();
            }
            if step % 10 == 9 {
                cache.purge_expired().unwrap();
            }
        }
        let (whole, rows, counted) = check(&path, name, "cache");
        if whole != "ok" || rows != counted {
            problems.push(format!("{whole}: {rows} rows, counted {counted}"));
        }
        let figure =
            format!("{} entries early or late by more than the step, of {steps} x 2 steps", problems.len());
        record(22, name, steps * 2, problems.len() as u64, &figure);
        assert!(problems.is_empty(), "{name}: {}", problems.join("\n"));
    }
}
