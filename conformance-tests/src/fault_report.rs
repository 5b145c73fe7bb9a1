//! [`record`]: writes what came of a fault to the report of faults.

use std::fs::OpenOptions;
use std::io::Write as _;

/// Appends `{"row","backend","tried","failures","figure"}` as a line to the file that
/// `FAULTS_REPORT` names; nothing without that variable. `row` is the fault's number in the table,
/// `backend` the name of what was tried, with "async" after it for that half alone. Call it before
/// the assertion, so that a failure is in the report too.
///
/// # Panics
/// When the file cannot be written: half a report is none.
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
pub fn record(row: u8, backend: &str, tried: u64, failures: u64, figure: &str) {
    let Some(file) = std::env::var_os("FAULTS_REPORT") else { return };
    let line = serde_json::json!({
        "row": row, "backend": backend, "tried": tried, "failures": failures, "figure": figure,
    });
    // One write, so that the lines of several processes do not mix.
    let written = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&file)
        .and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
    written.expect("the file that FAULTS_REPORT names");
}
