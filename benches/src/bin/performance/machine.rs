//! What the numbers are measured on.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::peers::CRATES;
use crate::report::Line;

/// Prints the versions of Python and of the installed packages.
const PACKAGES: &str = "
import platform
from importlib.metadata import PackageNotFoundError, version
found = ['Python ' + platform.python_version()]
for name in ['Django', 'diskcache', 'pymemcache', 'redis', 'django-redis']:
    try:
        found.append(name + ' ' + version(name))
    except PackageNotFoundError:
        found.append('no ' + name)
print(', '.join(found))";

/// A line of the report. `form` is what kind of run it is, and `python` the interpreter of the peers
/// that are written in Python.
pub(crate) fn line(home: &Path, python: &str, form: &str) -> serde_json::Result<String> {
    let repository = said("git", &["-C", &home.display().to_string(), "describe", "--always", "--dirty"]);
    let servers = [("memcached", 2), ("redis-server", 3)]
        .map(|(program, words)| first_words(&said(program, &["--version"]), words))
        .join(", ");
    let machine = [
        ("processor", field("/proc/cpuinfo", "model name")),
        ("cores", std::thread::available_parallelism().map_or_else(|_| unknown(), |n| n.to_string())),
        ("memory", memory()),
        ("system", format!("{} {}", said("uname", &["-sm"]), release(&said("uname", &["-r"])))),
        ("load when it began", first_words(&file("/proc/loadavg"), 3)),
        ("Rust", said("rustc", &["--version"])),
        ("servers", servers),
        ("Python", said(python, &["-c", PACKAGES])),
        ("crates", peers(&std::fs::read_to_string(home.join("../Cargo.lock")).unwrap_or_default())),
        ("commit", repository),
        ("date", said("date", &["-u", "+%Y-%m-%d"])),
        ("form", form.to_owned()),
    ];
    let machine = machine.into_iter().map(|(name, fact)| (name.to_owned(), fact)).collect();
    serde_json::to_string(&Line::Machine { machine })
}

fn unknown() -> String {
    "not known".to_owned()
}

/// A kernel's release without what those who built it added.
fn release(of: &str) -> &str {
    of.split('-').next().unwrap_or(of)
}

/// What a program prints; a program that is not there has no version.
fn said(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).stdin(Stdio::null()).stderr(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        _ => format!("no {program}"),
    }
}

fn file(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|_| unknown())
}

/// The value in the first line `name : value` of a file.
fn field(path: &str, name: &str) -> String {
    let text = file(path);
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    let found = fields.find(|(field, _)| field.trim() == name);
    found.map_or_else(unknown, |(_, value)| value.trim().to_owned())
}

fn memory() -> String {
    let total = field("/proc/meminfo", "MemTotal");
    let kib = total.strip_suffix(" kB").and_then(|number| number.parse::<f64>().ok());
    kib.map_or_else(unknown, |kib| format!("{:.1} GiB", kib / 1_048_576.0))
}

fn first_words(text: &str, words: usize) -> String {
    text.split_whitespace().take(words).collect::<Vec<_>>().join(" ")
}

/// The peers' versions in a lock file.
fn peers(lock: &str) -> String {
    let packages = lock.split("[[package]]").filter_map(|package| {
        let mut quoted = package.split('"');
        let (name, version) = (quoted.nth(1)?, quoted.nth(1)?);
        CRATES.contains(&name).then(|| format!("{name} {version}"))
    });
    packages.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::report::Report;

    #[test]
    fn every_peer_has_one_version_in_the_lock_file() {
        let found = peers(include_str!("../../../../Cargo.lock"));
        let names: Vec<&str> = found.split(", ").filter_map(|peer| peer.split(' ').next()).collect();
        assert_eq!(names, CRATES);
    }

    #[test]
    fn the_line_is_one_that_a_report_has() {
        let home = Path::new(env!("CARGO_MANIFEST_DIR"));
        let report = Report::parse(&line(home, "/no/such/python", "full").unwrap()).unwrap();
        assert!(report.machine.contains(&("Python".to_owned(), "no /no/such/python".to_owned())));
        assert!(report.machine.iter().all(|(_, fact)| !fact.is_empty()), "{:?}", report.machine);
    }
}
