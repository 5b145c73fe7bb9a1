//! Prints the conformance matrix in Markdown: check by backend, from reports of the suite
//! (`CONFORMANCE_REPORT`) given as arguments. `--picture LINK` before them puts a picture of the matrix, which
//! another program draws, below the page's title.
//!
//! Where several lines speak of one check, backend and mode, the last one counts. The output
//! depends on the results alone: no dates, no durations.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use serde::Deserialize;

/// About the columns in italics.
const OBSERVED: &str = "\
Backends in italics are not this project's: they are shown, and only six basic checks are asserted of
them. Django's stand behind this project's handle (`django-tests`), which makes the keys and versions and runs
`get_or_set`: their columns are about what Django's backends store, count and expire. They run through
the sync API alone, and what depends on a race may differ from run to run. A dash of theirs has no number: the
check does not apply, or it took too long and was given up.

";

const CHECKS: &str = include_str!("../../checks.json");

#[derive(Deserialize)]
struct List {
    families: BTreeMap<String, String>,
    checks: Vec<Check>,
}

#[derive(Deserialize)]
struct Check {
    id: u32,
    family: String,
    name: String,
    expect: String,
}

/// A line of a report.
#[derive(Deserialize)]
struct Line {
    backend: String,
    /// This backend is not this project's: it is shown, in italics and behind the others.
    #[serde(default)]
    observed: bool,
    check: String,
    mode: String,
    status: String,
    reason: String,
}

/// (status, reason) by mode, of one check on one backend.
type Modes = BTreeMap<String, (String, String)>;

/// A column. Backends that are merely observed come last.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Backend {
    observed: bool,
    name: String,
}

impl Backend {
    /// Its cells stand in italics where it is merely observed: `scripts/matrix` finds them so.
    fn shown(&self, text: &str) -> String {
        if self.observed { format!("*{text}*") } else { text.to_owned() }
    }
}

/// By backend and the check's full name.
type Results = BTreeMap<(Backend, String), Modes>;

fn main() -> ExitCode {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let written = run(&files).and_then(|text| Ok(std::io::stdout().write_all(text.as_bytes())?));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            // Where not even that can be said, the exit code says it.
            let _ = writeln!(std::io::stderr(), "conformance-matrix: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<String, Box<dyn Error>> {
    let (picture, files) = match args {
        [option, link, files @ ..] if option == "--picture" => (Some(link.as_str()), files),
        files => (None, files),
    };
    if files.is_empty() {
        return Err("name the report files (JSON lines, from CONFORMANCE_REPORT) as arguments".into());
    }
    let mut results = Results::new();
    for file in files {
        let text = std::fs::read_to_string(file).map_err(|e| format!("{file}: {e}"))?;
        read(&text, &mut results).map_err(|e| format!("{file}, {e}"))?;
    }
    let list: List = serde_json::from_str(CHECKS)?;
    Ok(matrix(&list, &results, picture)?)
}

fn read(text: &str, results: &mut Results) -> Result<(), String> {
    for (number, line) in text.lines().enumerate() {
        let line: Line = serde_json::from_str(line).map_err(|e| format!("line {}: {e}", number + 1))?;
        let backend = Backend { observed: line.observed, name: line.backend };
        let modes = results.entry((backend, line.check)).or_default();
        modes.insert(line.mode, (line.status, line.reason));
    }
    Ok(())
}

/// The reasons why a cell is not a plain tick, numbered in order of appearance.
#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    fn mark(&mut self, note: String) -> String {
        let place = self.0.iter().position(|known| *known == note).unwrap_or_else(|| {
            self.0.push(note);
            self.0.len() - 1
        });
        format!("<sup>{}</sup>", place + 1)
    }
}

const HOW_TO_RUN: &str = "\
On a backend of your own the suite is a test of four lines, `examples/tests/custom_backend.rs`; the page of the crate
`conformance-tests` says what it can be told of a backend. Each check is a test then, `T::half_second::sync` and
`T::half_second::async`:

```sh
cargo test --test conformance                     # all of them
cargo test --test conformance T::half_second      # one
cargo test --test conformance -- T:: K::ascii     # a family, and all whose names begin so
```

A failure is printed when it happens, and again at the end: what was looked at, what was expected, what came, where
in the check, what the check is about, and what is usually wrong with a backend that fails it.

What the backend says of itself, in `capabilities()` and to `Suite`, decides which checks apply.

";

fn matrix(list: &List, results: &Results, picture: Option<&str>) -> Result<String, std::fmt::Error> {
    let backends: BTreeSet<&Backend> = results.keys().map(|(backend, _)| backend).collect();
    let of = |backend: &Backend, check: &Check| {
        let name = format!("{}::{}", check.family, check.name.trim_end_matches("::*"));
        results.get(&(backend.clone(), name))
    };
    let mut out = String::from("# Conformance\n\n");
    if let Some(link) = picture {
        writeln!(out, "![How many checks of each family every backend passes, as a picture.]({link})\n")?;
    }
    out += "Every check of the suite, on every backend, as the last run found it. Written by\n";
    out += "`scripts/matrix`; a check passes when it does so through the sync and the async API.\n\n";
    out += HOW_TO_RUN;
    if backends.iter().any(|backend| backend.observed) {
        out += OBSERVED;
    }

    out += "| backend | pass | skip | waived | fail | not run |\n|---|--:|--:|--:|--:|--:|\n";
    for backend in &backends {
        let mut counts = [0; 5];
        for check in &list.checks {
            counts[Verdict::of(of(backend, check)) as usize] += 1;
        }
        let [pass, skip, waived, fail, not_run] = counts;
        let name = backend.shown(&backend.name);
        writeln!(out, "| {name} | {pass} | {skip} | {waived} | {fail} | {not_run} |")?;
    }
    writeln!(out, "\n✓ passes, – does not apply (the number says why), ✗ fails, ? was not run.")?;

    let mut notes = Notes::default();
    let mut families: Vec<&str> = Vec::new();
    for check in &list.checks {
        if !families.contains(&check.family.as_str()) {
            families.push(&check.family);
        }
    }
    for family in families {
        let checks: Vec<&Check> = list.checks.iter().filter(|check| check.family == family).collect();
        let about = list.families.get(family).map_or("", String::as_str);
        writeln!(out, "\n## {family}: {about} ({})\n", checks.len())?;
        writeln!(
            out,
            "| id | check | expected |{}",
            backends.iter().map(|b| format!(" {} |", b.shown(&b.name))).collect::<String>()
        )?;
        let line = |b: &&Backend| if b.observed { ":--:|" } else { ":-:|" };
        writeln!(out, "|--:|---|---|{}", backends.iter().map(line).collect::<String>())?;
        for check in checks {
            write!(out, "| {} | `{}` | {} |", check.id, check.name, escaped(&check.expect))?;
            for backend in &backends {
                write!(out, " {} |", cell(backend, of(backend, check), &mut notes))?;
            }
            out.push('\n');
        }
    }
    if !notes.0.is_empty() {
        out += "\n## Reasons\n\n";
        for (number, note) in notes.0.iter().enumerate() {
            writeln!(out, "{}. {}", number + 1, escaped(note))?;
        }
    }
    Ok(out)
}

/// The worst of a check's modes; what is skipped in one mode and passes in the other passes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Pass,
    Skip,
    Waived,
    Fail,
    NotRun,
}

impl Verdict {
    fn of(modes: Option<&Modes>) -> Self {
        let Some(modes) = modes else { return Self::NotRun };
        let any = |status: &str| modes.values().any(|(known, _)| known == status);
        match () {
            () if modes
                .values()
                .any(|(status, _)| !["pass", "skip", "waived"].contains(&status.as_str())) =>
            {
                Self::Fail
            }
            () if any("waived") => Self::Waived,
            () if any("pass") => Self::Pass,
            () => Self::Skip,
        }
    }
}

fn cell(backend: &Backend, modes: Option<&Modes>, notes: &mut Notes) -> String {
    let verdict = Verdict::of(modes);
    let sign = match verdict {
        Verdict::Pass => "✓",
        Verdict::Skip => "–",
        Verdict::Waived => "waived",
        Verdict::Fail => "✗",
        Verdict::NotRun => "?",
    };
    if backend.observed {
        return backend.shown(sign);
    }
    // What a failure says changes from run to run: the run's own output has it.
    let mut noted: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (mode, (status, reason)) in modes.into_iter().flatten() {
        if (status == "skip" || status == "waived") && verdict != Verdict::Fail {
            noted.entry(reason).or_default().push(mode);
        }
    }
    let all = modes.map_or(0, BTreeMap::len);
    let mut marks = String::new();
    for (reason, in_modes) in noted {
        let only =
            if in_modes.len() < all { format!("{} only: ", in_modes.join(" and ")) } else { String::new() };
        marks += &notes.mark(format!("{only}{reason}"));
    }
    format!("{sign}{marks}")
}

/// Text that a table's cell or a list's line can hold.
fn escaped(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(lines: &[(&str, &str, &str, &str)]) -> String {
        let text: String = lines
            .iter()
            .map(|(backend, check, mode, status)| {
                let line = serde_json::json!({
                    "observed": backend.starts_with("Django"), "backend": backend, "check": check, "mode": mode, "status": status,
                    "reason": if *status == "pass" { "" } else { "because | so" }, "ms": 3,
                });
                format!("{line}\n")
            })
            .collect();
        let mut results = Results::new();
        read(&text, &mut results).unwrap();
        matrix(&serde_json::from_str(CHECKS).unwrap(), &results, None).unwrap()
    }

    /// How many checks there are.
    fn checks() -> usize {
        serde_json::from_str::<serde_json::Value>(CHECKS).unwrap()["checks"].as_array().unwrap().len()
    }

    #[test]
    fn the_last_line_wins_and_every_state_has_its_sign() {
        let text = printed(&[
            ("a", "K::ascii_roundtrip", "sync", "fail"),
            ("a", "K::ascii_roundtrip", "sync", "pass"),
            ("a", "K::ascii_roundtrip", "async", "pass"),
            ("b", "K::ascii_roundtrip", "sync", "pass"),
            ("b", "K::ascii_roundtrip", "async", "fail"),
            ("a", "A::mirror", "async", "skip"),
            ("b", "A::mirror", "async", "waived"),
            ("a", "M::get_many", "sync", "pass"),
            ("a", "M::get_many", "async", "skip"),
        ]);
        assert!(text.contains("| 1 | `ascii_roundtrip` | value comes back | ✓ | ✗ |"), "{text}");
        assert!(text.contains("| –<sup>2</sup> | waived<sup>2</sup> |"), "{text}");
        assert!(text.contains("| `get_many` | get many | ✓<sup>1</sup> | ? |"), "{text}");
        assert!(text.contains("1. async only: because \\| so\n2. because \\| so\n"), "{text}");
        let (a, b) = (checks() - 3, checks() - 2);
        assert!(
            text.contains(&format!("| a | 2 | 1 | 0 | 0 | {a} |\n| b | 0 | 0 | 1 | 1 | {b} |\n")),
            "{text}"
        );
        assert!(text.contains("## M: many-operations (23)"), "{text}");
    }

    #[test]
    fn what_is_observed_comes_last_in_italics_and_without_reasons() {
        let text = printed(&[
            ("Django x", "K::ascii_roundtrip", "sync", "fail"),
            ("Django x", "K::unicode_roundtrip", "sync", "skip"),
            ("a", "K::ascii_roundtrip", "sync", "pass"),
        ]);
        assert!(
            text.contains("| id | check | expected | a | *Django x* |\n|--:|---|---|:-:|:--:|\n"),
            "{text}"
        );
        assert!(text.contains("| value comes back | ✓ | *✗* |"), "{text}");
        assert!(text.contains("| ? | *–* |"), "{text}");
        let (a, django) = (checks() - 1, checks() - 2);
        assert!(
            text.contains(&format!("| a | 1 | 0 | 0 | 0 | {a} |\n| *Django x* | 0 | 1 | 0 | 1 | {django} |")),
            "{text}"
        );
        assert!(text.contains("italics") && !text.contains("Reasons"), "{text}");
    }

    #[test]
    fn a_picture_stands_below_the_title() {
        let list = serde_json::from_str(CHECKS).unwrap();
        let text = matrix(&list, &Results::new(), Some("charts/x.svg")).unwrap();
        assert!(text.starts_with("# Conformance\n\n![How many"), "{text}");
        assert!(text.contains("](charts/x.svg)\n\nEvery check"), "{text}");
    }

    #[test]
    fn a_line_that_is_none_is_an_error_with_its_place() {
        let e = read("{}\n", &mut Results::new()).unwrap_err();
        assert!(e.starts_with("line 1: "), "{e}");
        assert!(run(&[]).is_err());
        assert!(run(&["--picture".to_owned(), "a.svg".to_owned()]).is_err());
        assert!(run(&["no/such/file".to_owned()]).unwrap_err().to_string().contains("no/such/file"));
    }
}
