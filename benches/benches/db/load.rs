//! What is asked of all of them: the operations, the rows, and which row is next.

use std::sync::Barrier;
use std::time::{Duration, Instant};

pub const TIMEOUT: Duration = Duration::from_secs(3_600);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Get,
    Set,
    Incr,
    GetMany,
    SetMany,
}

impl Operation {
    pub const ALL: [Self; 5] = [Self::Get, Self::Set, Self::Incr, Self::GetMany, Self::SetMany];

    /// Its name in the report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GetMany => "get_many(100)",
            Self::SetMany => "set_many(100)",
            other => other.function(),
        }
    }

    /// Its name in benches/python/db.py.
    pub const fn function(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
            Self::Incr => "incr",
            Self::GetMany => "get_many",
            Self::SetMany => "set_many",
        }
    }

    /// How a transaction for it begins.
    pub const fn begin(self) -> &'static str {
        if matches!(self, Self::GetMany) { "BEGIN" } else { "BEGIN IMMEDIATE" }
    }
}

/// A row of the table: nine in ten are strings of 100 bytes, the others are numbers.
#[derive(Clone, Copy, Debug)]
pub enum Row {
    Text(u64),
    Number(u64),
}

impl Row {
    /// All rows of a table of `rows` rows.
    pub fn all(rows: u64) -> impl Iterator<Item = Self> {
        (0..rows).map(|n| if n % 10 == 0 { Self::Number(n / 10) } else { Self::Text(n - n / 10 - 1) })
    }

    pub fn key(self) -> String {
        match self {
            Self::Text(n) => format!("text{n:07}"),
            Self::Number(n) => format!("number{n:07}"),
        }
    }

    /// The key as our cache makes it, with its version.
    pub fn made(self) -> String {
        match self {
            Self::Text(n) => format!(":1:text{n:07}"),
            Self::Number(n) => format!(":1:number{n:07}"),
        }
    }

    pub fn value(n: u64) -> String {
        format!("{n:0100}")
    }
}

/// Which row is next: any, each as likely.
pub struct Picks {
    random: fastrand::Rng,
    rows: u64,
}

impl Picks {
    pub fn new(rows: u64, thread: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(thread), rows }
    }

    pub fn text(&mut self) -> Row {
        Row::Text(self.random.u64(0..self.rows / 10 * 9))
    }

    pub fn number(&mut self) -> Row {
        Row::Number(self.random.u64(0..self.rows / 10))
    }

    pub fn hundred(&mut self) -> impl Iterator<Item = Row> + use<'_> {
        (0..100).map(|_| self.text())
    }
}

/// Where the threads of one run wait for one another.
pub struct Gate(Barrier);

impl Gate {
    /// Waits until all threads have arrived, and returns the time of that.
    pub fn pass(&self) -> Instant {
        self.0.wait();
        Instant::now()
    }
}

/// Runs `work` for each of `workers`, on threads where there are several, and returns how long it
/// took from when the first began until the last was done. Each does its share of `calls`.
pub fn on_threads<W: Send>(
    workers: &mut [W],
    calls: u64,
    work: impl Fn(&mut W, u64, &Gate) -> Instant + Sync,
) -> Duration {
    let threads = workers.len() as u64;
    let gate = Gate(Barrier::new(workers.len()));
    if let [only] = workers {
        return work(only, calls, &gate).elapsed();
    }
    std::thread::scope(|scope| {
        let (work, gate) = (&work, &gate);
        let share = |thread| (calls + thread) / threads;
        let spawned = workers
            .iter_mut()
            .zip(0..)
            .map(|(worker, thread)| scope.spawn(move || (work(worker, share(thread), gate), Instant::now())));
        let all: Vec<_> = spawned.collect();
        let times: Vec<_> = all.into_iter().map(|thread| thread.join().unwrap()).collect();
        let began = times.iter().map(|(began, _)| *began).min().unwrap();
        times.iter().map(|(_, ended)| *ended - began).max().unwrap()
    })
}
