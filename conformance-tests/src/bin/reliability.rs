//! Makes docs/results/reliability.md for `scripts/faults`: `reliability REPORT` prints the text of
//! `conformance-tests/reliability.md.in`, with what a report of the fault kit says in its places; `reliability
//! --short REPORT` prints a line for each row of the table. Both fail where a row has a failure, and say which was not
//! tried: without strace, or the right to mount, some are left out. What others than this project's backends recorded,
//! such as an example's, belongs to no row; they are named.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what it prints is its result")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::process::ExitCode;

use serde::Deserialize;

const TEMPLATE: &str = include_str!("../../reliability.md.in");

/// The rows of the table of faults.
const ROWS: std::ops::RangeInclusive<u8> = 1..=34;

/// Whose rows they are. "async" follows the name of a half alone.
const BACKENDS: [&str; 12] = [
    "core",
    "pickle",
    "net",
    "locmem",
    "locmem-s3fifo",
    "file",
    "file-django",
    "db",
    "db-django",
    "memcached",
    "memcached-three",
    "redis",
];

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Run { run: String },
    Tried(Tried),
}

/// What came of trying a row on a backend.
#[derive(Debug, Deserialize)]
struct Tried {
    row: u8,
    backend: String,
    tried: u64,
    failures: u64,
    figure: String,
}

impl Tried {
    fn is_ours(&self) -> bool {
        BACKENDS.contains(&self.backend.strip_suffix(" async").unwrap_or(&self.backend))
    }
}

#[derive(Debug, Default)]
struct Report {
    run: String,
    rows: BTreeMap<u8, Vec<Tried>>,
    /// Backends that are none of this project's.
    others: BTreeSet<String>,
}

impl Report {
    fn parse(lines: &str) -> serde_json::Result<Self> {
        let mut report = Self::default();
        for line in lines.lines().filter(|line| !line.trim().is_empty()) {
            match serde_json::from_str(line)? {
                Line::Run { run } => report.run = run,
                Line::Tried(tried) if tried.is_ours() => {
                    report.rows.entry(tried.row).or_default().push(tried);
                }
                Line::Tried(tried) => drop(report.others.insert(tried.backend)),
            }
        }
        for tried in report.rows.values_mut() {
            tried.sort_by(|one, other| one.backend.cmp(&other.backend));
        }
        Ok(report)
    }

    fn of(&self, row: u8) -> &[Tried] {
        self.rows.get(&row).map_or(&[], Vec::as_slice)
    }

    fn not_tried(&self) -> impl Iterator<Item = u8> {
        ROWS.filter(|row| self.of(*row).is_empty())
    }

    /// What does not hold.
    fn failures(&self) -> Vec<String> {
        let failed = self.rows.values().flatten().filter(|tried| tried.failures > 0);
        failed
            .map(|t| format!("row {} on {}: {} failures, {}", t.row, t.backend, t.failures, t.figure))
            .collect()
    }
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

fn table(tried: &[Tried]) -> String {
    if tried.is_empty() {
        return "Not tried in this run.\n".to_owned();
    }
    let line = |t: &Tried| {
        let figure = t.figure.replace('|', "\\|");
        format!("| {} | {} | {} | {figure} |\n", t.backend, grouped(t.tried), t.failures)
    };
    let lines: String = tried.iter().map(line).collect();
    format!("| tried on | times | failures | measured |\n|---|--:|--:|---|\n{lines}")
}

/// The page: a line `{{row N}}` stands for the table of a row, `{{run}}` for what the run was.
fn page(template: &str, report: &Report) -> Result<String, Box<dyn Error>> {
    let mut page = String::new();
    for line in template.lines() {
        match line.strip_prefix("{{").and_then(|line| line.strip_suffix("}}")) {
            None => page.extend([line, "\n"]),
            Some("run") => page.extend([report.run.as_str(), "\n"]),
            Some(place) => {
                let row = place.strip_prefix("row ").and_then(|row| row.parse().ok());
                page.push_str(&table(report.of(row.ok_or_else(|| format!("what is {line}?"))?)));
            }
        }
    }
    Ok(page)
}

fn short(report: &Report) -> String {
    let line = |row| {
        let tried = report.of(row);
        let times: u64 = tried.iter().map(|t| t.tried).sum();
        let failures: u64 = tried.iter().map(|t| t.failures).sum();
        let mut backends: Vec<&str> = tried.iter().map(|t| t.backend.as_str()).collect();
        backends.dedup();
        format!("row {row:>2}: {:>12} tried, {failures} failures; {}\n", grouped(times), backends.join(", "))
    };
    ROWS.map(line).collect()
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let read = |path: &str| -> Result<Report, Box<dyn Error>> {
        Ok(Report::parse(&std::fs::read_to_string(path)?)?)
    };
    let report = match args[..] {
        ["--short", path] => {
            let report = read(path)?;
            print!("{}", short(&report));
            report
        }
        [path] => {
            let report = read(path)?;
            print!("{}", page(TEMPLATE, &report)?);
            report
        }
        _ => return Err("reliability [--short] REPORT".into()),
    };
    report.others.iter().for_each(|other| eprintln!("left out: {other}"));
    report.not_tried().for_each(|row| eprintln!("row {row} was not tried"));
    let failures = report.failures();
    failures.iter().for_each(|failure| eprintln!("{failure}"));
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const REPORT: &str = r#"
{"run":"the long form"}
{"row":4,"backend":"file","tried":1234567,"failures":0,"figure":"a|b"}
{"row":4,"backend":"db","tried":10,"failures":2,"figure":"c"}
"#;

    #[test]
    fn places_are_filled_in_order_of_backends() {
        let report = Report::parse(REPORT).unwrap();
        let page = page("# Title\n{{run}}\n{{row 4}}\n{{row 5}}\n", &report).unwrap();
        assert_eq!(
            page,
            "# Title\nthe long form\n| tried on | times | failures | measured |\n|---|--:|--:|---|\n\
             | db | 10 | 2 | c |\n| file | 1,234,567 | 0 | a\\|b |\nNot tried in this run.\n"
        );
        assert!(super::page("{{rows}}\n", &report).is_err());
        assert!(Report::parse("{\"row\":1}\n").is_err());
    }

    #[test]
    fn failures_and_what_was_not_tried_are_seen() {
        let report = Report::parse(REPORT).unwrap();
        assert_eq!(report.failures(), ["row 4 on db: 2 failures, c"]);
        assert!(report.not_tried().eq((1..=3).chain(5..=*ROWS.end())));
    }

    #[test]
    fn what_is_not_of_this_project_is_left_out() {
        let line = |backend| {
            format!("{{\"row\":8,\"backend\":\"{backend}\",\"tried\":1,\"failures\":1,\"figure\":\"\"}}\n")
        };
        let report = Report::parse(&["custom", "redis async", "redis twice"].map(line).concat()).unwrap();
        assert_eq!(report.of(8).len(), 1);
        assert!(report.others.iter().eq(["custom", "redis twice"]));
    }

    #[test]
    fn the_template_has_a_place_for_every_row() {
        for row in ROWS {
            assert_eq!(TEMPLATE.matches(&format!("\n{{{{row {row}}}}}\n")).count(), 1, "row {row}");
        }
        page(TEMPLATE, &Report::default()).unwrap();
    }
}
