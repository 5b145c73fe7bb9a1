//! [`Call`]: what one call of a caller hands down.

use std::time::Instant;

use cache_core::Way;

/// One call of a caller: however many exchanges it takes, they share its deadline.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) way: Way,
    pub(crate) deadline: Instant,
}
