//! [`Arguments`]: reads the arguments of a test program, those of libtest.

use std::path::PathBuf;

const USAGE: &str = "\
usage: [OPTIONS] [FILTER]...

Runs the tests whose names contain one of the filters, or all.

  --exact               a filter is a whole name
  --skip FILTER         leaves out what matches; may be repeated
  --list                prints the names of the tests and runs none
  --ignored             runs the ignored tests alone: none is ignored before it runs
  --include-ignored     has no effect
  --test-threads N      runs N tests at once
  --format FORMAT       pretty, terse or json
  -q, --quiet           the same as --format terse
  --logfile PATH        writes the results to a file
  --nocapture, --no-capture, --show-output, --color WHEN, --test, -Z FLAG
                        have no effect: nothing is captured or coloured
  --bench               runs nothing: the suite has no benchmarks
  -h, --help            prints this";

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One line for each test.
    #[default]
    Pretty,
    /// One character for each test.
    Terse,
    /// One JSON object for each event, with the names that libtest has for them.
    Json,
}

/// The arguments of a test program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    filters: Vec<String>,
    skip: Vec<String>,
    exact: bool,
    /// Only ignored tests or benchmarks are asked for, of which there are none.
    none: bool,
    /// Lists the tests instead of running them.
    pub list: bool,
    /// How results are printed.
    pub format: Format,
    /// The file that results are written to, instead of the standard output.
    pub logfile: Option<PathBuf>,
    /// How many tests run at once; one per processor if `None`.
    pub test_threads: Option<usize>,
}

impl Arguments {
    /// Reads the program's arguments. Ends the process if it is asked for help (status 0), and with an error for an
    /// argument that it does not know (status 2).
    #[must_use]
    #[allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program's command line")]
    pub fn from_args() -> Self {
        let arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
        match Self::parse(arguments) {
            Ok(Some(arguments)) => arguments,
            Ok(None) => {
                println!("{USAGE}");
                std::process::exit(0)
            }
            Err(e) => {
                eprintln!("error: {e}\n\n{USAGE}");
                std::process::exit(2)
            }
        }
    }

    /// Reads arguments, without the program's name. Returns `None` if help is asked for.
    ///
    /// # Errors
    /// For an unknown option or value: a message that names it.
    pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut read = Self::default();
        let mut arguments = arguments.peekable();
        while let Some(argument) = arguments.next() {
            let (name, mut attached) = match argument.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (argument.as_str(), None),
            };
            let mut value = || {
                attached.take().or_else(|| arguments.next()).ok_or_else(|| format!("{name} needs a value"))
            };
            match name {
                "-h" | "--help" => return Ok(None),
                "--exact" => read.exact = true,
                "--list" => read.list = true,
                "--ignored" | "--bench" => read.none = true,
                "--skip" => read.skip.push(value()?),
                "--logfile" => read.logfile = Some(value()?.into()),
                "--test-threads" => read.test_threads = Some(number(&value()?)?),
                "-q" | "--quiet" => read.format = Format::Terse,
                "--format" => read.format = format(&value()?)?,
                "--color" | "-Z" => drop(value()?),
                "--include-ignored" | "--nocapture" | "--no-capture" | "--show-output" | "--test" => {}
                _ if name.starts_with('-') => return Err(format!("unknown option {name}")),
                _ => {
                    read.filters.push(argument);
                    continue;
                }
            }
            if attached.is_some() {
                return Err(format!("{name} takes no value"));
            }
        }
        Ok(Some(read))
    }

    /// Whether a test of this name is to run.
    #[must_use]
    pub fn chooses(&self, name: &str) -> bool {
        let matches = |text: &String| if self.exact { name == text } else { name.contains(&**text) };
        !self.none
            && (self.filters.is_empty() || self.filters.iter().any(matches))
            && !self.skip.iter().any(matches)
    }

    pub(super) fn threads(&self) -> usize {
        self.test_threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
    }
}

fn number(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("--test-threads must be a positive number, not {text:?}")),
        Ok(number) => Ok(number),
    }
}

fn format(text: &str) -> Result<Format, String> {
    match text {
        "pretty" => Ok(Format::Pretty),
        "terse" => Ok(Format::Terse),
        "json" => Ok(Format::Json),
        _ => Err(format!("--format must be pretty, terse or json, not {text:?}")),
    }
}
