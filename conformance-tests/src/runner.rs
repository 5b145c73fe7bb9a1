//! Runs checks: one by one, under a watchdog, as named tests.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, mpsc};
use std::time::{Duration, Instant};

use libtest_mimic::{Completion, Trial};

use crate::context::{Mode, T};
use crate::outcome::{Finished, Outcome, Status, Stop};
use crate::registry::{self, Check};
use crate::suite::Suite;
use crate::{advice, arguments, report, workers};

/// A check that has not ended by then hangs.
const WATCHDOG: Duration = Duration::from_secs(600);

/// A check of a backend that is merely shown is given up by then, unless it must pass there, too.
const PATIENCE: Duration = Duration::from_secs(15);

/// How often a basic check is tried on such a backend: the program behind it may have been too busy to
/// answer, and that is no bug of ours.
const TRIES_OBSERVED: usize = 3;

/// The checks that run at once where most of a check's time is waiting.
const WAITING_TOGETHER: usize = 8;

/// Where a check runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a process of its own, if it measures one.
    AsItAsks,
    /// In this process, which has been started for it.
    Here,
}

/// The whole of a test program.
pub(crate) fn main(mut suite: Suite) -> ! {
    // What is merely shown, or checked for its bugs, is none of the report's backends.
    suite.recorded = !suite.observed;
    work_if_worker(|_| Some(suite.clone()));
    let (mut arguments, filters) = arguments::of_program();
    // Checks that wait for a server's clock, or for another program, wait together.
    if (suite.servers.is_some() || suite.observed) && arguments.test_threads.is_none() {
        arguments.test_threads = Some(WAITING_TOGETHER);
    }
    let mut trials = Vec::new();
    for (check, mode) in registry::runs() {
        if suite.observed && mode == Mode::Async && !check.async_only {
            continue;
        }
        let suite = suite.clone();
        let name = format!("{}::{}", check.full_name(), mode.as_str());
        trials.push(Trial::ignorable_test(name, move || trial(&suite, check, mode)));
    }
    trials.push(waivers_name_checks(&suite));
    arguments::select(&mut arguments, &filters, &trials);
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Leaving the process drops nothing.
    if let Some(pool) = &suite.servers {
        pool.stop();
    }
    conclusion.exit()
}

/// In a worker process, does its job and ends.
pub(crate) fn work_if_worker(find: impl FnOnce(&str) -> Option<Suite>) {
    if let Some((said, well)) = workers::run_if_worker(find) {
        #[allow(clippy::print_stdout, reason = "it is how a worker answers")]
        {
            println!("{said}");
        }
        exit(i32::from(!well));
    }
}

fn trial(suite: &Suite, check: &'static Check, mode: Mode) -> Result<Completion, libtest_mimic::Failed> {
    let name = check.full_name();
    let mut finished = run_one(suite, check, mode);
    if suite.observed && is_basic(check) {
        for _ in 1..TRIES_OBSERVED {
            if finished.status == Status::Fail {
                finished = run_one(suite, check, mode);
            }
        }
    }
    report::append(suite, &name, mode, &finished)?;
    match finished.status {
        Status::Pass => Ok(Completion::Completed),
        Status::Skip => Ok(Completion::ignored_with(finished.reason)),
        Status::Waived => Ok(Completion::ignored_with(format!("waived: {}", finished.reason))),
        Status::Fail if suite.observed && !is_basic(check) => {
            let what = finished.reason.lines().next().unwrap_or_default();
            Ok(Completion::ignored_with(format!("it differs: {what}")))
        }
        Status::Fail => {
            // At once, and not only when the last check has ended.
            #[allow(clippy::print_stderr, reason = "it is how a test program says what failed")]
            {
                eprintln!("\n{name}::{} fails on {}: {}\n", mode.as_str(), suite.name, finished.reason);
            }
            Err(finished.reason.into())
        }
    }
}

/// Whether the check is one of the few that a backend must pass which is merely shown.
fn is_basic(check: &Check) -> bool {
    Suite::BASICS.contains(&check.full_name().as_str())
}

/// A waiver for a check that does not exist would hide nothing and promise something.
fn waivers_name_checks(suite: &Suite) -> Trial {
    let waivers = suite.waivers.clone();
    Trial::test("waivers", move || {
        for (check, link) in &waivers {
            if registry::find(check).is_none() {
                return Err(format!("a waiver names the check {check:?}, and there is none").into());
            }
            if !link.contains("://") {
                return Err(format!("the waiver of {check} must name a link, not {link:?}").into());
            }
        }
        Ok(())
    })
}

/// Held for reading by every check that runs, for writing by one that runs alone.
static AT_WORK: RwLock<()> = RwLock::new(());

/// Runs one check in one mode and says how it ended, waivers considered.
pub(crate) fn run_one(suite: &Suite, check: &'static Check, mode: Mode) -> Finished {
    let (_alone, _with_others) = if check.alone {
        (Some(AT_WORK.write().unwrap_or_else(PoisonError::into_inner)), None)
    } else {
        (None, Some(AT_WORK.read().unwrap_or_else(PoisonError::into_inner)))
    };
    let start = Instant::now();
    let outcome = under_watchdog(suite.clone(), check, mode, Place::AsItAsks);
    let took = start.elapsed();
    let waiver = suite.waivers.iter().find(|(name, _)| *name == check.full_name());
    let (status, reason) = match (outcome, waiver) {
        (Ok(()), None) => (Status::Pass, String::new()),
        (Ok(()), Some((_, link))) => {
            (Status::Fail, format!("it passes, and a waiver ({link}) says it fails: take the waiver out"))
        }
        (Err(Stop::Skipped(reason)), _) => (Status::Skip, reason),
        (Err(Stop::Failed(failure)), None) => (Status::Fail, advice::explained(check, &failure)),
        (Err(Stop::Failed(_)), Some((_, link))) => (Status::Waived, link.clone()),
    };
    Finished { status, reason, took }
}

pub(crate) fn under_watchdog(suite: Suite, check: &'static Check, mode: Mode, place: Place) -> Outcome {
    // What must pass is not skipped, however long it takes.
    let may_differ = suite.observed && !is_basic(check);
    let limit = if may_differ { PATIENCE } else { WATCHDOG };
    let given_up = Arc::new(AtomicBool::new(false));
    let suite = if suite.observed { suite.refusing_once(&given_up) } else { suite };
    let (done, ended) = mpsc::channel();
    let body = move || {
        let outcome = catch_unwind(AssertUnwindSafe(|| body(&suite, check, mode, place)));
        // The watchdog may have gone.
        let _ =
            done.send(outcome.unwrap_or_else(|panic| {
                Err(Stop::unexpected("the check", "that it ends", panic_text(&*panic)))
            }));
    };
    std::thread::Builder::new().name(check.name.to_owned()).spawn(body)?;
    ended.recv_timeout(limit).unwrap_or_else(|_| {
        given_up.store(true, Ordering::SeqCst);
        let seconds = limit.as_secs();
        Err(match may_differ {
            true => Stop::Skipped(format!("it takes longer than {seconds} s")),
            false => Stop::unexpected(
                "the check",
                format_args!("that it ends within {seconds} s"),
                "it is still running: a deadlock, a lost wake-up, or a wait without a limit",
            ),
        })
    })
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("it panicked: {}", text.unwrap_or_default())
}

fn body(suite: &Suite, check: &Check, mode: Mode, place: Place) -> Outcome {
    let run = || -> Outcome {
        if suite.observed && check.async_only {
            return Err(Stop::Skipped("of this backend the sync API alone is run".to_owned()));
        }
        if check.own_process && place == Place::AsItAsks {
            return workers::in_own_process(suite, check, mode);
        }
        let t = T::new(suite, check, mode)?;
        if !check.storeless {
            t.needs(t.capabilities().stores, "it stores nothing")?;
        }
        block_on(mode, (check.run)(&t))??;
        t.misuse()
    };
    run()
}

/// Sync callers need no runtime, and get none; async ones a runtime with two threads.
pub(crate) fn block_on<F: Future>(mode: Mode, future: F) -> Outcome<F::Output> {
    match mode {
        Mode::Sync => Ok(futures_lite::future::block_on(future)),
        Mode::Async => {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            let output = runtime.block_on(future);
            runtime.shutdown_timeout(Duration::from_secs(5));
            Ok(output)
        }
    }
}
