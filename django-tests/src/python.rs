//! The Python that has Django.

use std::env::var_os;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::{fs, io};

/// Names the Python to take, in place of the one that `scripts/django` made.
const VARIABLE: &str = "DJANGO_PYTHON";

/// What `scripts/django` installs, and copies into its place once that is done.
const WANTED: &str = include_str!("../python/requirements.txt");

/// What a Python that [`VARIABLE`] names must be able to do.
const IMPORTS: &str = "import django, django_redis, pymemcache";

/// Found once, since asking a Python whether it has Django takes a while.
static FOUND: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
    match var_os(VARIABLE).filter(|named| !named.is_empty()) {
        Some(named) => named_by_variable(named.into()),
        // Not in cargo's target directory, which the script would have to find out the same way.
        None => made_in(&Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("django")),
    }
});

/// The interpreter that `DJANGO_PYTHON` names, or the one of the virtual environment that
/// `scripts/django` made in `target/django`.
///
/// # Errors
/// `NotFound` where there is none, or it has no Django.
pub fn interpreter() -> io::Result<PathBuf> {
    FOUND.clone().map_err(|why| io::Error::new(io::ErrorKind::NotFound, why))
}

fn named_by_variable(python: PathBuf) -> Result<PathBuf, String> {
    let mut command = Command::new(&python);
    command.args(["-c", IMPORTS]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.status() {
        Ok(status) if status.success() => Ok(python),
        Ok(_) => Err(format!("{VARIABLE} ({}) has no Django with its clients", python.display())),
        Err(e) => Err(format!("{VARIABLE} ({}) cannot be run: {e}", python.display())),
    }
}

fn made_in(place: &Path) -> Result<PathBuf, String> {
    let python = place.join("bin/python");
    // Without its stamp the environment is half made, or one for other versions.
    let stamped = fs::read(place.join("requirements.txt")).is_ok_and(|stamp| stamp == WANTED.as_bytes());
    match stamped && python.exists() {
        true => Ok(python),
        false => Err(format!("no Python with this Django in {}: run scripts/django", place.display())),
    }
}

/// Returns the interpreter for a test that needs it. Outside CI, returns `None` and prints the reason to
/// standard error if no interpreter is installed.
///
/// # Panics
/// In a CI run (the variable `CI` is set) without an interpreter: nothing that is missing may be
/// passed over there.
#[must_use]
#[allow(clippy::panic, clippy::print_stderr, reason = "it decides how a test ends, and says why")]
pub fn or_skip() -> Option<PathBuf> {
    match interpreter() {
        Ok(python) => Some(python),
        Err(e) if var_os("CI").is_none_or(|value| value.is_empty()) => {
            eprintln!("skipped: {e}");
            None
        }
        Err(e) => panic!("a Python for this test: {e}"),
    }
}
