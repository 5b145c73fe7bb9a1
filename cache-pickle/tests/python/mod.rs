//! Django's vectors, and Python as the judge.

#![allow(
    dead_code,
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "each test uses a part, says when it is skipped, and fails by panicking"
)]

use std::fmt::Write as _;
use std::io::Write as _;
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

/// What the script prints for these lines, one for one.
fn run(script: &str, lines: &[String]) -> Option<Vec<String>> {
    let script = format!("{}/tests/python/{script}", env!("CARGO_MANIFEST_DIR"));
    let mut python = Command::new(django_tests::python::or_skip()?)
        // No compiled files in the source tree.
        .args(["-B", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = python.stdin.take().unwrap();
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "the script failed");
    let answers: Vec<_> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), lines.len(), "not every line was answered");
    Some(answers)
}

/// Fails unless Python finds every case equal.
pub(crate) fn compare(cases: &[Case]) {
    assert!(!cases.is_empty());
    let lines: Vec<_> = cases.iter().map(|case| case.json.clone()).collect();
    let Some(verdicts) = run("compare.py", &lines) else { return };
    let unequal: Vec<_> = verdicts.iter().filter(|verdict| *verdict != "equal").collect();
    assert!(unequal.is_empty(), "{unequal:#?}");
    eprintln!("Python found {} cases equal", verdicts.len());
}

/// The pickles of each expression in the protocols 0 to 5; empty if Python is missing.
pub(crate) fn pickles(expressions: &[&str]) -> Vec<Vec<Vec<u8>>> {
    let lines: Vec<_> = expressions.iter().map(|line| serde_json::json!(line).to_string()).collect();
    let answers = run("make.py", &lines).unwrap_or_default();
    answers.iter().map(|answer| answer.split(' ').map(bytes).collect()).collect()
}

/// Every pickle of the vectors.
pub(crate) fn vectors() -> Vec<Vec<u8>> {
    let vectors: serde_json::Value = serde_json::from_str(include_str!("../data/django-5.2.json")).unwrap();
    let pickles =
        vectors.as_array().unwrap().iter().flat_map(|vector| vector["pickles"].as_object().unwrap().values());
    pickles.map(|digits| bytes(digits.as_str().unwrap())).collect()
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
