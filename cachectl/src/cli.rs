//! Parses the command line.

use std::path::PathBuf;

use cache_core::Timeout;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

/// Inspects and changes a cache.
///
/// Values are read and printed as JSON. Exit status: 0 done, a hit, true; 1 a miss or false;
/// 2 a wrong command line, setting, key or value; 3 the backend is unreachable or failed.
#[derive(Debug, Parser)]
#[command(name = "cachectl", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// A settings file (.toml or .json). Without it and --url, `CACHE_URL` and
    /// `CACHE_<ALIAS>_URL` of the environment apply
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,

    /// Which cache of the settings [default: default]
    #[arg(long, global = true, value_name = "ALIAS")]
    pub(crate) cache: Option<String>,

    /// A cache by its URL, such as redis://localhost:6379/1
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) url: Option<String>,

    /// Prints JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Skips the question before data is destroyed
    #[arg(long, short, global = true)]
    pub(crate) yes: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

// No doc comments on these: clap would put them over those of the commands.

// A version of keys.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Version {
    /// The version of the key [default: that of the settings]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) version: Option<i64>,
}

// One key.
#[derive(Clone, Debug, Args)]
pub(crate) struct Key {
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) version: Version,
}

// One or several keys.
#[derive(Clone, Debug, Args)]
pub(crate) struct Keys {
    #[arg(required = true, value_name = "KEY")]
    pub(crate) keys: Vec<String>,
    #[command(flatten)]
    pub(crate) version: Version,
}

// A lifetime.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Lifetime {
    /// Seconds, or 5m, 1h30m, never; 0 expires at once [default: that of the settings]
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = lifetime)]
    timeout: Option<Timeout>,
}

/// In a program zero or less expires at once; on a command line a minus is a slip.
fn lifetime(text: &str) -> Result<Timeout, String> {
    if text.starts_with('-') {
        return Err("a timeout is not negative; 0 expires at once, and never does not expire".to_owned());
    }
    text.parse().map_err(|e: cache_core::Error| e.to_string())
}

impl Lifetime {
    pub(crate) fn timeout(self) -> Timeout {
        self.timeout.unwrap_or_default()
    }
}

// A key and a value for it.
#[derive(Clone, Debug, Args)]
pub(crate) struct Entry {
    #[command(flatten)]
    pub(crate) key: Key,
    /// JSON; - reads it from standard input
    #[arg(allow_negative_numbers = true)]
    pub(crate) value: String,
    /// Stores the value as bytes, unchanged; - reads them from standard input
    #[arg(long)]
    pub(crate) raw: bool,
    #[command(flatten)]
    pub(crate) lifetime: Lifetime,
}

// A key and how far it goes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Step {
    #[command(flatten)]
    pub(crate) key: Key,
    #[arg(default_value_t = 1, allow_negative_numbers = true)]
    pub(crate) delta: i64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Prints the value of a key
    Get {
        #[command(flatten)]
        key: Key,
        /// Writes the bytes of a string, of bytes or of an integer as they are stored, for a file or a program
        #[arg(long)]
        raw: bool,
    },
    /// Stores a value
    Set(Entry),
    /// Stores a value if the key is absent
    Add(Entry),
    /// Gives a key a new lifetime
    Touch {
        #[command(flatten)]
        key: Key,
        #[command(flatten)]
        lifetime: Lifetime,
    },
    /// Removes a key
    Delete(Key),
    /// Tells whether a key exists
    HasKey(Key),
    /// Prints the values of keys as a JSON object; exit status 1 if one is missing
    GetMany(Keys),
    /// Stores the JSON object on standard input; prints the keys that were refused as too large
    SetMany {
        #[command(flatten)]
        version: Version,
        #[command(flatten)]
        lifetime: Lifetime,
    },
    /// Removes keys, and prints how many of them existed
    DeleteMany(Keys),
    /// Adds to a counter
    Incr(Step),
    /// Subtracts from a counter
    Decr(Step),
    /// Moves a key to a higher version
    IncrVersion(Step),
    /// Moves a key to a lower version
    DecrVersion(Step),
    /// Removes everything in the location, including entries of other programs
    Clear,
    /// Prints the key as the store has it
    MakeKey(Key),
    /// Creates the tables of caches in a database: of the chosen one, or of all in the settings
    Createcachetable {
        /// Only prints the SQL
        #[arg(long)]
        dry_run: bool,
    },
    /// Checks whether the store answers
    Ping,
    /// Reads all settings, prints their errors, and pings each cache
    Check,
    /// Prints what the store reports about itself
    Info,
    /// Removes expired entries (files, database)
    PurgeExpired,
    /// Prints the kind and the bytes stored under a key, and how they read
    Decode(Key),
    /// Runs the conformance suite against the cache, under its own keys
    #[cfg(feature = "conformance")]
    Conformance {
        /// Checks whose names contain one of these; all by default
        #[arg(value_name = "CHECK")]
        filter: Vec<String>,
    },
    /// Measures the common operations, under its own keys
    Bench(Bench),
    /// Prints a completion script
    Completions { shell: Shell },
}

// What is measured.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Bench {
    /// How long each operation is called
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    pub(crate) seconds: f64,
    /// The size of a value
    #[arg(long, value_name = "BYTES", default_value_t = 100, value_parser = clap::value_parser!(u32).range(..=2_000_000_000))]
    pub(crate) size: u32,
    /// How many threads call at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clap_has_nothing_to_object_to() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }
}
