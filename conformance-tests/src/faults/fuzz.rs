//! [`Fuzz`]: feeds mutated inputs to whatever reads bytes from outside.

use std::fs;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use fastrand::Rng;

use super::mutate::mutate;
use crate::effort::effort;
use crate::fault_report::record;

/// The number of "Fuzzed headers, values, pickles, replies" in the report of faults.
const ROW: u8 = 5;

/// How many inputs the long form tries on a reader.
const LONG: u64 = 10_000_000;

/// How many mutations an input has at most, one upon the other.
const MOST_MUTATIONS: usize = 4;

/// A mutation that knows the format.
type Mutation<'a> = Box<dyn Fn(&mut Rng, &[Vec<u8>], &mut Vec<u8>) + 'a>;

/// Runs what it is given once, and says how many bytes it held allocated at its peak.
type Measure = fn(&mut dyn FnMut()) -> u64;

/// How many bytes a reader of an input of this length may hold.
type Allowance = fn(usize) -> u64;

/// Inputs for one reader: its seeds as they are, then mutations of them, each made from its own number.
/// It fails when the reader panics, takes more memory than it may, or contradicts what the
/// test asserts of it; and when so few inputs can still be read that nothing is tried. The
/// input that failed is left in a file, to be kept among the seeds, where it is tried first from then on.
///
/// `FUZZ_INPUTS` says how many, in place of what the form of the run asks for, and `FUZZ_SEED`
/// the number of the first.
///
/// ```
/// use conformance_tests::faults::Fuzz;
///
/// Fuzz::new("mine", "numbers")
///     .seed(b"+12 34")
///     .words(&[b"-", b"9223372036854775807"])
///     .run(1_000, |input| {
///         // True if the reader could make something of it.
///         std::str::from_utf8(input).is_ok_and(|text| text.split(' ').any(|n| n.parse::<i64>().is_ok()))
///     });
/// ```
pub struct Fuzz<'a> {
    backend: &'a str,
    reader: &'a str,
    seeds: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
    own: Option<Mutation<'a>>,
    finish: Option<Mutation<'a>>,
    memory: Option<(Measure, Allowance)>,
    every: u64,
}

impl std::fmt::Debug for Fuzz<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fuzz")
            .field("backend", &self.backend)
            .field("reader", &self.reader)
            .finish_non_exhaustive()
    }
}

impl<'a> Fuzz<'a> {
    /// Inputs for the `reader` of a `backend`, under whose name [`record`] gets the outcome.
    #[must_use]
    pub fn new(backend: &'a str, reader: &'a str) -> Self {
        let (seeds, words) = (Vec::new(), Vec::new());
        Self { backend, reader, seeds, words, own: None, finish: None, memory: None, every: 1 }
    }

    /// Something that the reader understands.
    #[must_use]
    pub fn seed(mut self, seed: impl AsRef<[u8]>) -> Self {
        self.seeds.push(seed.as_ref().to_vec());
        self
    }

    /// All files in a directory, each a seed: what the reader understands, and what it once failed on.
    ///
    /// # Panics
    /// When there is none.
    #[allow(clippy::panic, reason = "a test fails by panicking")]
    #[must_use]
    pub fn seeds_in(mut self, dir: impl AsRef<Path>) -> Self {
        let dir = dir.as_ref();
        let files = fs::read_dir(dir)
            .and_then(|files| files.map(|file| Ok(file?.path())).collect::<std::io::Result<Vec<PathBuf>>>());
        let mut files = files.unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
        files.sort();
        let read = |file: &PathBuf| fs::read(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        self.seeds.extend(files.iter().map(read));
        assert!(!files.is_empty(), "no seeds in {}", dir.display());
        self
    }

    /// What means something in the format, to be put in at random.
    #[must_use]
    pub fn words(mut self, words: &[&[u8]]) -> Self {
        self.words.extend(words.iter().map(|word| word.to_vec()));
        self
    }

    /// A mutation of the test's own, given the seeds too: it takes the place of every second one.
    #[must_use]
    pub fn mutation(mut self, own: impl Fn(&mut Rng, &[Vec<u8>], &mut Vec<u8>) + 'a) -> Self {
        self.own = Some(Box::new(own));
        self
    }

    /// Done to every second mutated input at last: a checksum put right, say, without which
    /// nothing gets any further.
    #[must_use]
    pub fn finish(mut self, finish: impl Fn(&mut Vec<u8>) + 'a) -> Self {
        self.finish = Some(Box::new(move |_, _, input| finish(input)));
        self
    }

    /// Looks at the memory that each input takes: `measure` runs what it is given and says how
    /// much was allocated at its peak (this crate counts nothing itself, since that takes the whole
    /// program's allocator), and `allowed` how much that may be, such as [`Fuzz::twice`].
    #[must_use]
    pub fn memory(mut self, measure: Measure, allowed: Allowance) -> Self {
        self.memory = Some((measure, allowed));
        self
    }

    /// The usual bound on a reader's memory: twice the input and 64 KiB.
    #[must_use]
    pub const fn twice(length: usize) -> u64 {
        (length as u64).saturating_mul(2).saturating_add(64 << 10)
    }

    /// Divides the number of inputs by `every`, for readers that make system calls. Zero means one.
    #[must_use]
    pub const fn one_in(mut self, every: u64) -> Self {
        self.every = if every == 0 { 1 } else { every };
        self
    }

    /// Gives the seeds and `each_commit` mutations of them to `read`, 10^7 in the long form;
    /// `read` says whether the reader could make something of the input.
    ///
    /// # Panics
    /// If one fails, and where hardly any (or every one) could be read.
    #[allow(clippy::panic, reason = "a test fails by panicking")]
    pub fn run(&self, each_commit: u64, mut read: impl FnMut(&[u8]) -> bool) {
        assert!(!self.seeds.is_empty(), "no seeds");
        let (first, count) = self.numbers(each_commit);
        let mut tally = Tally::default();
        let seeds = self.seeds.iter().cloned().map(|seed| ("a seed".to_owned(), seed));
        let mutated = (first..first.saturating_add(count))
            .map(|number| (format!("FUZZ_SEED={number}"), self.input(number)));
        let failed = seeds.chain(mutated).try_for_each(|(name, input)| {
            match self.judge(&input, &mut tally, &mut read) {
                Ok(()) => ControlFlow::Continue(()),
                Err(why) => ControlFlow::Break((name, input, why)),
            }
        });
        let failures = u64::from(failed.is_break());
        record(ROW, self.backend, tally.tried, failures, &tally.figure(self.reader, self.memory.is_some()));
        if let ControlFlow::Break((name, input, why)) = failed {
            panic!("{} of {}, {name}: {why}\n{}", self.reader, self.backend, self.keep(&input));
        }
        let few = self.seeds.len() as u64 + count / 1_000;
        assert!(count < 1_000 || tally.understood > few, "the mutations leave too little: {tally:?}");
        assert!(count < 1_000 || tally.understood < tally.tried, "nothing is refused: {tally:?}");
    }

    fn numbers(&self, each_commit: u64) -> (u64, u64) {
        let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
        let count = number("FUZZ_INPUTS").unwrap_or_else(|| effort(each_commit, LONG));
        (number("FUZZ_SEED").unwrap_or(1), count.div_ceil(self.every))
    }

    /// The input of this number, always the same.
    fn input(&self, number: u64) -> Vec<u8> {
        let mut random = Rng::with_seed(number);
        let mut input = self.seeds[random.usize(..self.seeds.len())].clone();
        for _ in 0..random.usize(1..=MOST_MUTATIONS) {
            match &self.own {
                Some(own) if random.bool() => own(&mut random, &self.seeds, &mut input),
                _ => mutate(&mut random, &self.seeds, &self.words, &mut input),
            }
        }
        match &self.finish {
            Some(finish) if random.bool() => finish(&mut random, &self.seeds, &mut input),
            _ => {}
        }
        input
    }

    fn judge(
        &self,
        input: &[u8],
        tally: &mut Tally,
        read: &mut impl FnMut(&[u8]) -> bool,
    ) -> Result<(), String> {
        tally.tried += 1;
        let mut understood = Ok(false);
        let mut call = || understood = catch_unwind(AssertUnwindSafe(|| read(input)));
        let held = match self.memory {
            None => {
                call();
                None
            }
            Some((measure, allowed)) => Some((measure(&mut call), allowed(input.len()))),
        };
        let understood = understood.map_err(|_| "it panicked, or an assertion failed".to_owned())?;
        tally.understood += u64::from(understood);
        match held {
            Some((held, allowed)) if held > allowed => Err(format!(
                "{held} bytes of memory for {} of input, where {allowed} are allowed",
                input.len()
            )),
            Some((held, allowed)) => {
                tally.fullest = tally.fullest.max((held * 100).div_ceil(allowed));
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Leaves the input in a file; says where, and what it is.
    fn keep(&self, input: &[u8]) -> String {
        let name = format!("fuzz-{}-{}", self.backend, self.reader).replace(' ', "-");
        let path = std::env::temp_dir().join(name);
        let kept = match fs::write(&path, input) {
            Ok(()) => format!("it is in {}; keep it among the seeds", path.display()),
            Err(e) => format!("it could not be written to {}: {e}", path.display()),
        };
        format!("{kept}\n{}", input.escape_ascii())
    }
}

#[derive(Debug, Default)]
struct Tally {
    tried: u64,
    understood: u64,
    /// In hundredths of what was allowed.
    fullest: u64,
}

impl Tally {
    fn figure(&self, reader: &str, measured: bool) -> String {
        let share = self.understood * 100 / self.tried.max(1);
        let memory = match measured {
            true => format!(", at most {} % of the memory allowed", self.fullest),
            false => String::new(),
        };
        format!("{reader}: {share} % of the inputs were understood{memory}")
    }
}
