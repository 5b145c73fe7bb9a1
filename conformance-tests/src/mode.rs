//! [`Mode`]: which half of the API, sync or async, a check goes through.

/// Which half of the API a check goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `get`, `set`, … from threads, without a runtime.
    Sync,
    /// `aget`, `aset`, … from tasks of a tokio runtime with two threads.
    Async,
}

impl Mode {
    /// The word in test names and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Async => "async",
        }
    }
}
