//! [`Report`]: the lines of a report, read.

use benches::Row;
use serde::{Deserialize, Serialize};

/// A line of a report: one of the harness, of this program, or of `scripts/build-costs`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Line {
    Machine { machine: Vec<(String, String)> },
    Build { build: Build },
    Binary { binary: Binary },
    Row(Row),
}

/// What it takes to build a backend's crate in an empty target directory.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Build {
    pub(crate) name: String,
    /// How many crates are in it, itself included.
    pub(crate) crates: u32,
    pub(crate) seconds: f64,
}

/// The size of a stripped program.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Binary {
    pub(crate) name: String,
    pub(crate) profile: String,
    pub(crate) bytes: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) machine: Vec<(String, String)>,
    pub(crate) rows: Vec<Row>,
    pub(crate) builds: Vec<Build>,
    pub(crate) binaries: Vec<Binary>,
}

impl Report {
    pub(crate) fn parse(lines: &str) -> serde_json::Result<Self> {
        let mut report = Self::default();
        for line in lines.lines().filter(|line| !line.trim().is_empty()) {
            match serde_json::from_str(line)? {
                Line::Machine { machine } => report.machine = machine,
                Line::Build { build } => report.builds.push(build),
                Line::Binary { binary } => report.binaries.push(binary),
                Line::Row(row) => report.rows.push(row),
            }
        }
        Ok(report)
    }
}
