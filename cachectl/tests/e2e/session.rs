//! [`Session`]: calls of the program one after the other, and the transcript of them.

use std::fmt::Display;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Calls of `cachectl` with the same settings, written down as they come.
pub(crate) struct Session {
    dir: tempfile::TempDir,
    /// What stands before each command.
    before: Vec<String>,
    variables: Vec<(String, String)>,
    /// What differs from run to run, and what is written in its place.
    replaced: Vec<(String, String)>,
    transcript: String,
}

impl Session {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let replaced = vec![(dir.path().display().to_string(), "DIR".to_owned())];
        Self { dir, before: Vec::new(), variables: Vec::new(), replaced, transcript: String::new() }
    }

    pub(crate) fn with_url(url: &str) -> Self {
        let mut session = Self::new();
        session.before(&["--url", url]);
        session
    }

    /// A session on a server, with timeouts that a busy machine does not reach: a second is short where many tests run.
    pub(crate) fn on_server(scheme: &str, address: impl Display) -> Self {
        Self::with_url(&format!("{scheme}://{address}?operation_timeout=60&connect_timeout=60"))
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A settings file of this text in the session's directory; `DIR` in it is that directory.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir().join(name);
        std::fs::write(&path, text.replace("DIR", &self.dir().display().to_string())).unwrap();
        path
    }

    pub(crate) fn before(&mut self, arguments: &[&str]) {
        self.before = arguments.iter().map(|&argument| argument.to_owned()).collect();
    }

    pub(crate) fn variable(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn replace(&mut self, what: impl Into<String>, by: &str) {
        self.replaced.push((what.into(), by.to_owned()));
    }

    /// Writes down what the next calls are about.
    pub(crate) fn title(&mut self, title: &str) {
        writeln!(self.transcript, "# {title}\n").unwrap();
    }

    /// One call, which is written down.
    pub(crate) fn call(&mut self, arguments: &[&str]) {
        self.call_with(arguments, "");
    }

    /// The same with a string on standard input.
    pub(crate) fn call_with(&mut self, arguments: &[&str], input: &str) {
        let (said, errors, status) = self.run(arguments, input);
        let shown: Vec<String> = arguments.iter().map(|argument| quoted(argument)).collect();
        writeln!(self.transcript, "$ cachectl {}", shown.join(" ")).unwrap();
        for (sign, text) in [("< ", input), ("", &*said), ("! ", &*errors)] {
            for line in text.lines() {
                writeln!(self.transcript, "{sign}{line}").unwrap();
            }
        }
        writeln!(self.transcript, "= {status}\n").unwrap();
    }

    /// A call that is not written down: what it prints, its errors, and its exit status.
    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> (String, String, i32) {
        let (said, errors, status) = self.run_with_bytes(arguments, input.as_bytes());
        let shown = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            self.replaced.iter().fold(text, |text, (what, by)| text.replace(what, by))
        };
        (shown(said), shown(errors), status)
    }

    /// The program with these arguments, in the session's directory and with its variables.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cachectl"));
        command
            .args(&self.before)
            .args(arguments)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.dir());
        command
    }

    /// As [`Session::run`], with bytes as they are.
    pub(crate) fn run_with_bytes(&self, arguments: &[&str], input: &[u8]) -> (Vec<u8>, Vec<u8>, i32) {
        let mut process = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may end without reading.
        let _ = process.stdin.take().unwrap().write_all(input);
        let ended = process.wait_with_output().unwrap();
        (ended.stdout, ended.stderr, ended.status.code().unwrap())
    }

    /// Compares the transcript with the snapshot of this name.
    pub(crate) fn compare(self, name: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(format!("{name}.txt"));
        let is = self.replaced.iter().fold(self.transcript, |text, (what, by)| text.replace(what, by));
        if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "write") {
            std::fs::write(&path, &is).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        let differing = is.lines().zip(expected.lines()).position(|(is, should)| is != should);
        assert!(
            is == expected,
            "{} is not what was printed, from line {:?} on; SNAPSHOTS=write writes it again:\n{is}",
            path.display(),
            differing.map(|line| line + 1),
        );
    }
}

/// As one would write it in a shell.
fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=:/.,@".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument.to_owned()
    } else {
        format!("'{argument}'")
    }
}
