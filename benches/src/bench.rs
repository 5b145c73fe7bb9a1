//! [`Bench`]: one area's run.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::Duration;

use crate::contender::Contender;
use crate::row::{Row, Unit};

/// A slice is the number of operations that take about this long: long beside a clock's reading, short beside
/// what disturbs a machine.
const SLICE: Duration = Duration::from_millis(20);
/// Long beside the time in which a system redistributes its processors among a crowd of threads.
const LONG_SLICE: Duration = Duration::from_millis(300);
const ROUNDS: usize = 21;

const QUICK_SLICE: Duration = Duration::from_millis(1);
const QUICK_ROUNDS: usize = 3;

/// One area's run: measures cases, prints a row for each peer and writes it to the file that
/// `BENCH_REPORT` names.
///
/// `cargo bench` runs a program in full. `cargo test` runs the quick form, which shows that every
/// case works and judges nothing. Words on the command line choose the cases that contain one of them.
#[derive(Clone, Debug)]
pub struct Bench {
    area: &'static str,
    quick: bool,
    slice: Duration,
    wanted: Vec<String>,
}

impl Bench {
    /// The run of `area` that the command line asks for.
    #[must_use]
    pub fn from_args(area: &'static str) -> Self {
        let (options, wanted): (Vec<_>, Vec<_>) =
            std::env::args().skip(1).partition(|arg| arg.starts_with("--"));
        let quick =
            !options.iter().any(|option| option == "--bench") || options.iter().any(|o| o == "--quick");
        let slice = if quick { QUICK_SLICE } else { SLICE };
        Self { area, quick, slice, wanted }
    }

    /// The same with slices of 300 ms: for contenders of which each has threads of its own on both sides of a
    /// socket, and first has to find its processors.
    #[must_use]
    pub fn in_long_slices(&self) -> Self {
        let slice = if self.quick { QUICK_SLICE } else { LONG_SLICE };
        Self { slice, ..self.clone() }
    }

    /// Whether this is the quick form: cases take small sizes then.
    #[must_use]
    pub const fn quick(&self) -> bool {
        self.quick
    }

    /// `full`, or in the quick form `quick`.
    #[must_use]
    pub fn size<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Whether the command line asks for this case. Cases with expensive setup ask first.
    #[must_use]
    pub fn wants(&self, case: &str) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|word| case.contains(word.as_str()))
    }

    /// Measures `ours` and `peers` in turns: each round runs a slice of every one of them, and
    /// begins with another. The ratio is the median of the rounds' ratios, so that what disturbs
    /// the machine for longer than a round disturbs both sides of it. Returns the median nanoseconds of
    /// each, ours first, or `None` for a case that the command line does not ask for.
    pub fn compare<'a>(
        &self,
        case: &str,
        mut ours: Contender<'a>,
        mut peers: Vec<Contender<'a>>,
    ) -> Option<Vec<f64>> {
        if !self.wants(case) {
            return None;
        }
        let (slice, rounds) = (self.slice, self.size(ROUNDS, QUICK_ROUNDS));
        let mut all: Vec<&mut Contender<'a>> = std::iter::once(&mut ours).chain(&mut peers).collect();
        let calls: Vec<u64> = all.iter_mut().map(|contender| calls_in(slice, contender)).collect();
        let mut times = vec![Vec::with_capacity(rounds); all.len()];
        for round in 0..rounds {
            for turn in 0..all.len() {
                let place = (round + turn) % all.len();
                let took = (all[place].run)(calls[place]);
                times[place].push(took.as_nanos() as f64 / calls[place] as f64);
            }
        }
        for (peer, peer_times) in peers.iter().zip(&times[1..]) {
            let ratios = sorted(peer_times.iter().zip(&times[0]).map(|(peer, ours)| peer / ours));
            self.report(Row {
                area: self.area.to_owned(),
                case: case.to_owned(),
                ours_ns: median(&times[0]),
                peer: peer.name.clone(),
                peer_ns: median(peer_times),
                ratio: ratios[ratios.len() / 2],
                spread: (ratios[ratios.len() / 4], ratios[ratios.len() * 3 / 4]),
                unit: Unit::Ns,
                goal: peer.goal,
                floor: peer.floor,
            });
        }
        Some(times.iter().map(|times| median(times)).collect())
    }

    /// A row of two numbers that something else than [`Bench::compare`] measured: bytes, misses, the
    /// longest pause. Of both numbers the lower is the better one.
    pub fn compare_numbers(&self, case: &str, unit: Unit, ours: f64, peer: (&str, f64), goal: Option<f64>) {
        self.report(Self::row_of_numbers(self.area, case, unit, ours, peer, goal));
    }

    /// As [`Bench::compare_numbers`], of a number that nobody can be below.
    pub fn compare_floor(&self, case: &str, unit: Unit, ours: f64, floor: (&str, f64), goal: Option<f64>) {
        let row = Self::row_of_numbers(self.area, case, unit, ours, floor, goal);
        self.report(Row { floor: true, ..row });
    }

    fn row_of_numbers(
        area: &str,
        case: &str,
        unit: Unit,
        ours: f64,
        peer: (&str, f64),
        goal: Option<f64>,
    ) -> Row {
        // Nothing at all beats every number, and equals nothing.
        let ratio = if ours > 0.0 {
            peer.1 / ours
        } else if peer.1 > 0.0 {
            f64::MAX
        } else {
            1.0
        };
        Row {
            area: area.to_owned(),
            case: case.to_owned(),
            ours_ns: ours,
            peer: peer.0.to_owned(),
            peer_ns: peer.1,
            ratio,
            spread: (ratio, ratio),
            unit,
            goal,
            floor: false,
        }
    }

    fn report(&self, row: Row) {
        let verdict = match row.meets() {
            // Times of a debug build say nothing.
            _ if self.quick => String::new(),
            None => String::new(),
            Some(met) => {
                format!("  goal {:.2} {}", row.goal.unwrap_or_default(), if met { "met" } else { "MISSED" })
            }
        };
        println!(
            "{:<10} {:<44} {:>12.1} {:<20} {:>12.1} {:>8.2} ({:.2}–{:.2}){verdict}",
            row.area, row.case, row.ours_ns, row.peer, row.peer_ns, row.ratio, row.spread.0, row.spread.1
        );
        let Some(path) = std::env::var_os("BENCH_REPORT") else { return };
        let line = serde_json::to_string(&row).expect("a row has nothing that JSON refuses");
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let written = file.and_then(|mut file| writeln!(file, "{line}"));
        written.expect("the file that BENCH_REPORT names must be writable");
    }
}

/// How many operations take about `slice`, found by doing them, which warms everything up as well.
fn calls_in(slice: Duration, contender: &mut Contender<'_>) -> u64 {
    let mut calls = 1;
    loop {
        let took = (contender.run)(calls);
        if took >= slice / 2 || calls >= 1 << 40 {
            let wanted = calls as f64 * slice.as_secs_f64() / took.as_secs_f64().max(1e-9);
            return (wanted as u64).max(1);
        }
        calls = if took * 16 < slice { calls * 8 } else { calls * 2 };
    }
}

fn sorted(numbers: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers
}

fn median(numbers: &[f64]) -> f64 {
    sorted(numbers.iter().copied())[numbers.len() / 2]
}
