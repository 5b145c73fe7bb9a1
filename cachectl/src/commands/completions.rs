//! `completions`: prints a shell's completions for this program.

use clap::CommandFactory as _;
use clap_complete::Shell;
use serde_json::json;

use crate::answer::Answer;
use crate::cli::Cli;

pub(super) fn completions(shell: Shell) -> Answer {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "cachectl", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    let json = json!({ "script": script });
    Answer::done(script.lines().map(str::to_owned), json)
}
