//! The text of a failure: what was expected, what came, and where.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use cache_core::{BaseCache, Error, Expiry, Key, Payload, Result};
use conformance_tests::{Mode, Status, Suite};

/// A map without lifetimes, whose `add` overwrites and whose `incr` counts by one too many.
#[derive(Debug, Default)]
struct Wrong(Mutex<HashMap<String, Payload>>);

impl Wrong {
    fn map(&self) -> std::sync::MutexGuard<'_, HashMap<String, Payload>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BaseCache for Wrong {
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        Ok(self.map().get(key.as_str()).cloned())
    }

    fn set(&self, key: Key<'_>, value: Payload, _: Expiry) -> Result<()> {
        self.map().insert(key.to_string(), value);
        Ok(())
    }

    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        self.set(key, value, expiry).map(|()| true)
    }

    fn touch(&self, key: Key<'_>, _: Expiry) -> Result<bool> {
        Ok(self.map().contains_key(key.as_str()))
    }

    fn delete(&self, key: Key<'_>) -> Result<bool> {
        Ok(self.map().remove(key.as_str()).is_some())
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        match self.map().get_mut(key.as_str()) {
            Some(Payload::Int(n)) => {
                *n += delta + 1;
                Ok(*n)
            }
            _ => Err(Error::key_not_found(key.as_str())),
        }
    }

    fn rename(&self, _: Key<'_>, _: Key<'_>) -> Result<bool> {
        Err(Error::storage("it cannot rename"))
    }

    fn clear(&self) -> Result<()> {
        self.map().clear();
        Ok(())
    }
}

fn reason(check: &str) -> String {
    let finished = Suite::new("wrong", |_| Ok(Wrong::default())).check(check, Mode::Sync).unwrap();
    assert_eq!(finished.status, Status::Fail, "{finished:?}");
    finished.reason
}

/// What every failure has, whichever way the check came to it.
#[track_caller]
fn ensure_said(reason: &str, said: &[&str]) {
    for part in ["expected: ", "got:      ", "at:       ", "checked:  ", "usually:  "].iter().chain(said) {
        assert!(reason.contains(part), "{part:?} is missing:\n{reason}");
    }
}

#[test]
fn a_failure_says_what_was_expected_what_came_and_the_usual_cause() {
    // A comparison, with the call that gave the value.
    ensure_said(&reason("I::incr_default_1"), &["cache.incr(\"k\")", "expected: 42", "got:      43"]);
    // A condition alone: it is the expectation.
    ensure_said(&reason("B::add_present_false"), &["expected: `!cache.add(", "it is false"]);
    // An error where none should be.
    ensure_said(&reason("W::moves"), &["that it succeeds", "it cannot rename"]);
    // A lifetime that is not kept.
    ensure_said(&reason("T::half_second"), &["0.5 s"]);
    // The step that does not hold, with its values.
    let suite = Suite::new("wrong", |_| Ok(Wrong::default())).manual_clock();
    let reason = suite.check("T::clock_step", Mode::Sync).unwrap().reason;
    ensure_said(
        &reason,
        &["an entry of three hours, after the wall clock stepped by 3600000 ms", "expected: 2"],
    );
}

/// Every failure of a backend that does everything wrong.
#[test]
fn no_failure_goes_without() {
    let suite = Suite::new("wrong", |_| Ok(Wrong::default())).manual_clock();
    let mut failures = 0;
    for check in Suite::checks().iter().filter(|name| name.starts_with(['B', 'I', 'T', 'W'])) {
        let finished = suite.check(check, Mode::Sync).unwrap();
        if finished.status == Status::Fail {
            ensure_said(&finished.reason, &[check]);
            failures += 1;
        }
    }
    assert!(failures > 20, "{failures}");
}
