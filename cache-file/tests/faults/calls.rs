//! Every operation, killed at each of its system calls, and with each of them failing.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use cache_core::{BaseCache as _, Clock, ErrorKind};
use conformance_tests::faults::{Injection, Strace, SystemCall, again, effort, mark, record};

use crate::common::dir;
use crate::operations::{OPERATIONS, Operation, named};
use crate::store::Kind;

const ERRORS: [&str; 5] = ["EIO", "ENOSPC", "EINTR", "EMFILE", "EACCES"];

/// What changes anything on a disk. A process killed at another call leaves what it leaves at the next
/// one of these, or at its end.
const CHANGING: [&str; 9] =
    ["openat", "mkdir", "mkdirat", "write", "pwrite64", "ftruncate", "renameat", "renameat2", "unlinkat"];

/// What has to do with memory, signals, threads and users; and `close`, which an injected error keeps from
/// closing, as no real one does.
const NOT_ABOUT_FILES: [&str; 15] = [
    "brk",
    "mmap",
    "munmap",
    "mremap",
    "mprotect",
    "madvise",
    "close",
    "futex",
    "getpid",
    "getrandom",
    "sched_yield",
    "rt_sigprocmask",
    "rt_sigaction",
    "clock_nanosleep",
    "geteuid",
];

/// Longer than any call waits here, and shorter than for a lock.
const SLOW: Duration = Duration::from_secs(3);

/// How a worker ends; a panic is none of these.
const DONE: u8 = 0;
const MISSED: u8 = 1;
const FAILED: u8 = 2;
const ANOTHER_ERROR: u8 = 10;
const LEAKED: u8 = 11;
const TOO_SLOW: u8 = 12;
const BROKEN: u8 = 13;

/// Does one operation with a handle of its own, between two marks, and then all others.
pub(crate) fn work(kind: Kind, operation: &str, dir: &Path) -> ExitCode {
    let operation = named(operation);
    // The clock stands still, because rewriting a deadline would be one more call.
    let (clock, _) = Clock::manual();
    let store = kind.open(dir, |options| options.max_entries(operation.limit).clock(clock));
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let (open, since) = (descriptors(), Instant::now());
    mark();
    let outcome = (operation.run)(&store);
    mark();
    let took = since.elapsed();
    // Apart from the directory, which the handle holds open.
    store.backend.close().unwrap();
    let end = match outcome.map_err(|e| e.kind()) {
        _ if took > SLOW => TOO_SLOW,
        _ if descriptors() != open => LEAKED,
        Ok(done) => [MISSED, DONE][usize::from(done)],
        Err(ErrorKind::KeyNotFound) => MISSED,
        Err(ErrorKind::Storage | ErrorKind::Unavailable) => FAILED,
        Err(_) => ANOTHER_ERROR,
    };
    // The same handle goes on, unless a full store of few would lose what is to be judged.
    ExitCode::from(if operation.limit >= 10 && store.works().is_err() { BROKEN } else { end })
}

pub(crate) fn killed_at_every_call(kind: Kind) {
    let all = effort(0, 1) > 0;
    disturb(
        2,
        kind,
        1,
        |_, call| {
            if all || CHANGING.contains(&call) { vec![Injection::Kill] } else { Vec::new() }
        },
    );
}

pub(crate) fn every_call_fails(kind: Kind) {
    let all = effort(0, 1) > 0;
    disturb(3, kind, effort(3, 1), |place, call| {
        let errors = ERRORS.iter().enumerate().filter(|(n, _)| all || place % ERRORS.len() == *n);
        let about_files = !NOT_ABOUT_FILES.contains(&call);
        errors.filter(|_| about_files).map(|(_, name)| Injection::Error(name)).collect()
    });
}

/// Disturbs every operation at one in `step` of its system calls.
fn disturb(row: u8, kind: Kind, step: u64, injections: impl Fn(usize, &str) -> Vec<Injection>) {
    let strace = match Strace::find() {
        Ok(strace) => strace,
        Err(e) => return eprintln!("skipped: {e}"),
    };
    let (mut tried, mut unreached, mut failures) = (0, 0, Vec::new());
    for operation in OPERATIONS {
        let begun = Begun::new(kind, operation);
        let points = strace.points(&begun.command).unwrap();
        assert!(!points.iter().any(|point| point.name.contains("chmod")), "made so, not changed afterwards");
        let first = fastrand::usize(..step as usize);
        for (place, SystemCall { name: call, nth, .. }) in
            points.iter().enumerate().skip(first).step_by(step as usize)
        {
            for injection in injections(place / step as usize, call) {
                let begun = Begun::new(kind, operation);
                tried += 1;
                let what = match strace.run(&begun.command, call, *nth, injection) {
                    Ok(Some(end)) => begun.judge(end.code(), injection, call, tried % 2 == 0),
                    Ok(None) => {
                        unreached += 1;
                        continue;
                    }
                    Err(e) => Err(e.to_string()),
                };
                if let Err(what) = what {
                    failures.push(format!("{} {call} {nth} {injection:?}: {what}", operation.name));
                }
            }
        }
    }
    let figure = format!(
        "{} bad of {tried} points in {} operations, {unreached} not reached",
        failures.len(),
        OPERATIONS.len()
    );
    record(row, kind.name(), tried, failures.len() as u64, &figure);
    assert!(failures.is_empty(), "{figure}: {failures:#?}");
    assert!(unreached * 50 < tried, "{figure}");
}

/// A store before the operation, and the worker that is to do it.
struct Begun {
    kind: Kind,
    operation: &'static Operation,
    dir: tempfile::TempDir,
    command: Command,
}

impl Begun {
    fn new(kind: Kind, operation: &'static Operation) -> Self {
        let dir = dir();
        (operation.prepare)(&kind.limited(dir.path(), operation.limit));
        let command = again(&crate::job("call", kind, operation.name, dir.path())).unwrap();
        Self { kind, operation, dir, command }
    }

    /// Whether all is well after the worker ended with this code, or was killed.
    fn judge(&self, end: Option<i32>, injection: Injection, call: &str, sweeps: bool) -> Result<(), String> {
        let end = end.and_then(|code| u8::try_from(code).ok());
        let done = end == Some(DONE);
        match end {
            None if injection == Injection::Kill => {}
            Some(DONE | MISSED | FAILED) => {}
            other => return Err(format!("it ended with {other:?}")),
        }
        let Self { kind, operation, dir, .. } = self;
        let store = kind.limited(dir.path(), operation.limit);
        // Who cannot remove a file leaves it to the sweep.
        let left = store.temp_files();
        if injection != Injection::Kill
            && left > 0
            && !call.starts_with("unlink")
            && operation.name != "sweep"
        {
            return Err(format!("{left} temporary files"));
        }
        let files = store.entry_files().len() as u64;
        if files > operation.limit {
            return Err(format!("{files} entries, at most {}", operation.limit));
        }
        // Damage in a young file may be one who writes in place.
        store.age();
        operation.judge(&store, done)?;
        operation.judge_lifetimes(*kind, dir.path(), done)?;
        store.works()?;
        let error = |e: cache_core::Error| e.to_string();
        let purged = if sweeps {
            store.backend.purge_expired().map_err(error)?.unwrap_or_default()
        } else {
            store.cache.clear().map_err(error)?;
            0
        };
        // What these leave behind where they end too soon.
        let may_be_purged = u64::from(matches!(operation.name, "sweep" | "get-what-is-damaged"));
        let (files, left) = (store.entry_files().len() as u64, store.temp_files());
        let counted = store.backend.entries().map_err(error)?;
        if purged > may_be_purged || left > 0 || counted != Some(files) {
            return Err(format!(
                "{purged} expired or damaged, {left} temporary, {files} entries, {counted:?} counted"
            ));
        }
        Ok(())
    }
}
