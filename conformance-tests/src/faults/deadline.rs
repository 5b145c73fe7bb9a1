//! [`in_time`]: fails a test whose call hangs past a deadline.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// More than any call takes on a loaded machine.
const LONGEST: Duration = Duration::from_secs(120);

/// Runs `call` on a thread of its own.
///
/// # Panics
/// If it panics, and where it has not ended after two minutes: with `what` in the text.
#[allow(clippy::panic, reason = "a test fails by panicking")]
pub fn in_time<R: Send + 'static>(what: &str, call: impl FnOnce() -> R + Send + 'static) -> R {
    let (said, hears) = mpsc::channel();
    // Not joined: one that hangs must not keep its test from ending.
    thread::spawn(move || said.send(catch_unwind(AssertUnwindSafe(call))));
    match hears.recv_timeout(LONGEST) {
        Ok(Ok(done)) => done,
        Ok(Err(panic)) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            match text.or_else(|| panic.downcast_ref::<&str>().copied()) {
                Some(text) => panic!("{what} panics: {text}"),
                None => resume_unwind(panic),
            }
        }
        Err(_) => panic!("{what} hangs: it has not ended after {LONGEST:?}"),
    }
}
