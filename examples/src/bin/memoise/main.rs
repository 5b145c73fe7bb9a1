//! Memoises a slow computation over real files, on three backends with the same code.
//!
//! `memoise [PATH] [--cache-dir DIR]`: PATH is a file or a folder, by default this
//! workspace's own sources. The caches on disk are made in DIR, or in a temporary folder that is
//! removed at the end.

mod analyse;
mod files;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use analyse::{Report, analyse};
use files::Text;
use indicatif::{ProgressBar, ProgressStyle};
use polycache::{Cache, DatabaseCache, FileCache, LocMemCache, Timeout};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

const HOUR: Duration = Duration::from_secs(3_600);
const ROOM: u64 = 10_000;

const USAGE: &str = "usage: memoise [PATH] [--cache-dir DIR]";

fn main() -> ExitCode {
    let Some(arguments) = std::env::args_os().skip(1).all(|word| word != "--help").then(Arguments::parse)
    else {
        println!("{USAGE}\n\nMemoises a slow computation over the files below PATH, on three backends.");
        return ExitCode::SUCCESS;
    };
    let (status, done) = match arguments {
        Ok(arguments) => (1, memoise(&arguments)),
        Err(e) => (2, Err(format!("{e}; {USAGE}").into())),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("memoise: {e}");
            ExitCode::from(status)
        }
    }
}

fn memoise(arguments: &Arguments) -> Result<()> {
    let inputs = files::read(&arguments.path)?;
    if let Some(backend) = &arguments.second_run {
        let (time, hits) = look_up(&open(backend, &arguments.cache_dir)?, &inputs)?;
        println!("{hits} {}", time.as_micros());
        return Ok(());
    }
    println!(
        "{} files of {}, compared line by line: cold computes it all, warm finds it in the cache\n",
        inputs.len(),
        arguments.path.display()
    );
    println!(
        "{:<8} {:>10} {:>10} {:>7} {:>6} {:>8} {:>9} {:>20}",
        "backend", "cold", "warm", "faster", "hits", "misses", "entries", "a new process hits"
    );
    let mut found = None;
    for backend in ["locmem", "file", "sqlite"] {
        let cache = open(backend, &arguments.cache_dir)?;
        let row = run(&cache, &inputs, backend)?;
        let second = in_a_new_process(backend, arguments)?;
        println!(
            "{backend:<8} {:>10} {:>10} {:>6.0}x {:>6} {:>8} {:>9} {:>20}",
            show(row.cold),
            show(row.warm),
            row.cold.as_secs_f64() / row.warm.as_secs_f64(),
            row.hits,
            row.misses,
            row.entries,
            second,
        );
        found = row.most_alike.or(found);
    }
    if let Some((name, pair)) = found {
        println!(
            "\nMost alike: lines {} and {} of {name} (edits: {}):\n    {}",
            pair.lines.0, pair.lines.1, pair.edits, pair.text
        );
    }
    Ok(())
}

/// The one line that knows which backend it is.
fn open(backend: &str, dir: &Path) -> Result<Cache> {
    Ok(match backend {
        "locmem" => Cache::new(LocMemCache::builder().max_entries(ROOM).build()?).erase(),
        "file" => Cache::new(FileCache::builder(dir.join("files")).max_entries(ROOM).build()?).erase(),
        "sqlite" => {
            Cache::new(DatabaseCache::builder(dir.join("cache.sqlite3")).max_entries(ROOM).build()?).erase()
        }
        other => return Err(format!("unknown backend {other:?}").into()),
    })
}

struct Row {
    cold: Duration,
    warm: Duration,
    hits: i64,
    misses: i64,
    entries: u64,
    most_alike: Option<(String, analyse::Pair)>,
}

fn run(cache: &Cache, inputs: &[Text], backend: &str) -> Result<Row> {
    cache.set("hits", &0, Timeout::Never)?;
    cache.set("misses", &0, Timeout::Never)?;

    let bar = ProgressBar::new(inputs.len() as u64);
    bar.set_style(ProgressStyle::with_template("{prefix:<8} {bar:40} {pos}/{len} {wide_msg}")?);
    bar.set_prefix(backend.to_owned());
    let start = Instant::now();
    for text in inputs {
        bar.set_message(text.name.clone());
        memoised(cache, text)?;
        bar.inc(1);
    }
    let cold = start.elapsed();
    bar.finish_and_clear();

    let start = Instant::now();
    for text in inputs {
        memoised(cache, text)?;
    }
    let warm = start.elapsed();

    // All reports in one call, for the one that is worth showing.
    let reports = cache.get_many::<Report, _>(inputs.iter().map(|text| &*text.key))?;
    let names = |key: &str| inputs.iter().find(|text| text.key == key).map(|text| text.name.clone());
    let most_alike = reports
        .into_iter()
        .filter_map(|(key, report)| Some((names(key)?, report.most_alike?)))
        .min_by_key(|(_, pair)| (pair.edits, usize::MAX - pair.text.len()));

    // A new version of the computation begins with nothing, and the old one keeps what it has.
    let next = cache.with_version(2);
    let stale = next.get_many::<Report, _>(inputs.iter().map(|text| &*text.key))?;
    assert!(stale.is_empty(), "a new version found {} old reports", stale.len());

    Ok(Row {
        cold,
        warm,
        hits: cache.get_or("hits", 0)?,
        misses: cache.get_or("misses", 0)?,
        entries: cache.backend().entries()?.unwrap_or_default(),
        most_alike,
    })
}

/// The whole of memoising: a hit is counted, a miss is computed, once, and counted.
fn memoised(cache: &Cache, text: &Text) -> Result<Report> {
    let mut computed = false;
    let report = cache.get_or_set(&text.key, HOUR, || {
        computed = true;
        analyse(&text.content)
    })?;
    cache.incr(if computed { "misses" } else { "hits" })?;
    Ok(report)
}

/// How many of the inputs are in the cache, and how long it took to find out.
fn look_up(cache: &Cache, inputs: &[Text]) -> Result<(Duration, usize)> {
    let start = Instant::now();
    let found = cache.get_many::<Report, _>(inputs.iter().map(|text| &*text.key))?;
    Ok((start.elapsed(), found.len()))
}

/// Runs this program again, which only looks into the cache that this run has left.
fn in_a_new_process(backend: &str, arguments: &Arguments) -> Result<String> {
    let program = std::env::current_exe()?;
    let mut command = Command::new(program);
    command.arg(&arguments.path).arg("--cache-dir").arg(&*arguments.cache_dir);
    let output = command.arg("--second-run").arg(backend).output()?;
    if !output.status.success() {
        return Err(format!("the second run failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let said = String::from_utf8(output.stdout)?;
    let mut words = said.split_whitespace();
    let (hits, micros) = (words.next().unwrap_or("?"), words.next().unwrap_or("0").parse()?);
    Ok(format!("{hits} in {}", show(Duration::from_micros(micros))))
}

fn show(time: Duration) -> String {
    if time.as_secs() > 0 {
        format!("{:.2} s", time.as_secs_f64())
    } else {
        format!("{:.2} ms", time.as_secs_f64() * 1e3)
    }
}

struct Arguments {
    path: PathBuf,
    cache_dir: PathBuf,
    second_run: Option<String>,
    /// Removed when the program ends.
    _temporary: Option<tempfile::TempDir>,
}

impl Arguments {
    fn parse() -> Result<Self> {
        let (mut path, mut cache_dir, mut second_run) = (None, None, None);
        let mut words = std::env::args_os().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{} needs a value", word.display()));
            match word.to_str() {
                Some("--cache-dir") => cache_dir = Some(PathBuf::from(value()?)),
                Some("--second-run") => second_run = Some(value()?.to_string_lossy().into_owned()),
                Some(option) if option.starts_with("--") => {
                    return Err(
                        format!("unknown option {option}; usage: memoise [PATH] [--cache-dir DIR]").into()
                    );
                }
                _ => path = Some(PathBuf::from(word)),
            }
        }
        let temporary = if cache_dir.is_none() { Some(tempfile::tempdir()?) } else { None };
        let sources = || Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned);
        Ok(Self {
            path: path.or_else(sources).ok_or("name a file or a folder")?,
            cache_dir: cache_dir
                .or_else(|| temporary.as_ref().map(|dir| dir.path().to_owned()))
                .ok_or("no cache dir")?,
            second_run,
            _temporary: temporary,
        })
    }
}
