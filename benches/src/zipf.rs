//! [`Zipf`]: keys as people ask for them, the first most often.

/// Numbers from 0, where number `n` comes in proportion to 1 / (n + 1).
#[derive(Clone, Debug)]
pub struct Zipf {
    /// The sums of the weights up to each number.
    sums: Vec<f64>,
}

impl Zipf {
    /// Zipf(1.0) over `0..numbers`.
    #[must_use]
    pub fn new(numbers: usize) -> Self {
        let mut sum = 0.0;
        let sums = (1..=numbers).map(|n| {
            sum += 1.0 / n as f64;
            sum
        });
        Self { sums: sums.collect() }
    }

    /// The number at `place` of the distribution, `place` being evenly spread over 0.0..1.0.
    #[must_use]
    pub fn at(&self, place: f64) -> usize {
        let wanted = place * self.sums.last().copied().unwrap_or_default();
        self.sums.partition_point(|&sum| sum < wanted).min(self.sums.len().saturating_sub(1))
    }
}
