//! Python as the judge.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "each test uses a part, says when it is skipped, and fails by panicking"
)]

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::process::{Command, Stdio};

pub(crate) struct Case {
    json: String,
}

impl Case {
    /// Python is to find what Rust wrote equal to its own pickle, in hexadecimal digits.
    pub(crate) fn of_pickle(name: impl Into<String>, rust: &[u8], python: &str) -> Self {
        let name = name.into();
        let json = serde_json::json!({ "name": name, "rust": digits(rust), "python": python }).to_string();
        Self { json }
    }

    /// The same for an expression.
    pub(crate) fn of_expression(expression: &str, rust: &[u8]) -> Self {
        let name = expression.chars().take(60).collect::<String>();
        let json =
            serde_json::json!({ "name": name, "rust": digits(rust), "expression": expression }).to_string();
        Self { json }
    }
}

/// Fails unless Python finds every case equal. Without Python it is skipped by hand, and fails in CI.
pub(crate) fn compare(cases: &[Case]) {
    assert!(!cases.is_empty());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/compare.py");
    // -B: it leaves no compiled files in the source tree.
    let started =
        Command::new("python3").args(["-B", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut python = match started {
        Err(e) if e.kind() == ErrorKind::NotFound && std::env::var_os("CI").is_none() => {
            eprintln!("skipped: there is no python3");
            return;
        }
        started => started.unwrap(),
    };
    let mut stdin = python.stdin.take().unwrap();
    let lines: String = cases.iter().map(|case| case.json.clone() + "\n").collect();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "the script failed");
    let verdicts = String::from_utf8(output.stdout).unwrap();
    let (django, unequal): (Vec<&str>, Vec<&str>) =
        verdicts.lines().partition(|verdict| verdict.starts_with("django"));
    if !django.is_empty() {
        eprintln!("{} of {} cases are not compared: Django is not installed", django.len(), cases.len());
    }
    assert!(unequal.is_empty(), "{unequal:#?}");
}

pub(crate) fn bytes(digits: &str) -> Vec<u8> {
    let digit = |char: &u8| char::from(*char).to_digit(16).unwrap() as u8;
    digits.as_bytes().chunks(2).map(|pair| digit(&pair[0]) << 4 | digit(&pair[1])).collect()
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").unwrap();
        digits
    })
}
