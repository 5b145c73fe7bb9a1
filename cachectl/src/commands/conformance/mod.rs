//! `conformance`: runs the suite against a cache that others may be using.

mod report;
mod scoped;

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use cache_core::{AsyncWay, Cache};
use clap::Parser as _;
use conformance_tests::{Mode, Suite};
use indicatif::{ProgressBar, ProgressStyle};

use self::report::Report;
use self::scoped::Scoped;
use crate::answer::CommandResult;
use crate::cli::Cli;
use crate::failure::{Failure, Result};
use crate::open::Chosen;
use crate::signals::Interrupt;

/// How many checks run at once on a server: most of their time they wait for its clock.
const AT_ONCE: usize = 8;

/// In a process that the suite has started as a worker, does its work and ends.
pub(crate) fn work_if_worker() {
    Suite::work_if_worker(|run| {
        let cli = Cli::try_parse().ok()?;
        // A signal ends a worker at once: what it wrote is listed, and its parent removes it.
        Some(suite(Chosen::of(&cli).ok()?, run, Interrupt::default()))
    });
}

/// The suite under the prefix `run`, which also names the directory of the lists of keys.
fn suite(chosen: Chosen, run: &str, interrupt: Interrupt) -> Suite {
    let name = run.to_owned();
    let open = move |spec: &conformance_tests::Spec| {
        Scoped::open(chosen.cache()?, &name, &spec.location, interrupt.clone())
    };
    Suite::new(run, open).shared_locations()
}

pub(super) fn conformance(chosen: &Chosen, filter: &[String], json: bool) -> CommandResult {
    let cache = chosen.cache()?;
    cache.ping()?;
    // Its settings may name none, and the store remember one.
    if cache.info()?.max_entries.is_some() {
        return Err(Failure::wrong(
            "the cache has a limit of entries, and the suite would evict entries of other programs; lift the limit meanwhile with ?max_entries=unlimited in the URL, or give another location",
        ));
    }
    let wanted = |name: &str| filter.is_empty() || filter.iter().any(|part| name.contains(&**part));
    let runs: Vec<(String, Mode)> = Suite::runs().into_iter().filter(|(name, _)| wanted(name)).collect();
    if runs.is_empty() {
        return Err(Failure::wrong(format!("no check has {} in its name", filter.join(" or "))));
    }
    let failed = |e| Failure::wrong(format!("no temporary directory can be made: {e}"));
    let dir = tempfile::Builder::new().prefix("cachectl-").tempdir().map_err(failed)?;
    let run = dir.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let threads = match cache.backend().as_async() {
        AsyncWay::Native(_) => AT_ONCE,
        _ => 1,
    };
    let interrupt = Interrupt::listen()?;
    let suite = suite(chosen.clone(), &run, interrupt.clone());
    let report = run_all(&suite, &runs, threads, json, &interrupt);
    remove_all(&cache, dir.path())?;
    match interrupt.failure() {
        Some(failure) => {
            // A signal ends this process without the destructor of the directory.
            let _ = dir.close();
            Err(failure)
        }
        None => Ok(report.answer()),
    }
}

fn run_all(
    suite: &Suite,
    runs: &[(String, Mode)],
    threads: usize,
    json: bool,
    interrupt: &Interrupt,
) -> Report {
    let progress = ProgressBar::new(runs.len() as u64);
    // The template is a constant; without it the bar is the usual one.
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {msg}") {
        progress.set_style(style);
    }
    let (next, report) = (AtomicUsize::new(0), Mutex::new(Report::new(json)));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((name, mode)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if interrupt.came() {
                        break;
                    }
                    progress.set_message(name.clone());
                    let finished = suite.check(name, *mode);
                    // What failed because of the signal says nothing.
                    if let Some(finished) = finished.filter(|_| !interrupt.came()) {
                        report
                            .lock()
                            .unwrap_or_else(std::sync::PoisonError::into_inner)
                            .add(name, *mode, &finished);
                    }
                    progress.inc(1);
                }
            });
        }
    });
    progress.finish_and_clear();
    report.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Removes what is left of all checks.
fn remove_all(cache: &Cache, dir: &Path) -> Result<()> {
    let failed = |e| Failure::wrong(format!("the keys of the suite cannot be listed: {e}"));
    for list in std::fs::read_dir(dir).map_err(failed)? {
        scoped::remove(cache, &list.map_err(failed)?.path())?;
    }
    Ok(())
}
