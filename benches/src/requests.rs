//! [`Requests`]: a sequence of reads and writes, made before the time runs; and their keys.

use crate::zipf::Zipf;

/// Marks a write; the other bits are the key's number.
const WRITE: u32 = 1 << 31;

/// Keys by number as Zipf(1.0) asks for them, some of them to be written. Chance decides which numbers are
/// the popular ones, so that they are not neighbours in a store that was filled in order.
///
/// Each thread begins at a place of its own and goes round. The same arguments give the same sequence.
#[derive(Clone, Debug)]
pub struct Requests {
    steps: Vec<u32>,
    threads: usize,
}

impl Requests {
    /// `length` requests for the numbers `0..numbers`, of which the share `writes` (0.0 to 1.0) writes.
    ///
    /// # Panics
    /// If `length` is not a power of two.
    #[must_use]
    pub fn new(numbers: u32, length: usize, writes: f64, threads: usize) -> Self {
        assert!(length.is_power_of_two(), "going round must cost next to nothing");
        let mut random = fastrand::Rng::with_seed(7);
        let mut scattered: Vec<u32> = (0..numbers).collect();
        random.shuffle(&mut scattered);
        let zipf = Zipf::new(scattered.len());
        let steps = (0..length).map(|_| {
            let number = scattered[zipf.at(random.f64())];
            // Drawn in any case, so that the keys do not depend on the share.
            if random.f64() < writes { number | WRITE } else { number }
        });
        Self { steps: steps.collect(), threads }
    }

    /// Where the sequence has request `n` of thread `thread`.
    #[must_use]
    pub fn place(&self, thread: usize, n: u64) -> usize {
        (thread * self.steps.len() / self.threads).wrapping_add(n as usize) & (self.steps.len() - 1)
    }

    /// The key's number at a place, and whether it is written.
    #[must_use]
    pub fn at(&self, place: usize) -> (u32, bool) {
        let step = self.steps[place];
        (step & !WRITE, step & WRITE != 0)
    }

    /// The keys' numbers in their order.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        self.steps.iter().map(|step| step & !WRITE)
    }
}
