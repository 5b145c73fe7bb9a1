//! A linearizability checker: whether one order of the calls on a key explains what several racers saw. Wing and
//! Gong's search, with Lowe's memory of the states that led nowhere.

use std::collections::HashSet;

/// A call on the key, and what it returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `get`, and the value seen.
    Get(Option<i64>),
    /// `has_key`.
    HasKey(bool),
    /// `set` of the value.
    Set(i64),
    /// `add` of the value, and whether it was stored.
    Add(i64, bool),
    /// `incr` by the delta, and the sum; `None` for "key not found".
    Incr(i64, Option<i64>),
    /// `delete`, and whether the key existed.
    Delete(bool),
    /// `touch`, and whether the key existed.
    Touch(bool),
}

/// A call with the moments at which it began and ended, on one scale for all racers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// What was called, and what it returned.
    pub call: Call,
    /// When it began.
    pub begin: u64,
    /// When it returned.
    pub end: u64,
}

/// The key's next value if the call returns just this on `now`; `None` if it cannot.
fn step(now: Option<i64>, call: Call) -> Option<Option<i64>> {
    match call {
        Call::Get(seen) => (seen == now).then_some(now),
        Call::HasKey(seen) | Call::Touch(seen) => (seen == now.is_some()).then_some(now),
        Call::Set(value) => Some(Some(value)),
        Call::Add(value, true) => now.is_none().then_some(Some(value)),
        Call::Add(_, false) => now.is_some().then_some(now),
        Call::Incr(_, None) => now.is_none().then_some(None),
        Call::Incr(delta, Some(sum)) => (now.map(|now| now + delta) == Some(sum)).then_some(Some(sum)),
        Call::Delete(found) => (found == now.is_some()).then_some(None),
    }
}

/// Whether some order of the calls, in which no call comes before one that had ended when it
/// began, explains every result. The key is absent at first. For up to 64 calls.
#[must_use]
pub fn linearizable(events: &[Event]) -> bool {
    let mut dead_ends = HashSet::new();
    search(events, 0, None, &mut dead_ends)
}

fn search(
    events: &[Event],
    done: u64,
    now: Option<i64>,
    dead_ends: &mut HashSet<(u64, Option<i64>)>,
) -> bool {
    let open = || events.iter().enumerate().filter(|(place, _)| done & (1 << place) == 0);
    let Some(first_end) = open().map(|(_, event)| event.end).min() else { return true };
    if dead_ends.contains(&(done, now)) {
        return false;
    }
    for (place, event) in open() {
        // One that began after another had ended cannot come before it.
        if event.begin > first_end {
            continue;
        }
        if let Some(next) = step(now, event.call)
            && search(events, done | (1 << place), next, dead_ends)
        {
            return true;
        }
    }
    dead_ends.insert((done, now));
    false
}
