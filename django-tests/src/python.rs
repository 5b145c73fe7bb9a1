//! The Python that has Django.

use std::env::{current_exe, var_os};
use std::io::{Error, ErrorKind, Result};
use std::path::PathBuf;

/// Names the Python to take, in place of the one that `scripts/django` made.
const VARIABLE: &str = "DJANGO_PYTHON";

/// The interpreter that `DJANGO_PYTHON` names, or the one of the virtual environment that
/// `scripts/django` made in the target directory of the running program.
///
/// # Errors
/// `NotFound` where there is none.
pub fn interpreter() -> Result<PathBuf> {
    let (found, what) = if let Some(named) = var_os(VARIABLE) {
        (Some(PathBuf::from(named)), VARIABLE)
    } else {
        let program = current_exe()?;
        let made = program.ancestors().map(|dir| dir.join("django/bin/python")).find(|path| path.exists());
        (made, "scripts/django")
    };
    let missing =
        || Error::new(ErrorKind::NotFound, format!("no Python with Django by {what}: run scripts/django"));
    found.filter(|path| path.exists()).ok_or_else(missing)
}

/// The interpreter, for a test that needs it; `None`, with the reason on the standard error, where
/// there is none and this is no CI run.
///
/// # Panics
/// In a CI run (the variable `CI` is set) without an interpreter: nothing that is missing may be
/// passed over there.
#[must_use]
#[allow(clippy::panic, clippy::print_stderr, reason = "it decides how a test ends, and says why")]
pub fn or_skip() -> Option<PathBuf> {
    match interpreter() {
        Ok(python) => Some(python),
        Err(e) if e.kind() == ErrorKind::NotFound && var_os("CI").is_none_or(|value| value.is_empty()) => {
            eprintln!("skipped: {e}");
            None
        }
        Err(e) => panic!("a Python for this test: {e}"),
    }
}
