//! Writes the report: one JSON object a line, appended to the file that `CONFORMANCE_REPORT` names.

use std::fs::OpenOptions;
use std::io::Write;

use crate::mode::Mode;
use crate::outcome::Finished;
use crate::suite::Suite;

/// Appends one result. A report that cannot be written fails the check: half a report is none.
pub(crate) fn append(suite: &Suite, check: &str, mode: Mode, finished: &Finished) -> std::io::Result<()> {
    let Some(file) = std::env::var_os("CONFORMANCE_REPORT") else { return Ok(()) };
    let line = serde_json::json!({
        "backend": suite.name,
        "observed": suite.observed,
        "check": check,
        "mode": mode.as_str(),
        "status": finished.status.as_str(),
        "reason": finished.reason,
        "ms": u64::try_from(finished.took.as_millis()).unwrap_or(u64::MAX),
    });
    // One write, so that the lines of several processes do not mix.
    OpenOptions::new().create(true).append(true).open(file)?.write_all(format!("{line}\n").as_bytes())
}
