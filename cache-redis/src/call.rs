//! [`Call`]: what one call of a caller hands down.

use std::time::Instant;

use cache_core::Way;

/// One call of a caller: however many exchanges it takes, they share its deadline.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) way: Way,
    pub(crate) deadline: Instant,
}

impl Call {
    /// The same, which gives up after half of the time that is left.
    pub(crate) fn half(self) -> Self {
        self.share(2)
    }

    /// The same, which gives up after an even share of the time that is left.
    pub(crate) fn share(self, parts: usize) -> Self {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let parts = u32::try_from(parts).unwrap_or(u32::MAX).max(1);
        Self { deadline: Instant::now() + left / parts, ..self }
    }
}
