//! SIGINT and SIGTERM while `bench` and `conformance` have keys in the store: the keys go with them.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::backends::entries;
use crate::session::Session;

/// Far beyond what it takes on a loaded machine; waiting for less proves nothing.
const LIMIT: Duration = Duration::from_secs(120);

fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < LIMIT, "{what}: not after {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn started(session: &Session, arguments: &[&str]) -> Child {
    let command = &mut session.command(arguments);
    let temporary = session.dir().join("temporary");
    std::fs::create_dir_all(&temporary).unwrap();
    command.env("TMPDIR", temporary).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal).unwrap();
}

/// Runs the command until it has stored something, sends it the signal, and checks that only the earlier entries
/// are left and that the process ended by the signal.
fn interrupted(arguments: &[&str], signal: Signal) {
    let mut session = Session::new();
    let url = format!("sqlite://{}/cache.db?max_entries=unlimited", session.dir().display());
    session.before(&["--url", &url]);
    assert_eq!(session.run(&["set", "kept", "1"], "").2, 0);
    let mut child = started(&session, arguments);
    wait_until("keys are in the store", || {
        assert!(child.try_wait().unwrap().is_none(), "{arguments:?} ended by itself");
        entries(&session) > 1
    });
    send(&child, signal);
    wait_until("the process has ended", || child.try_wait().unwrap().is_some());
    let ended = child.wait_with_output().unwrap();
    let errors = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.signal(), Some(signal.as_raw()), "{arguments:?}: {errors}");
    assert!(errors.contains("interrupted"), "{errors}");
    assert_eq!(entries(&session), 1, "{arguments:?} left keys behind: {errors}");
    assert_eq!(session.run(&["get", "kept"], "").0, "1\n");
    let left: Vec<_> = std::fs::read_dir(session.dir().join("temporary")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn bench() {
    for signal in [Signal::INT, Signal::TERM] {
        interrupted(&["bench", "--seconds", "600", "--threads", "2"], signal);
    }
}

#[cfg(feature = "conformance")]
#[test]
fn conformance() {
    for signal in [Signal::INT, Signal::TERM] {
        interrupted(&["conformance", "B::", "F::", "C::"], signal);
    }
}

#[test]
fn an_error_of_bench_removes_its_keys_too() {
    let mut session = Session::new();
    let url = format!("sqlite://{}/cache.db?max_entries=unlimited", session.dir().display());
    session.before(&["--url", &url]);
    assert_eq!(session.run(&["set", "kept", "1"], "").2, 0);
    // SQLite cannot hold a value of this size and refuses the first set; by then the counters exist.
    let (_, errors, status) = session.run(&["bench", "--size", "1100000000", "--seconds", "0.01"], "");
    assert_ne!(status, 0, "{errors}");
    assert_eq!(entries(&session), 1);
}

#[test]
fn the_second_signal_ends_it_at_once() {
    let mut session = Session::new();
    // A store that answers nothing: the call in flight has its time limit, and the keys cannot be removed.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url =
        format!("memcached://{}?operation_timeout=600&connect_timeout=600", listener.local_addr().unwrap());
    session.before(&["--url", &url]);
    let mut child = started(&session, &["bench", "--seconds", "600"]);
    let (_stream, _) = listener.accept().unwrap();
    // It may not listen to signals yet: then the first ends it.
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < LIMIT, "it goes on");
        send(&child, Signal::INT);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(child.wait().unwrap().signal(), Some(Signal::INT.as_raw()));
}
