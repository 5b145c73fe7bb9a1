//! Runs one check in one mode, under a watchdog, and says how it ended.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, mpsc};
use std::time::{Duration, Instant};

use crate::check::Check;
use crate::context::TestContext;
use crate::mode::Mode;
use crate::outcome::{Finished, Outcome, Status, Stop};
use crate::suite::Suite;
use crate::{advice, workers};

/// A check that has not ended by then hangs.
const WATCHDOG: Duration = Duration::from_secs(600);

/// A check of a backend that is merely shown is given up by then, unless it must pass there, too.
const PATIENCE: Duration = Duration::from_secs(15);

/// Where a check runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a process of its own, if it measures one.
    AsItAsks,
    /// In this process, which has been started for it.
    Here,
}

/// Whether the check is one of the few that a backend must pass which is merely shown.
pub(crate) fn is_basic(check: &Check) -> bool {
    Suite::BASICS.contains(&check.full_name().as_str())
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

pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
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
            return workers::in_own_process(suite, check.full_name(), mode);
        }
        let t = TestContext::new(suite, check.full_name(), mode, check.real_time)?;
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
