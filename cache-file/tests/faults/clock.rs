//! The wall clock is set forward or back.

use std::collections::HashMap;
use std::time::Duration;

use cache_core::{BaseCache as _, Clock, ErrorKind};
use conformance_tests::faults::{effort, record};

use crate::common::dir;
use crate::store::Kind;

const MINUTE_MS: i64 = 60_000;
const KEYS: usize = 8;

/// What a deadline may be off by: `Capabilities::ttl_resolution`, rounded up.
const RESOLUTION_MS: i64 = 1;

/// Deadlines use the wall clock. So an entry lives until its clock first passes the deadline, and its real
/// lifetime differs from the requested one by no more than the steps.
pub(crate) fn clock_steps(kind: Kind) {
    let steps = effort(150, 5_000);
    let dir = dir();
    let (clock, hands) = Clock::manual();
    // Fewer places than keys: culling goes on as well.
    let store = kind.open(dir.path(), |options| options.max_entries(6).clock(clock.clone()));
    let mut deadlines: HashMap<String, i64> = HashMap::new();
    let (mut failures, mut seen) = (Vec::new(), 0);
    for step in 0..steps {
        hands.step_wall_ms([60, -60][fastrand::usize(..2)] * MINUTE_MS);
        hands.advance(Duration::from_secs(fastrand::u64(..1_500)));
        for _ in 0..6 {
            let key = format!("k{}", fastrand::usize(..KEYS));
            let minutes = fastrand::i64(1..150);
            let timeout = Duration::from_secs(minutes.unsigned_abs() * 60);
            let deadline = clock.wall_ms() + minutes * MINUTE_MS;
            let operation = fastrand::usize(..6);
            let done = match operation {
                0 | 1 => store.cache.set(&key, &7, timeout).map(|()| true),
                2 => store.cache.touch(&key, timeout),
                3 => store.cache.add(&key, &7, timeout),
                4 => store.cache.delete(&key).map(|_| false),
                _ => store.backend.purge_expired().map(|_| false),
            };
            match done {
                Ok(true) => drop(deadlines.insert(key, deadline)),
                Ok(false) if operation == 4 => drop(deadlines.remove(&key)),
                Ok(_) => {}
                Err(e) => failures.push(format!("step {step}: {e}")),
            }
        }
        let now = clock.wall_ms();
        for (key, &deadline) in &deadlines {
            match store.cache.get::<i64>(key) {
                // One that goes by culling is not the clock's affair; one that stays too long is.
                Ok(Some(_)) if now > deadline + RESOLUTION_MS => {
                    failures.push(format!("step {step}: {key} lives {} ms too long", now - deadline));
                }
                Ok(there) => seen += u64::from(there.is_some()),
                Err(e) => failures.push(format!("step {step}: {e}")),
            }
        }
        // Whose clock said that it has expired is gone for good, or will be there again.
        let entries = store.backend.entries().unwrap().unwrap();
        if entries > 6 || store.entry_files().len() as u64 != entries {
            failures.push(format!("step {step}: {entries} entries"));
        }
    }
    failures.extend(no_live_entry_goes(kind));
    let figure =
        format!("{} wrong of {steps} steps of an hour either way, {seen} live entries read", failures.len());
    record(22, kind.name(), steps, failures.len() as u64, &figure);
    assert!(failures.is_empty(), "{figure}: {failures:#?}");
    assert!(seen > steps, "{figure}");
}

/// With room for all entries, every entry that is live by the clock exists after every step, swept or not.
fn no_live_entry_goes(kind: Kind) -> Vec<String> {
    let (dir, mut failures) = (dir(), Vec::new());
    let (clock, hands) = Clock::manual();
    let store = kind.open(dir.path(), |options| options.clock(clock.clone()));
    for (there, lives) in [(90, true), (30, false)] {
        for step in [60, -60] {
            store.cache.clear().unwrap();
            store.cache.set("n", &1, Duration::from_secs(there * 60)).unwrap();
            let before = clock.wall_ms();
            hands.step_wall_ms(step * MINUTE_MS);
            store.backend.purge_expired().unwrap();
            let expected = lives || step < 0;
            let counted = match store.cache.incr("n") {
                Ok(_) => true,
                Err(e) if e.kind() == ErrorKind::KeyNotFound => false,
                Err(e) => panic!("{e}"),
            };
            // Late or early by the step and no more: the deadline is the clock's from before it.
            let left = before + there.cast_signed() * MINUTE_MS + RESOLUTION_MS - clock.wall_ms();
            hands.advance(Duration::from_millis(left.max(0).unsigned_abs()));
            if counted != expected || store.cache.has_key("n").unwrap() {
                failures.push(format!("{there} minutes, a step of {step}: {counted}"));
            }
        }
    }
    failures
}
