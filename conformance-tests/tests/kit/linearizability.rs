//! The linearizability checker: what it must refuse, and what it must not.

use conformance_tests::linearizability::{Call, Event, linearizable};

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
    let back =
        [(0, 1, Call::Set(1)), (2, 9, Call::Set(2)), (3, 4, Call::Get(Some(2))), (5, 6, Call::Get(Some(1)))];
    assert!(!linearizable(&history(&back)));
}

#[test]
fn sixty_calls_of_one_racer_are_quick() {
    let calls: Vec<_> = (0..60).map(|n| (2 * n, 2 * n + 1, Call::Set(1))).collect();
    assert!(linearizable(&history(&calls)));
}
