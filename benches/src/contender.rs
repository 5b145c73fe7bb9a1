//! [`Contender`]: something that a benchmark compares with others.

use std::fmt;
use std::hint::black_box;
use std::ops::Range;
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// Something that can do a number of operations and say how long they took.
pub struct Contender<'a> {
    pub(crate) name: String,
    pub(crate) goal: Option<f64>,
    pub(crate) floor: bool,
    pub(crate) run: Box<dyn FnMut(u64) -> Duration + 'a>,
}

impl<'a> Contender<'a> {
    /// A contender that does its operations in its own way: `run` does the given number of them, on the
    /// threads or in the tasks that the case asks for, and returns how long they took together.
    pub fn timed(name: impl Into<String>, run: impl FnMut(u64) -> Duration + 'a) -> Self {
        Self { name: name.into(), goal: None, floor: false, run: Box::new(run) }
    }

    /// One that calls `operation` in a loop, with the number of the call. What it returns is kept
    /// from being optimised away, and dropped inside the time.
    pub fn each<T>(name: impl Into<String>, mut operation: impl FnMut(u64) -> T + 'a) -> Self {
        let mut done = 0_u64;
        Self::timed(name, move |calls| {
            done += calls;
            time(done - calls..done, &mut operation)
        })
    }

    /// As [`Contender::each`], with all calls of a slice made once before they are timed: what the system
    /// took from memory since they were made last is read from the disk outside the time.
    pub fn each_from_memory<T>(name: impl Into<String>, mut operation: impl FnMut(u64) -> T + 'a) -> Self {
        let mut done = 0_u64;
        Self::timed(name, move |calls| {
            done += calls;
            time(done - calls..done, &mut operation);
            time(done - calls..done, &mut operation)
        })
    }

    /// As [`Contender::each`], with the calls shared among `threads` threads: `operation` is told its
    /// thread and the number of the call within that thread. The time is that from the first thread's
    /// start to the last one's end.
    pub fn on_threads<T>(
        name: impl Into<String>,
        threads: usize,
        operation: impl Fn(usize, u64) -> T + Sync + 'a,
    ) -> Self {
        let mut done = 0_u64;
        Self::timed(name, move |calls| {
            let calls = calls.div_ceil(threads as u64);
            let gate = Barrier::new(threads);
            let work = |thread: usize| {
                gate.wait();
                let start = Instant::now();
                for n in done..done + calls {
                    black_box(operation(black_box(thread), black_box(n)));
                }
                (start, Instant::now())
            };
            let spans = std::thread::scope(|scope| {
                let others: Vec<_> = (1..threads).map(|thread| scope.spawn(move || work(thread))).collect();
                let mut spans = vec![work(0)];
                spans.extend(others.into_iter().map(|other| other.join().expect("its operations work")));
                spans
            });
            done += calls;
            let start = spans.iter().map(|span| span.0).min().expect("there is one");
            let end = spans.iter().map(|span| span.1).max().expect("there is one");
            end - start
        })
    }

    /// The least ratio, this one's time over ours, that we aim for.
    #[must_use]
    pub const fn goal(mut self, ratio: f64) -> Self {
        self.goal = Some(ratio);
        self
    }

    /// Marks the least that any call can cost here. A goal that even this misses is unachievable.
    #[must_use]
    pub const fn floor(mut self) -> Self {
        self.floor = true;
        self
    }
}

/// Calls `operation` with each of the numbers.
fn time<T>(calls: Range<u64>, operation: &mut impl FnMut(u64) -> T) -> Duration {
    let start = Instant::now();
    for n in calls {
        black_box(operation(black_box(n)));
    }
    start.elapsed()
}

impl fmt::Debug for Contender<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contender")
            .field("name", &self.name)
            .field("goal", &self.goal)
            .finish_non_exhaustive()
    }
}
