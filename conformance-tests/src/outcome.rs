//! How a check ends, and the macros it says so with.

use std::fmt;
use std::time::Duration;

/// What a check returns.
pub type Outcome<T = ()> = Result<T, Stop>;

/// Why a check ended before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The backend does not do what the check expects.
    Failed(String),
    /// The check does not apply to this backend.
    Skipped(String),
}

impl Stop {
    /// A failure with this text.
    pub fn failed(text: impl Into<String>) -> Self {
        Self::Failed(text.into())
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(text) => write!(f, "{text}"),
            Self::Skipped(reason) => write!(f, "skipped: {reason}"),
        }
    }
}

impl From<cache_core::Error> for Stop {
    #[track_caller]
    fn from(e: cache_core::Error) -> Self {
        Self::Failed(format!("{}: unexpected error: {e}", std::panic::Location::caller()))
    }
}

impl From<std::io::Error> for Stop {
    #[track_caller]
    fn from(e: std::io::Error) -> Self {
        Self::Failed(format!("{}: the check itself: {e}", std::panic::Location::caller()))
    }
}

/// One check's result in one mode.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How it ended.
    pub status: Status,
    /// Why, where it did not pass.
    pub reason: String,
    /// How long it took.
    pub took: Duration,
}

/// The four ways a check ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The backend does what the check expects.
    Pass,
    /// It does not.
    Fail,
    /// The check does not apply.
    Skip,
    /// It does not, and a waiver says where that is being dealt with.
    Waived,
}

impl Status {
    /// The word in a report.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Skip => "skip",
            Self::Waived => "waived",
        }
    }
}

/// Fails the check unless the condition holds. The rest is text as in `format!`.
macro_rules! ensure {
    ($condition:expr $(,)?) => { ensure!($condition, "it does not hold: {}", stringify!($condition)) };
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err($crate::outcome::Stop::Failed(format!("{}:{}: {}", file!(), line!(), format!($($text)+))));
        }
    };
}

/// Fails the check unless both sides are equal. The rest is text as in `format!`.
macro_rules! ensure_eq {
    ($left:expr, $right:expr $(,)?) => { ensure_eq!($left, $right, "{}", stringify!($left)) };
    ($left:expr, $right:expr, $($text:tt)+) => {
        match (&$left, &$right) {
            (left, right) => {
                if !(*left == *right) {
                    return Err($crate::outcome::Stop::Failed(format!(
                        "{}:{}: {}: got {:?}, expected {:?}",
                        file!(), line!(), format!($($text)+), left, right
                    )));
                }
            }
        }
    };
}

/// Fails the check unless the result is an error of the kind.
macro_rules! ensure_err {
    ($result:expr, $kind:ident) => { ensure_err!($result, $kind, "{}", stringify!($result)) };
    ($result:expr, $kind:ident, $($text:tt)+) => {
        match &$result {
            Err(e) if e.kind() == cache_core::ErrorKind::$kind => {}
            other => return Err($crate::outcome::Stop::Failed(format!(
                "{}:{}: {}: got {:?}, expected Err({})", file!(), line!(), format!($($text)+), other, stringify!($kind)
            ))),
        }
    };
}

/// An entry of the registry: the check `$name`, of the family `$family`.
macro_rules! check {
    ($family:literal, $name:ident) => {{
        fn run(t: &$crate::context::T) -> $crate::registry::Running<'_> {
            Box::pin($name(t))
        }
        $crate::registry::Check::new($family, stringify!($name), run)
    }};
}

/// The same, and a function for the processes it starts.
macro_rules! check_with_worker {
    ($family:literal, $name:ident, $worker:ident) => {{
        fn run_worker(w: &$crate::workers::Worker) -> $crate::registry::Running<'_, String> {
            Box::pin($worker(w))
        }
        check!($family, $name).worker(run_worker)
    }};
}
