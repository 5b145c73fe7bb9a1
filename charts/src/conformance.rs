//! The picture of the conformance matrix, drawn from the page that `scripts/matrix` writes.

use crate::grid::{Cell, Grid, Verdict, grid};
use crate::picture::{Error, Picture};

const TITLE: &str = "Conformance: every check on every backend";

/// How many checks of a family had which outcome on one backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u32,
    failed: u32,
    waived: u32,
    not_run: u32,
    /// Checks that the backend's declared capabilities exclude.
    skipped: u32,
}

impl Tally {
    fn count(&mut self, cell: &str) -> Result<(), String> {
        let place = match cell.trim_matches('*') {
            sign if sign.starts_with('✓') => &mut self.passed,
            sign if sign.starts_with('✗') => &mut self.failed,
            sign if sign.starts_with("waived") => &mut self.waived,
            sign if sign.starts_with('?') => &mut self.not_run,
            sign if sign.starts_with('–') => &mut self.skipped,
            _ => return Err(format!("\"{cell}\" is not an outcome of a check")),
        };
        *place += 1;
        Ok(())
    }

    fn cell(self) -> Cell {
        let (verdict, text) = match self {
            Self { failed: 1.., .. } => (Verdict::Bad, format!("-{}", self.failed)),
            Self { not_run: 1.., .. } => (Verdict::Bad, "?".to_owned()),
            Self { passed: 1.., .. } => (Verdict::Good, self.passed.to_string()),
            _ => (Verdict::Blank, "–".to_owned()),
        };
        Cell { verdict, text }
    }
}

/// A family of checks with an outcome for each backend.
struct Family {
    name: String,
    tallies: Vec<Tally>,
}

/// Draws the matrix of a page in Markdown: a column for each backend, a row for each family of checks.
///
/// # Errors
/// If the page has no matrix, names an outcome that does not exist, or has too many columns to be drawn.
pub fn picture(page: &str) -> Result<Picture, Error> {
    let (backends, families) = read(page).map_err(|e| Error::new(TITLE, e))?;
    let columns = backends.iter().map(|name| name.trim_matches('*').to_owned()).collect();
    let rows = families.iter().map(|family| {
        (family.name.clone(), family.tallies.iter().map(|tally| tally.cell()).collect::<Vec<_>>())
    });
    let legend = [
        (Verdict::Good, "24", "checks pass; the others do not apply"),
        (Verdict::Bad, "-3", "checks fail"),
        (Verdict::Blank, "–", "no check applies"),
    ];
    let legend =
        legend.map(|(verdict, text, meaning)| (Cell { verdict, text: text.to_owned() }, meaning.to_owned()));
    let all = Grid { columns, rows: rows.collect(), legend: legend.into() };
    let note = "Columns named Django are Django's own backends";
    grid(TITLE, note, described(&backends, &families), &all)
}

fn described(backends: &[String], families: &[Family]) -> String {
    let of = |(column, name): (usize, &String)| {
        let sum = |count: fn(&Tally) -> u32| {
            families.iter().map(|family| count(&family.tallies[column])).sum::<u32>()
        };
        let (passed, failed) = (sum(|tally| tally.passed), sum(|tally| tally.failed + tally.not_run));
        format!("{} passes {passed} checks and fails {failed}", name.trim_matches('*'))
    };
    format!("{}.", backends.iter().enumerate().map(of).collect::<Vec<_>>().join("; "))
}

/// The backends of a page, and its families.
fn read(page: &str) -> Result<(Vec<String>, Vec<Family>), String> {
    let mut backends: Vec<String> = Vec::new();
    let mut families: Vec<Family> = Vec::new();
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            families.push(Family { name: heading.to_owned(), tallies: Vec::new() });
        } else if let Some(header) = line.strip_prefix("| id | check | expected |") {
            let header: Vec<String> = cells(header).map(str::to_owned).collect();
            if !backends.is_empty() && header != backends {
                return Err("two families have different columns".to_owned());
            }
            backends = header;
        } else if let (Some(check), Some(family)) = (line.strip_prefix("| "), families.last_mut()) {
            if !check.starts_with(|c: char| c.is_ascii_digit()) {
                continue;
            }
            let outcomes: Vec<&str> = cells(check).skip(3).collect();
            if outcomes.len() != backends.len() {
                return Err(format!("a check has not one outcome for each backend: {line}"));
            }
            family.tallies.resize(backends.len(), Tally::default());
            family.tallies.iter_mut().zip(outcomes).try_for_each(|(tally, outcome)| tally.count(outcome))?;
        }
    }
    families.retain(|family| !family.tallies.is_empty());
    if families.is_empty() {
        return Err("the page has no table of checks".to_owned());
    }
    Ok((backends, families))
}

/// The cells of a table's row, behind its first bar.
fn cells(row: &str) -> impl Iterator<Item = &str> {
    row.trim().trim_end_matches('|').split(" | ").map(str::trim)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const PAGE: &str = "\
# Conformance

| backend | pass |
|---|--:|
| a | 2 |

## K: keys (2)

| id | check | expected | a | b-c | *Django d* |
|--:|---|---|:-:|:-:|:--:|
| 1 | `one` | x \\| y | ✓ | –<sup>1</sup> | *✗* |
| 2 | `two` | z | ✓<sup>1</sup> | –<sup>2</sup> | *✓* |

## T: timeouts (1)

| id | check | expected | a | b-c | *Django d* |
|--:|---|---|:-:|:-:|:--:|
| 3 | `three` | z | waived<sup>1</sup> | ✓ | *?* |

## Reasons

1. because
";

    #[test]
    fn outcomes_are_counted_by_family_and_backend() {
        let (backends, families) = read(PAGE).unwrap();
        assert_eq!(backends, ["a", "b-c", "*Django d*"]);
        let names: Vec<&str> = families.iter().map(|family| family.name.as_str()).collect();
        assert_eq!(names, ["K: keys (2)", "T: timeouts (1)"]);
        let shown = |row: usize| -> Vec<String> {
            families[row].tallies.iter().map(|tally| tally.cell().text).collect()
        };
        assert_eq!((shown(0), shown(1)), (to_owned(["2", "–", "-1"]), to_owned(["–", "1", "?"])));
        let picture = picture(PAGE).unwrap();
        assert_eq!(
            picture.description,
            "a passes 2 checks and fails 0; b-c passes 1 checks and fails 0; Django d passes 1 checks and fails 2."
        );
        for text in ["K: keys (2)", "T: timeouts (1)", "b-c", "Django d", "-1", "checks fail"] {
            assert!(picture.svg.contains(&format!("\n{text}\n")), "{text}: {}", picture.svg);
        }
    }

    fn to_owned(labels: [&str; 3]) -> Vec<String> {
        labels.map(str::to_owned).to_vec()
    }

    #[test]
    fn a_page_that_is_not_a_matrix_is_an_error() {
        for (from, to, said) in [
            ("✗", "maybe", "is not an outcome"),
            (
                "| 3 | `three` | z | waived<sup>1</sup> |",
                "| 3 | `three` | z |",
                "not one outcome for each backend",
            ),
            (
                "## T: timeouts (1)\n\n| id | check | expected | a |",
                "## T: timeouts (1)\n\n| id | check | expected | z |",
                "different columns",
            ),
        ] {
            let e = picture(&PAGE.replace(from, to)).unwrap_err().to_string();
            assert!(e.contains(said), "{e}");
        }
        assert!(picture("# Conformance\n").unwrap_err().to_string().contains("no table"));
    }
}
