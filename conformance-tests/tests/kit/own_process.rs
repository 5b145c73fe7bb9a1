//! Tests that measure a process run in one of their own.

use std::fs::File;
use std::panic::catch_unwind;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use conformance_tests::faults::in_own_process;
use conformance_tests::{Mode, Status, Suite};

/// Threads and open files of this process, where the system tells.
fn threads_and_files() -> Option<(usize, usize)> {
    let count = |dir: &str| std::fs::read_dir(dir).ok().map(Iterator::count);
    Some((count("/proc/self/task")?, count("/proc/self/fd")?))
}

/// The other tests of this program are played by threads that wait and files that stay open.
#[test]
fn what_other_tests_hold_is_not_counted() {
    let (_release, held) = mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let hold = || {
        let held = Arc::clone(&held);
        // Waits until `_release` is dropped.
        thread::spawn(move || held.lock().unwrap().recv().is_err())
    };
    let _others: Vec<_> = if is_worker() { Vec::new() } else { (0..40).map(|_| hold()).collect() };
    let _files: Vec<_> =
        if is_worker() { Vec::new() } else { (0..40).map(|_| File::open("/dev/null").unwrap()).collect() };
    in_own_process("own_process::what_other_tests_hold_is_not_counted", || {
        let Some((threads, files)) = threads_and_files() else { return };
        // The main thread and the test's; the standard streams, the directory that is listed, and what the
        // program inherited.
        assert!(threads <= 2 && files <= 20, "{threads} threads, {files} files");
    });
}

fn is_worker() -> bool {
    conformance_tests::faults::job().is_some()
}

#[test]
fn a_failure_in_its_own_process_fails_the_test() {
    let failed = catch_unwind(|| {
        in_own_process("own_process::a_failure_in_its_own_process_fails_the_test", || {
            panic!("a planned panic")
        });
    });
    let text = failed.unwrap_err().downcast::<String>().unwrap();
    assert!(text.contains("a planned panic"), "{text}");
}

#[test]
fn a_name_that_no_test_has_is_a_failure() {
    let failed = catch_unwind(|| in_own_process("own_process::no_such_test", || ()));
    let text = failed.unwrap_err().downcast::<String>().unwrap();
    assert!(text.contains("expected that the test own_process::no_such_test runs"), "{text}");
}

/// A program that has not asked whether it is a worker would run all of itself again.
#[test]
fn a_program_that_does_no_work_for_others_starts_none() {
    let suite = Suite::new("locmem", |_| cache_locmem::LocMemCache::builder().build());
    let finished = suite.check("L::drop_releases_fds", Mode::Sync).unwrap();
    assert_eq!(finished.status, Status::Fail);
    assert!(finished.reason.contains("call Suite::work_if_worker first"), "{}", finished.reason);
}
