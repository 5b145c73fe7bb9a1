//! [`fork`]: a real fork of the test program, and the use of a cache on both sides of one.

use std::any::Any;
use std::fmt::Display;
use std::io::{self, BufRead as _, BufReader, PipeReader, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use cache_core::{BaseCache, Cache};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use super::runtime;
use crate::effort::effort;
use crate::fault_report::record;

/// How long a child may take.
const LONGEST: Duration = Duration::from_secs(120);

/// Longer than any test.
const LONG: Duration = Duration::from_secs(3_600);

/// A child of this process that has its memory and its descriptors. Killed when dropped.
#[derive(Debug)]
pub struct Forked {
    process: Pid,
    said: Option<PipeReader>,
}

/// Forks. The child runs `child` and ends; [`Forked::join`] returns what that returned. A panic in it is an error.
///
/// Only the calling thread goes on in the child. What the other threads had locked stays locked there, so
/// the test belongs into a program in which it is alone.
///
/// # Errors
/// When the system makes no process or no pipe.
pub fn fork(child: impl FnOnce() -> Result<String, String>) -> io::Result<Forked> {
    let (said, mut saying) = io::pipe()?;
    match ::fork::fork()? {
        ::fork::Fork::Parent(number) => {
            let process = Pid::from_raw(number).ok_or(io::ErrorKind::InvalidData)?;
            Ok(Forked { process, said: Some(said) })
        }
        ::fork::Fork::Child => {
            let result = catch_unwind(AssertUnwindSafe(child)).unwrap_or_else(|panic| Err(text(&*panic)));
            let line = serde_json::to_string(&result).unwrap_or_default();
            // Whom it could tell otherwise is this pipe.
            let _ = saying.write_all(format!("{line}\n").as_bytes());
            // Nothing of the parent is dropped here.
            std::process::exit(0)
        }
    }
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned())).unwrap_or_default()
}

impl Forked {
    /// Waits for the child, at most two minutes, and returns what it returned.
    ///
    /// # Errors
    /// The child's own error, its panic, or that it did not end in time.
    pub fn join(mut self) -> Result<String, String> {
        let said = self.said.take().ok_or("it was waited for already")?;
        let (sender, line) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(said).read_line(&mut line);
            // Nobody waits any more where it is too late.
            let _ = sender.send(read.map(|_| line));
        });
        let line =
            line.recv_timeout(LONGEST).map_err(|_| format!("the child did not end within {LONGEST:?}"))?;
        let line = line.map_err(|e| e.to_string())?;
        serde_json::from_str(&line).unwrap_or_else(|_| Err("the child ended without a word".to_owned()))
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = kill_process(self.process, Signal::KILL);
        let _ = waitpid(Some(self.process), WaitOptions::empty());
    }
}

/// What the calls of one side came to.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Sum {
    calls: u64,
    failed: u64,
    foreign: u64,
    /// The first of them that went wrong.
    first: Option<String>,
}

/// Tests a cache in a process that forks: uses `cache` before a fork, and on both sides after it, sync and async
/// at once, while other threads of the parent use it as well. Every value says who wrote it and under which key,
/// and is of a length of its own.
///
/// # Panics
/// If a side reads what is not its own, or a call fails.
pub fn fork_calls<B: BaseCache + 'static>(backend: &str, cache: &Cache<B>) {
    let forks = effort(8, 100);
    let runtime = runtime();
    let stop = AtomicBool::new(false);
    let (mut ours, mut theirs) = (Sum::default(), Sum::default());
    thread::scope(|scope| {
        let beside: Vec<_> = (0..2)
            .map(|thread| {
                let (stop, name) = (&stop, format!("beside{thread}"));
                scope.spawn(move || {
                    let mut sum = Sum::default();
                    while !stop.load(Ordering::Relaxed) {
                        sum.add(calls(cache, &name, None, 5));
                    }
                    sum
                })
            })
            .collect();
        for round in 0..forks {
            ours.add(calls(cache, &format!("before{round}"), Some(&runtime), 5));
            let child = fork(|| {
                let own = super::runtime();
                let sum = calls(cache, &format!("child{round}"), Some(&own), 60);
                serde_json::to_string(&sum).map_err(|e| e.to_string())
            });
            ours.add(calls(cache, &format!("parent{round}"), Some(&runtime), 60));
            let said = child.map_err(|e| e.to_string()).and_then(Forked::join);
            match said.and_then(|said| serde_json::from_str(&said).map_err(|e| e.to_string())) {
                Ok(sum) => theirs.add(sum),
                // A hang is a failure of all others as well: no need to wait for more of them.
                Err(e) => {
                    theirs.fail(|| format!("child {round}: {e}"));
                    break;
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
        for thread in beside {
            match thread.join() {
                Ok(sum) => ours.add(sum),
                Err(panic) => ours.fail(|| text(&*panic)),
            }
        }
    });
    let (foreign, failed) = (ours.foreign + theirs.foreign, ours.failed + theirs.failed);
    let figure = format!("{foreign} foreign values, {failed} failed calls, {forks} forks");
    record(31, backend, ours.calls + theirs.calls, foreign + failed, &figure);
    assert!(
        foreign == 0 && failed == 0,
        "expected that each call works and reads its own value\nthe parent: {ours:?}\nits children: {theirs:?}"
    );
    assert!(theirs.calls > forks, "the children made no more than {} calls", theirs.calls);
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.foreign += other.foreign;
        self.first = self.first.take().or(other.first);
    }

    fn fail(&mut self, what: impl FnOnce() -> String) {
        self.failed += 1;
        self.first.get_or_insert_with(what);
    }

    /// A value that was read, and the one that was written.
    fn count<E: Display>(&mut self, read: Result<Option<String>, E>, written: &str) {
        self.calls += 1;
        let begin = |text: &str| text.chars().take(40).collect::<String>();
        match read {
            Ok(Some(found)) if found == written => {}
            Ok(found) => {
                self.foreign += 1;
                self.first.get_or_insert_with(|| {
                    format!("expected {:?}…, got {:?}…", begin(written), found.as_deref().map(begin))
                });
            }
            Err(e) => self.fail(|| e.to_string()),
        }
    }
}

/// Writes and reads under keys of `who`, in turns sync and, with a runtime, async.
fn calls<B: BaseCache + 'static>(
    cache: &Cache<B>,
    who: &str,
    runtime: Option<&tokio::runtime::Runtime>,
    rounds: usize,
) -> Sum {
    let mut sum = Sum::default();
    for round in 0..rounds {
        let key = format!("{who}.{}", round % 8);
        let value = format!("{key} {round} {}", "x".repeat(who.len() * 37 + round * 11));
        match cache.set(&key, &value, LONG) {
            Ok(()) => sum.count(cache.get::<String>(&key), &value),
            Err(e) => sum.fail(|| e.to_string()),
        }
        let Some(runtime) = runtime else { continue };
        runtime.block_on(async {
            let tasks = (0..4).map(|task| {
                let cache = cache.clone();
                let (key, value) = (format!("{key}.{task}"), format!("{task} {value}"));
                tokio::spawn(async move {
                    let mut sum = Sum::default();
                    match cache.aset(&key, &value, LONG).await {
                        Ok(()) => sum.count(cache.aget::<String>(&key).await, &value),
                        Err(e) => sum.fail(|| e.to_string()),
                    }
                    sum
                })
            });
            for task in tasks.collect::<Vec<_>>() {
                match task.await {
                    Ok(more) => sum.add(more),
                    Err(e) => sum.fail(|| e.to_string()),
                }
            }
        });
    }
    sum
}
