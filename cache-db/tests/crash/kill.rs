//! A process killed as one of its system calls begins.

use conformance_tests::faults::{Injection, Strace, effort, record};

use crate::state::Store;
use crate::worker::{Place, of_the_steps};

/// The state after a kill is the one before the step that was begun, or the one after it.
pub(crate) fn at_each_call(strace: &Strace, store: Store) {
    let rows = store.undisturbed().rows;
    let points = of_the_steps(strace.calls(&Place::new(store).worker("022")).unwrap());
    let tries = effort(60, points.len() as u64) as usize;
    let (mut kills, mut problems) = (0, Vec::new());
    for i in 0..tries.min(points.len()) {
        let point = &points[i * points.len() / tries];
        let place = Place::new(store);
        let run = strace.run(&place.worker("022"), &point.name, point.nth, Injection::Kill).unwrap();
        kills += u64::from(run.is_some());
        // The first note is of no step.
        let done = place.said().len().saturating_sub(1).min(rows.len() - 1);
        let either = &rows[done..rows.len().min(done + 2)];
        if let Some(problem) = store.problem(&place.database(), either) {
            problems.push(format!("after {done} steps, at {}: {problem}", point.text));
        }
    }
    let figure =
        format!("{} torn of {kills} kills at {} system calls ({store:?})", problems.len(), points.len());
    record(2, store.backend(), kills, problems.len() as u64, &figure);
    println!("{figure}");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(kills as usize * 10 > tries * 9, "only {kills} of {tries} workers died");
}
