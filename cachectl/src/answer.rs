//! What a command says, and the exit status.

use std::io::Write as _;
use std::process::ExitCode;

use cache_core::{Error, ErrorKind};
use serde_json::Value;

/// What came of a command.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The exit status: 0 for done, a hit, true; 1 for a miss or false.
    status: u8,
    /// For people; nothing is printed where it is empty.
    text: String,
    /// For programs.
    json: Value,
}

impl Answer {
    /// Done.
    pub(crate) fn done(text: impl Into<String>, json: Value) -> Self {
        Self { status: 0, text: text.into(), json }
    }

    /// The same, a miss or false where `yes` is not so.
    pub(crate) fn yes(self, yes: bool) -> Self {
        self.with_status(u8::from(!yes))
    }

    /// The same with an exit status of its own.
    pub(crate) const fn with_status(mut self, status: u8) -> Self {
        self.status = status;
        self
    }

    /// True or false.
    pub(crate) fn bool(yes: bool) -> Self {
        Self::done(yes.to_string(), serde_json::json!({ "result": yes })).yes(yes)
    }

    pub(crate) fn print(&self, json: bool) -> ExitCode {
        let status = ExitCode::from(self.status);
        if json { print(&format!("{}\n", self.json), status) } else { print(&lines(&self.text), status) }
    }
}

/// The text with an end of line, where there is any.
fn lines(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

/// Prints `text` as it is, and ends with `status`.
pub(crate) fn print(text: &str, status: ExitCode) -> ExitCode {
    let written = std::io::stdout().write_all(text.as_bytes());
    match written {
        Ok(()) => status,
        // Whoever reads has heard enough.
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => status,
        Err(e) => Failure::wrong(format!("the answer cannot be written: {e}")).print(),
    }
}

/// Why a command was not done: one sentence.
#[derive(Debug)]
pub(crate) struct Failure {
    status: u8,
    sentence: String,
}

pub(crate) type Result<T = Answer> = std::result::Result<T, Failure>;

impl Failure {
    /// Exit status 2: the command line, a setting, a key or a value is wrong.
    pub(crate) fn wrong(sentence: impl Into<String>) -> Self {
        Self { status: 2, sentence: sentence.into() }
    }

    /// What clap has to say, without the lines about usage.
    pub(crate) fn usage(e: &clap::Error) -> Self {
        if e.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            return Self::wrong("no command is given (see cachectl --help)");
        }
        let text = e.to_string();
        let said: Vec<&str> = text
            .lines()
            .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        let said = said.join(" ");
        let said = said.strip_prefix("error: ").unwrap_or(&said);
        Self::wrong(format!("{said} (see cachectl --help)"))
    }

    pub(crate) fn print(&self) -> ExitCode {
        let sentence = self.sentence.replace('\n', " ");
        // Where not even that can be said, the exit status says it.
        let _ = writeln!(std::io::stderr(), "cachectl: {sentence}");
        ExitCode::from(self.status)
    }
}

/// The exit status of an error of the cache.
pub(crate) const fn status(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::KeyNotFound => 1,
        ErrorKind::Unavailable | ErrorKind::OutcomeUnknown | ErrorKind::Rejected | ErrorKind::Storage => 3,
        _ => 2,
    }
}

impl From<Error> for Failure {
    fn from(e: Error) -> Self {
        Self { status: status(e.kind()), sentence: e.to_string() }
    }
}
