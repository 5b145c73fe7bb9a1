//! [`Failure`]: why a command was not done, and the exit status of that.

use std::error::Error as _;
use std::io::Write as _;
use std::process::ExitCode;

use cache_core::{Error, ErrorKind};
use serde_json::{Value, json};

/// Why a command was not done: one sentence.
#[derive(Debug)]
pub(crate) struct Failure {
    status: u8,
    /// The kind of the cache's error; `usage` where the command line, a setting or a value is wrong.
    kind: &'static str,
    sentence: String,
    key: Option<String>,
    /// The signal that ended the command.
    signal: Option<i32>,
}

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// Exit status 2: the command line, a setting, a key or a value is wrong.
    pub(crate) fn wrong(sentence: impl Into<String>) -> Self {
        Self { status: 2, kind: "usage", sentence: sentence.into(), key: None, signal: None }
    }

    /// Exit status 3: the store does not exist yet.
    pub(crate) fn absent(sentence: &str) -> Self {
        Self { status: 3, kind: "absent", ..Self::wrong(sentence) }
    }

    /// A signal ended the command, which has removed its keys by now.
    pub(crate) fn interrupted(signal: i32) -> Self {
        let status = u8::try_from(signal).map_or(u8::MAX, |signal| signal.saturating_add(128));
        let sentence = "interrupted; the keys that it wrote are removed";
        Self { status, kind: "interrupted", signal: Some(signal), ..Self::wrong(sentence) }
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

    /// The same with a hint at its end.
    pub(crate) fn hint(mut self, hint: &str) -> Self {
        self.sentence += "; ";
        self.sentence += hint;
        self
    }

    /// The exit status.
    pub(crate) const fn status(&self) -> u8 {
        self.status
    }

    pub(crate) fn sentence(&self) -> &str {
        &self.sentence
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let Self { kind, sentence, key, status, .. } = self;
        json!({ "kind": kind, "message": sentence, "key": key, "exit_status": status })
    }

    /// Says it on standard error, escaped wherever that leads: a log is read on a terminal too.
    pub(crate) fn print(&self, json: bool) -> ExitCode {
        let line = if json {
            json!({ "error": self.json() }).to_string()
        } else {
            format!("cachectl: {}", self.sentence.replace('\n', " "))
        };
        // Where not even that can be said, the exit status says it.
        let _ = writeln!(std::io::stderr(), "{}", cache_core::printable(&line));
        if let Some(signal) = self.signal {
            // So that a shell sees that it was a signal, and ends its script.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
        ExitCode::from(self.status)
    }
}

/// The exit status of an error of the cache.
const fn status(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::KeyNotFound => 1,
        ErrorKind::Unavailable | ErrorKind::OutcomeUnknown | ErrorKind::Rejected | ErrorKind::Storage => 3,
        _ => 2,
    }
}

/// The name of a kind for programs, which stays whatever the kind is called in Rust.
const fn name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidCacheKey => "invalid_cache_key",
        ErrorKind::InvalidCacheBackend => "invalid_cache_backend",
        ErrorKind::InvalidTimeout => "invalid_timeout",
        ErrorKind::KeyNotFound => "key_not_found",
        ErrorKind::NotAnInteger => "not_an_integer",
        ErrorKind::Overflow => "overflow",
        ErrorKind::ValueTooLarge => "value_too_large",
        ErrorKind::Encode => "encode",
        ErrorKind::Decode => "decode",
        ErrorKind::Unavailable => "unavailable",
        ErrorKind::OutcomeUnknown => "outcome_unknown",
        ErrorKind::Rejected => "rejected",
        ErrorKind::Storage => "storage",
        _ => "other",
    }
}

impl From<Error> for Failure {
    /// The error and what caused it, each once.
    fn from(e: Error) -> Self {
        let mut sentence = e.to_string();
        let mut cause = e.source();
        while let Some(source) = cause {
            let said = source.to_string();
            if !sentence.contains(&said) {
                sentence = format!("{sentence}: {said}");
            }
            cause = source.source();
        }
        Self {
            status: status(e.kind()),
            kind: name(e.kind()),
            sentence,
            key: e.key().map(str::to_owned),
            signal: None,
        }
    }
}
