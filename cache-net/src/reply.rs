//! [`Reply`]: an answer, and what becomes of the connection that it came on.

use std::time::{Duration, Instant};

use crate::{Protocol, RetrySafety, Verdict};

/// A connection younger than this is kept though its server refuses work. Opened again at once it would lead to the same
/// server. It bounds how often a server that is loading is connected to.
const YOUNG: Duration = Duration::from_millis(250);

/// Whether a connection that was made at `opened` is kept for that reason.
pub(crate) fn is_young(opened: Instant) -> bool {
    opened.elapsed() < YOUNG
}

/// A whole answer, and what it says of its connection.
pub(crate) struct Reply<P: Protocol> {
    pub(crate) answer: P::Answer,
    pub(crate) verdict: Verdict,
}

impl<P: Protocol> Reply<P> {
    /// `answer` came on a connection that was made at `opened`.
    pub(crate) fn new(answer: P::Answer, opened: Instant) -> Self {
        let verdict = match P::verdict(&answer) {
            Verdict::Refused { .. } if is_young(opened) => Verdict::Keep,
            other => other,
        };
        Self { answer, verdict }
    }

    /// Whether the request may be sent once more, on another connection.
    pub(crate) const fn may_repeat(&self, safety: RetrySafety) -> bool {
        match self.verdict {
            Verdict::Refused { wholly } => wholly || safety.is_repeatable(),
            Verdict::Broken | Verdict::OutOfStep => safety.is_repeatable(),
            Verdict::Keep | Verdict::Ends => false,
        }
    }
}
