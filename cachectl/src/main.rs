//! `cachectl`: looks into a cache, and changes it, over the settings that a deployment has.
//!
//! Exit status: 0 done, a hit, true; 1 a miss or false; 2 a wrong command line, setting, key or
//! value; 3 the backend failed.

mod answer;
mod cli;
mod commands;
mod confirm;
mod failure;
mod json;
mod open;
mod signals;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::Cli;
use crate::failure::Failure;

fn main() -> ExitCode {
    #[cfg(feature = "conformance")]
    commands::conformance::work_if_worker();
    match Cli::try_parse() {
        Ok(cli) => {
            let json = cli.json;
            commands::run(cli).map_or_else(|failure| failure.print(json), |answer| answer.print(json))
        }
        Err(e) if e.use_stderr() => Failure::usage(&e).print(asks_for_json()),
        Err(help) => {
            let printed = answer::print_lines(help.to_string().lines().map(str::to_owned));
            printed.map_or_else(|failure| failure.print(false), |()| ExitCode::SUCCESS)
        }
    }
}

/// Whether a command line that cannot be read asks for JSON.
fn asks_for_json() -> bool {
    std::env::args_os().take_while(|argument| argument != "--").any(|argument| argument == "--json")
}
