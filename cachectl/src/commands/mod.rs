//! The commands, a file for each family.

mod batch;
mod bench;
mod check;
mod completions;
#[cfg(feature = "conformance")]
pub(crate) mod conformance;
mod counters;
mod decode;
mod keys;
mod store;

use crate::answer::CommandResult;
use crate::cli::{Cli, Command};
use crate::open::Chosen;

/// Does what the command line says.
pub(crate) fn run(cli: Cli) -> CommandResult {
    let chosen = Chosen::of(&cli)?;
    match cli.command {
        Command::Get { key, raw } => keys::get(&chosen, &key, raw, cli.json),
        Command::Set(entry) => keys::set(&chosen, &entry),
        Command::Add(entry) => keys::add(&chosen, &entry),
        Command::Touch { key, lifetime } => keys::touch(&chosen, &key, lifetime),
        Command::Delete(key) => keys::delete(&chosen, &key),
        Command::HasKey(key) => keys::has_key(&chosen, &key),
        Command::MakeKey(key) => keys::make_key(&chosen, &key),
        Command::GetMany(keys) => batch::get(&chosen, &keys),
        Command::SetMany { version, lifetime } => batch::set(&chosen, version, lifetime),
        Command::DeleteMany(keys) => batch::delete(&chosen, &keys, cli.yes),
        Command::Incr(step) => counters::incr(&chosen, &step),
        Command::Decr(step) => counters::decr(&chosen, &step),
        Command::IncrVersion(step) => counters::incr_version(&chosen, &step),
        Command::DecrVersion(step) => counters::decr_version(&chosen, &step),
        Command::Clear => store::clear(&chosen, cli.yes),
        Command::Createcachetable { dry_run } => store::create_cache_table(&chosen, dry_run),
        Command::Ping => store::ping(&chosen),
        Command::Info => store::info(&chosen),
        Command::PurgeExpired => store::purge_expired(&chosen),
        Command::Check => check::check(&chosen),
        Command::Decode(key) => decode::decode(&chosen, &key),
        #[cfg(feature = "conformance")]
        Command::Conformance { filter } => conformance::conformance(&chosen, &filter, cli.json),
        Command::Bench(bench) => bench::bench(&chosen, bench),
        Command::Completions { shell } => Ok(completions::completions(shell)),
    }
}
