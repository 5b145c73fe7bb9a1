//! [`Protocol`]: what a backend tells of the protocol that it speaks. No I/O.

use std::fmt;

use cache_core::Error;

use crate::{Incoming, Malformed};

/// What may be done with a request whose outcome nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetrySafety {
    /// Sent again it does the same and answers the same. An unknown outcome harms nobody.
    Idempotent,
    /// Sent again it does the same, and its answer would be wrong. An unknown outcome harms nobody.
    AnswerOnce,
    /// Sent again it could do something twice, or undo another's work. The caller has to know whether it happened.
    Once,
    /// One step of a larger change: sent again it does the same. The caller has to know whether it happened.
    Step,
}

impl RetrySafety {
    /// Whether the request may be sent again without knowing what became of it.
    #[must_use]
    pub const fn is_repeatable(self) -> bool {
        matches!(self, Self::Idempotent | Self::Step)
    }

    /// Whether the caller has to be told when nobody knows what became of it.
    #[must_use]
    pub const fn must_be_known(self) -> bool {
        matches!(self, Self::Once | Self::Step)
    }
}

/// What an answer says of the connection that it came on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The connection is as good as before.
    Keep,
    /// It leads to a server that is the wrong one or cannot do its work: the name may lead to another by now.
    Refused {
        /// Nothing of the request was carried out, so that it may be sent again whatever it is.
        wholly: bool,
    },
    /// The same, and the request may have been carried out.
    Broken,
    /// The same, and what comes behind it belongs to nobody: the server did not understand where the request ends.
    OutOfStep,
    /// The server closes the connection after this answer.
    Ends,
}

impl Verdict {
    /// Whether nothing that comes behind the answer belongs to anybody.
    pub(crate) const fn is_last(self) -> bool {
        matches!(self, Self::OutOfStep | Self::Ends)
    }
}

/// One protocol and who speaks it: a backend implements this for its servers. [`Display`](fmt::Display) is the server's
/// name in errors; it shows no password.
pub trait Protocol: fmt::Display + Send + Sync + 'static {
    /// What is sent: one command or several.
    type Request: Send + Sync;
    /// The replies to one request, including the ones that are still to come.
    type Answer: Send + 'static;
    /// Why the bytes that came are not replies.
    type Malformed: From<Malformed> + fmt::Debug + Send + 'static;

    /// Appends the bytes of `request` to `out`.
    fn write(request: &Self::Request, out: &mut Vec<u8>);

    /// The answer to `request`, of which nothing has come.
    fn answer_to(request: &Self::Request) -> Self::Answer;

    /// Moves what has come into `answer`, and returns true when that is whole.
    ///
    /// # Errors
    /// What came cannot be a part of it. The connection is closed.
    fn read(incoming: &mut Incoming, answer: &mut Self::Answer) -> Result<bool, Self::Malformed>;

    /// What a whole `answer` says of its connection.
    fn verdict(answer: &Self::Answer) -> Verdict;

    /// The request that a new connection begins with, if any: a log-in, a question for the version.
    fn handshake(&self) -> Option<Self::Request>;

    /// Checks the answer to the [`handshake`](Self::handshake).
    ///
    /// # Errors
    /// This server cannot be used: what the caller is told. The connection is closed.
    fn check_handshake(&self, request: &Self::Request, answer: Self::Answer) -> Result<(), Error>;

    /// The error for a caller whose `request` was answered with something else.
    fn malformed(&self, request: &Self::Request, why: Self::Malformed) -> Error;

    /// What may be the reason when a server closes a connection without a word; follows a colon.
    fn why_closed(&self) -> &'static str;

    /// What to write in place of the address of a server that does not speak TLS; follows a semicolon.
    fn without_tls(&self) -> &'static str {
        "leave TLS out of its settings"
    }
}
