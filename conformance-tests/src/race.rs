//! [`Gate`] and `race`: threads or tasks that start each round at the same instant.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fastrand::Rng;

use crate::context::TestContext;
use crate::mode::Mode;
use crate::outcome::{Outcome, Stop};

/// What a racer says that only noticed another's end.
const NOTICED: &str = "another racer stopped before this round";

/// How many spins a racer waits at most before it lets others run.
const SPINS: u32 = 2_000;

/// The same of a task, each of whose spins is a turn of the runtime's.
const TURNS: u32 = 20;

/// How many spins a racer starts late at most: less than a system call takes.
const LATEST: u32 = 100;

/// A spin gate: [`Gate::wait`] returns in all racers at once, or almost: each is late by chance. A barrier
/// would wake them one after the other, which hides most races.
///
/// Without the delay one racer starts first in every round where all share a core, as on a busy machine:
/// often the one that arrives last. It is done before another starts.
#[derive(Debug)]
pub struct Gate {
    shared: Arc<Shared>,
    racers: usize,
    rounds: usize,
    mode: Mode,
    random: Rng,
}

#[derive(Debug, Default)]
struct Shared {
    arrived: AtomicUsize,
    left: AtomicBool,
}

impl Gate {
    /// Waits until every racer has come to this round.
    ///
    /// # Errors
    /// When another racer has stopped for good.
    pub async fn wait(&mut self) -> Outcome {
        self.rounds += 1;
        let all = self.rounds * self.racers;
        self.shared.arrived.fetch_add(1, Ordering::SeqCst);
        let mut spins = 0_u32;
        while self.shared.arrived.load(Ordering::SeqCst) < all {
            if self.shared.left.load(Ordering::SeqCst) && self.shared.arrived.load(Ordering::SeqCst) < all {
                return Err(Stop::broken(NOTICED));
            }
            spins += 1;
            match self.mode {
                Mode::Sync if spins.is_multiple_of(SPINS) => std::thread::yield_now(),
                Mode::Sync => std::hint::spin_loop(),
                Mode::Async => {
                    // The racer that this one waits for may be in another thread of the runtime.
                    if spins.is_multiple_of(TURNS) {
                        std::thread::yield_now();
                    }
                    tokio::task::yield_now().await;
                }
            }
        }
        self.start_late().await;
        Ok(())
    }

    /// Lets each racer be the first in some rounds: also where all share one core, which only a racer that
    /// gives it up leaves to another in time.
    async fn start_late(&mut self) {
        if self.random.bool() {
            (0..self.random.u32(..LATEST)).for_each(|_| std::hint::spin_loop());
            return;
        }
        if self.mode == Mode::Async {
            tokio::task::yield_now().await;
        }
        std::thread::yield_now();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.shared.left.store(true, Ordering::SeqCst);
    }
}

impl TestContext {
    /// Runs `racers` copies of `body` at once, as threads in sync mode and as tasks in async
    /// mode, and gives back what they returned, in order. Each copy gets its number and a gate.
    ///
    /// # Errors
    /// The first racer's failure; a panic is one.
    pub async fn race<R, Fut>(
        &self,
        racers: usize,
        body: impl Fn(usize, Gate) -> Fut + Send + Sync + 'static,
    ) -> Outcome<Vec<R>>
    where
        R: Send + 'static,
        Fut: Future<Output = Outcome<R>> + Send + 'static,
    {
        let results = Arc::new(Mutex::new(Vec::new()));
        results.lock().unwrap_or_else(PoisonError::into_inner).resize_with(racers, || None);
        let told = Arc::clone(&results);
        let racer = move |number: usize, gate: Gate| -> Racer {
            let (racing, told) = (body(number, gate), Arc::clone(&told));
            Box::pin(async move {
                let result = racing.await;
                told.lock().unwrap_or_else(PoisonError::into_inner)[number] = Some(result);
            })
        };
        run_racers(self.mode(), racers, Arc::new(racer)).await;
        let results = std::mem::take(&mut *results.lock().unwrap_or_else(PoisonError::into_inner));
        let mut all = Vec::new();
        let mut stop: Option<Stop> = None;
        for result in results {
            match result.unwrap_or_else(|| Err(Stop::unexpected("a racer", "that it ends", "it panicked"))) {
                Ok(result) => all.push(result),
                // The root cause first: a racer that only noticed another's end says less.
                Err(other) if stop.as_ref().is_none_or(only_noticed) => stop = Some(other),
                Err(_) => {}
            }
        }
        stop.map_or(Ok(all), Err)
    }
}

/// A racer under way.
type Racer = Pin<Box<dyn Future<Output = ()> + Send>>;

fn only_noticed(stop: &Stop) -> bool {
    stop.to_string().contains(NOTICED)
}

/// Starts the racers and waits for their ends. It knows nothing of what they return, so that it is built once.
async fn run_racers(mode: Mode, racers: usize, racer: Arc<dyn Fn(usize, Gate) -> Racer + Send + Sync>) {
    let shared = Arc::new(Shared::default());
    let gate = |number: usize| Gate {
        shared: Arc::clone(&shared),
        racers,
        rounds: 0,
        mode,
        random: Rng::with_seed(number as u64),
    };
    match mode {
        Mode::Sync => {
            let start = |number| {
                let (racer, gate) = (Arc::clone(&racer), gate(number));
                std::thread::spawn(move || futures_lite::future::block_on(racer(number, gate)))
            };
            let threads: Vec<_> = (0..racers).map(start).collect();
            // A racer that panicked has left no result.
            threads.into_iter().for_each(|thread| drop(thread.join()));
        }
        Mode::Async => {
            let tasks: Vec<_> = (0..racers).map(|number| tokio::spawn(racer(number, gate(number)))).collect();
            for task in tasks {
                drop(task.await);
            }
        }
    }
}
