//! Whether what several racers saw of one key can be explained by one order of their calls:
//! Wing and Gong's search, with Lowe's memory of the states that led nowhere.

use std::collections::HashSet;

/// A call on the key, and what it returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Get(Option<i64>),
    HasKey(bool),
    Set(i64),
    Add(i64, bool),
    /// `None` for "key not found".
    Incr(i64, Option<i64>),
    Delete(bool),
    Touch(bool),
}

/// A call with the moments at which it began and ended, on one scale for all racers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) call: Call,
    pub(super) begin: u64,
    pub(super) end: u64,
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
pub(super) fn linearizable(events: &[Event]) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn history(calls: &[(u64, u64, Call)]) -> Vec<Event> {
        calls.iter().map(|&(begin, end, call)| Event { call, begin, end }).collect()
    }

    #[test]
    fn an_overlap_may_be_taken_either_way() {
        for seen in [None, Some(7)] {
            assert!(linearizable(&history(&[(0, 10, Call::Set(7)), (1, 2, Call::Get(seen))])));
        }
        assert!(!linearizable(&history(&[(0, 1, Call::Set(7)), (2, 3, Call::Get(None))])));
    }

    #[test]
    fn two_winners_of_add_are_refused() {
        let two = [(0, 5, Call::Add(1, true)), (1, 6, Call::Add(2, true))];
        assert!(!linearizable(&history(&two)));
        let with_delete = [two[0], two[1], (2, 4, Call::Delete(true))];
        assert!(linearizable(&history(&with_delete)));
    }

    #[test]
    fn a_lost_update_is_refused() {
        let lost = [(0, 1, Call::Set(0)), (2, 9, Call::Incr(1, Some(1))), (3, 8, Call::Incr(1, Some(1)))];
        assert!(!linearizable(&history(&lost)));
    }

    #[test]
    fn exists_then_incr_is_refused() {
        // The key went between the two: incr made a new one.
        let planted = [
            (0, 1, Call::Set(5)),
            (2, 9, Call::Incr(1, Some(1))),
            (3, 4, Call::Delete(true)),
            (10, 11, Call::Get(Some(1))),
        ];
        assert!(!linearizable(&history(&planted)));
    }

    #[test]
    fn a_read_that_goes_back_is_refused() {
        let back = [
            (0, 1, Call::Set(1)),
            (2, 9, Call::Set(2)),
            (3, 4, Call::Get(Some(2))),
            (5, 6, Call::Get(Some(1))),
        ];
        assert!(!linearizable(&history(&back)));
    }

    #[test]
    fn sixty_calls_of_one_racer_are_quick() {
        let calls: Vec<_> = (0..60).map(|n| (2 * n, 2 * n + 1, Call::Set(1))).collect();
        assert!(linearizable(&history(&calls)));
    }
}
