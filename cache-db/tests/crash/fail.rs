//! One system call that does nothing and fails.

use conformance_tests::faults::{Injection, Strace, SystemCall, effort, record};

use crate::state::{Store, Undisturbed};
use crate::steps::WORKS;
use crate::worker::{FAILED, Place, of_the_steps};

const ERRORS: [&str; 5] = ["EIO", "ENOSPC", "EINTR", "EMFILE", "EACCES"];

/// What concerns memory alone, what cannot fail, and the randomness for which the standard library panics.
const SPARED: [&str; 10] = [
    "brk",
    "getrandom",
    "clock_nanosleep",
    "exit_group",
    "futex",
    "getpid",
    "geteuid",
    "madvise",
    "munmap",
    "sched_yield",
];

/// One of this many lock releases is tried. A disk does not make a release fail, and SQLite then waits 10 s.
const UNLOCKS: u64 = 32;

fn can_fail(call: &SystemCall) -> bool {
    if call.text.contains("F_UNLCK") && !call.nth.is_multiple_of(UNLOCKS) {
        return false;
    }
    !SPARED.contains(&call.name.as_str()) && !call.text.contains("MAP_ANONYMOUS")
}

/// A step does what it should, or fails with a typed error and the handle works after it.
pub(crate) fn each_call(strace: &Strace, store: Store) {
    let undisturbed = store.undisturbed();
    let mut points = of_the_steps(strace.calls(&Place::new(store).worker("022")).unwrap());
    points.retain(can_fail);
    let pairs = points.len() * ERRORS.len();
    let tries = effort(60, pairs as u64) as usize;
    let (mut faults, mut seen, mut problems) = (0, 0, Vec::new());
    for i in 0..tries.min(pairs) {
        let (point, error) = (&points[i * points.len() / tries], ERRORS[i % ERRORS.len()]);
        let place = Place::new(store);
        let run = strace.run(&place.worker("022"), &point.name, point.nth, Injection::Error(error));
        let problem = match run {
            Ok(None) => continue,
            Ok(Some(end)) if !end.success() => Some(format!("{end}, after {:?}", place.said().last())),
            Ok(Some(_)) => look(store, &place, point, &undisturbed, &mut seen),
            Err(e) => Some(e.to_string()),
        };
        faults += 1;
        problems.extend(problem.map(|problem| format!("{error} at {}: {problem}", point.text)));
    }
    let figure = format!(
        "{} wrong, hanging or leaking of {faults} failed calls, {seen} of them seen as typed errors ({store:?})",
        problems.len()
    );
    record(3, store.backend(), faults, problems.len() as u64, &figure);
    println!("{figure}");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(
        seen > 0 && faults as usize * 10 > tries * 9,
        "only {faults} of {tries} calls failed, {seen} seen"
    );
}

fn look(
    store: Store,
    place: &Place,
    point: &SystemCall,
    undisturbed: &Undisturbed,
    seen: &mut u64,
) -> Option<String> {
    let notes = place.said();
    let is_same = |(note, said): &(&String, &String)| note == said;
    let done = notes[1..].iter().zip(&undisturbed.said).take_while(is_same).count();
    let mut rest = notes[1 + done..].iter().map(String::as_str);
    let either = match rest.next()? {
        "end" => &undisturbed.rows[done..],
        failed if failed.starts_with(FAILED) => {
            *seen += 1;
            match rest.next() {
                Some(WORKS) => {}
                other => return Some(format!("step {done}: {failed}, then {other:?}")),
            }
            rest.next();
            &undisturbed.rows_afterwards[done..done + 2]
        }
        other => {
            return Some(format!("step {done} said {other:?}, and not {:?}", undisturbed.said.get(done)));
        }
    };
    // A close that does nothing leaves its file open.
    match rest.next() {
        Some("0 files left open") => {}
        Some("1 files left open") if point.name == "close" => {}
        other => return Some(format!("{other:?}")),
    }
    store.problem(&place.database(), either)
}
