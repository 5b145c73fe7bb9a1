//! [`until_ok`]: patience with a machine that is busy.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// How long something may go on failing that has to succeed at last.
const PATIENCE: Duration = Duration::from_secs(30);

/// Calls until it succeeds, and returns what it returned.
///
/// # Panics
/// With the last error, after half a minute of them.
pub fn until_ok<T, E: Debug>(mut call: impl FnMut() -> Result<T, E>) -> T {
    let begun = Instant::now();
    loop {
        match call() {
            Ok(done) => return done,
            Err(e) => assert!(begun.elapsed() < PATIENCE, "for {PATIENCE:?} it failed: {e:?}"),
        }
    }
}
