//! Races, amplified: threads or tasks that start each round at the same instant.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::context::{Mode, T};
use crate::outcome::{Outcome, Stop};

/// A spin gate: [`Gate::wait`] returns in all racers at once. A barrier would wake them one
/// after the other, which hides most races.
#[derive(Debug)]
pub struct Gate {
    shared: Arc<Shared>,
    racers: usize,
    rounds: usize,
    mode: Mode,
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
                return Err(Stop::failed("another racer stopped before this round"));
            }
            spins += 1;
            match self.mode {
                Mode::Sync if spins.is_multiple_of(2_000) => std::thread::yield_now(),
                Mode::Sync => std::hint::spin_loop(),
                Mode::Async => tokio::task::yield_now().await,
            }
        }
        Ok(())
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.shared.left.store(true, Ordering::SeqCst);
    }
}

impl T {
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
        let shared = Arc::new(Shared::default());
        let gate = || Gate { shared: Arc::clone(&shared), racers, rounds: 0, mode: self.mode() };
        let mut results = Vec::new();
        let panicked = |_: Box<dyn std::any::Any + Send>| Stop::failed("a racer panicked");
        match self.mode() {
            Mode::Sync => {
                let body = Arc::new(body);
                let threads: Vec<_> = (0..racers)
                    .map(|number| {
                        let (body, gate) = (Arc::clone(&body), gate());
                        std::thread::spawn(move || futures_lite::future::block_on(body(number, gate)))
                    })
                    .collect();
                for thread in threads {
                    results.push(thread.join().map_err(panicked).and_then(|result| result));
                }
            }
            Mode::Async => {
                let tasks: Vec<_> = (0..racers).map(|number| tokio::spawn(body(number, gate()))).collect();
                for task in tasks {
                    results.push(task.await.map_err(|_| panicked(Box::new(()))).and_then(|result| result));
                }
            }
        }
        // The root cause first: a racer that only noticed another's end says less.
        let noticed = |stop: &Stop| stop.to_string().contains("another racer stopped");
        if let Some(Err(cause)) = results.iter().find(|r| r.as_ref().is_err_and(|stop| !noticed(stop))) {
            return Err(cause.clone());
        }
        results.into_iter().collect()
    }
}
