//! [`Answer`]: what a command prints, and its exit status.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use cache_core::printable;
use serde_json::{Value, json};

use crate::failure::{Failure, Result};

/// What came of a command.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The exit status: 0 for done, a hit, true; 1 for a miss or false.
    status: u8,
    said: Said,
}

/// What a command returns.
pub(crate) type CommandResult = Result<Answer>;

#[derive(Debug)]
enum Said {
    /// Lines for people, and one object for programs.
    Text { lines: Vec<String>, json: Value },
    /// What is stored, as it is.
    Bytes(Vec<u8>),
}

impl Answer {
    /// Done.
    pub(crate) fn done(lines: impl IntoIterator<Item = String>, json: Value) -> Self {
        Self { status: 0, said: Said::Text { lines: lines.into_iter().collect(), json } }
    }

    /// Done, with nothing to say.
    pub(crate) fn silent() -> Self {
        Self::done([], json!({ "done": true }))
    }

    /// Bytes for a pipe. The caller has refused a terminal.
    pub(crate) const fn bytes(bytes: Vec<u8>) -> Self {
        Self { status: 0, said: Said::Bytes(bytes) }
    }

    /// The same, a miss or false if `yes` is not so.
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
        Self::done([yes.to_string()], json!({ "result": yes })).yes(yes)
    }

    pub(crate) fn print(self, json: bool) -> ExitCode {
        let printed = match self.said {
            Said::Bytes(bytes) => print_bytes(&bytes),
            Said::Text { json: object, .. } if json => print_lines([object.to_string()]),
            Said::Text { lines, .. } => print_lines(lines),
        };
        printed.map_or_else(|failure| failure.print(json), |()| ExitCode::from(self.status))
    }
}

/// Prints lines; on a terminal with what it would obey escaped, the ends of lines within them too.
pub(crate) fn print_lines(lines: impl IntoIterator<Item = String>) -> Result<()> {
    let on_a_terminal = std::io::stdout().is_terminal();
    let mut text = String::new();
    for line in lines {
        text += &if on_a_terminal { printable(&line).to_string() } else { line };
        text.push('\n');
    }
    print_bytes(text.as_bytes())
}

fn print_bytes(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        // A reader that closed the pipe has read enough.
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::wrong(format!("the answer cannot be written: {e}")))
        }
        _ => Ok(()),
    }
}
