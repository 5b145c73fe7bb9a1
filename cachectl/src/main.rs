//! `cachectl`: looks into a cache, and changes it, over the settings that a deployment has.
//!
//! Exit status: 0 done, a hit, true; 1 a miss or false; 2 a wrong command line, setting, key or
//! value; 3 the backend failed.

mod answer;
mod cli;
mod commands;
mod confirm;
mod open;

use std::process::ExitCode;

use clap::Parser as _;

use crate::answer::Failure;
use crate::cli::Cli;

fn main() -> ExitCode {
    #[cfg(feature = "conformance")]
    commands::conformance::work_if_worker();
    match Cli::try_parse() {
        Ok(cli) => {
            let json = cli.json;
            commands::run(cli).map_or_else(|failure| failure.print(), |answer| answer.print(json))
        }
        Err(e) if e.use_stderr() => Failure::usage(&e).print(),
        Err(help) => answer::print(&help.to_string(), ExitCode::SUCCESS),
    }
}
