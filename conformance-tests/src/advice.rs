//! Explains a failed check: what it expects of a backend, and why backends usually fail it.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::Value;

use crate::check::Check;
use crate::outcome::Failure;

/// The list of all checks, which the pages are made of too.
static LIST: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../checks.json")).unwrap_or_default());

/// The rows of [`LIST`] by the checks' full names.
static ROWS: LazyLock<HashMap<String, &'static Value>> = LazyLock::new(|| {
    let rows = LIST["checks"].as_array().into_iter().flatten();
    let name =
        |row: &Value| format!("{}::{}", text(&row["family"]), text(&row["name"]).trim_end_matches("::*"));
    rows.map(|row| (name(row), row)).collect()
});

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What the check expects of a backend.
pub(crate) fn expectation(check: &Check) -> &'static str {
    ROWS.get(&check.full_name()).map(|row| text(&row["expect"])).unwrap_or_default()
}

/// What is usually wrong with a backend that fails it: its own cause, or that of its family.
pub(crate) fn usual_cause(check: &Check) -> &'static str {
    let own = ROWS.get(&check.full_name()).map(|row| text(&row["cause"])).unwrap_or_default();
    if own.is_empty() { text(&LIST["causes"][check.family]) } else { own }
}

/// A failure with what helps to understand it.
pub(crate) fn explained(check: &Check, failure: &Failure) -> String {
    let (name, expectation, cause) = (check.full_name(), expectation(check), usual_cause(check));
    if failure.is_of_the_check() {
        return format!("{failure}\n  checked:  {name}: {expectation}");
    }
    format!("{failure}\n  checked:  {name}: {expectation}\n  usually:  {cause}")
}
