//! How a check ends ([`Outcome`], [`Stop`], [`Failure`]), and the macros that a check asserts with.

use std::fmt::{self, Display};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a check returns.
pub type Outcome<T = ()> = Result<T, Stop>;

/// Why a check ended before its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stop {
    /// The backend does not do what the check expects.
    Failed(Failure),
    /// The check does not apply to this backend.
    Skipped(String),
}

/// What was expected, and what came instead. It cannot be made without the two.
#[derive(Clone, Debug, Eq, Serialize, Deserialize)]
pub struct Failure {
    what: String,
    expected: String,
    got: String,
    at: String,
}

/// What a failure is about that says nothing of the backend.
const CHECK_ITSELF: &str = "the check itself";

/// How much of a value is shown.
const SHOWN: usize = 400;

impl Failure {
    fn new(at: &str, what: &dyn Display, expected: &dyn Display, got: &dyn Display) -> Self {
        let [expected, got] = [expected, got].map(shortened);
        Self { what: what.to_string(), expected, got, at: at.to_owned() }
    }

    /// Whether the check could not do its own work: then the backend has not been judged.
    #[must_use]
    pub fn is_of_the_check(&self) -> bool {
        self.what.ends_with(CHECK_ITSELF)
    }

    /// What the check was about, in a line.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }
}

/// The text, cut where it is very long.
fn shortened(text: &dyn Display) -> String {
    let text = text.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}

/// Wherever they are from.
impl PartialEq for Failure {
    fn eq(&self, other: &Self) -> bool {
        (&self.what, &self.expected, &self.got) == (&other.what, &other.expected, &other.got)
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, expected, got, at } = self;
        write!(f, "{what}\n  expected: {expected}\n  got:      {got}\n  at:       {at}")
    }
}

impl Stop {
    /// A failure: what was looked at, what was `expected` of it, and what came.
    #[track_caller]
    pub fn unexpected(what: impl Display, expected: impl Display, got: impl Display) -> Self {
        Self::Failed(Failure::new(&caller(), &what, &expected, &got))
    }

    /// A failure of the check itself, before it could judge the backend.
    #[track_caller]
    pub fn broken(text: impl Display) -> Self {
        Self::unexpected(CHECK_ITSELF, "that it can do its own work", text)
    }

    /// The same, and where in the check it was.
    #[must_use]
    pub fn during(self, step: impl Display) -> Self {
        match self {
            Self::Failed(failure) => {
                Self::Failed(Failure { what: format!("{step}: {}", failure.what), ..failure })
            }
            skipped => skipped,
        }
    }
}

#[track_caller]
fn caller() -> String {
    let caller = std::panic::Location::caller();
    format!("{}:{}", caller.file(), caller.line())
}

impl Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => write!(f, "{failure}"),
            Self::Skipped(reason) => write!(f, "skipped: {reason}"),
        }
    }
}

impl From<cache_core::Error> for Stop {
    #[track_caller]
    fn from(e: cache_core::Error) -> Self {
        Self::unexpected(
            "a call of the cache",
            "that it succeeds",
            format_args!("the error {:?}: {e}", e.kind()),
        )
    }
}

impl From<std::io::Error> for Stop {
    #[track_caller]
    fn from(e: std::io::Error) -> Self {
        Self::broken(e)
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

/// The failure of [`ensure!`]. Not part of the macro, so that a check is small to build.
#[cold]
pub(crate) fn untrue(
    at: &str,
    what: fmt::Arguments<'_>,
    condition: &str,
    got: Option<&dyn fmt::Debug>,
) -> Stop {
    let condition = in_a_line(condition);
    let expected = format!("`{condition}` is true");
    let got = got.map_or_else(|| "it is false".to_owned(), |got| format!("{got:?}"));
    Stop::Failed(Failure::new(at, &what, &expected, &got))
}

/// The failure of [`ensure_eq!`] and [`ensure_err!`].
#[cold]
pub(crate) fn unequal<G: fmt::Debug + ?Sized, E: fmt::Debug + ?Sized>(
    at: &str,
    what: fmt::Arguments<'_>,
    source: &str,
    got: &G,
    expected: &E,
) -> Stop {
    differing(at, what, source, format_args!("{got:?}"), format_args!("{expected:?}"))
}

#[cold]
fn differing(
    at: &str,
    what: fmt::Arguments<'_>,
    source: &str,
    got: fmt::Arguments<'_>,
    expected: fmt::Arguments<'_>,
) -> Stop {
    let (source, what, got) = (in_a_line(source), what.to_string(), shortened(&got));
    let got = if source == in_a_line(&what) { got } else { format!("{got}, from `{source}`") };
    Stop::Failed(Failure::new(at, &what, &expected, &got))
}

fn in_a_line(source: &str) -> String {
    source.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `file:line` of the check.
macro_rules! at {
    () => {
        concat!(file!(), ":", line!())
    };
}

/// Fails the check unless the condition holds, which is what the failure says was expected. The rest is text
/// as in `format!` about what it was; `got VALUE,` before it shows a value that says more than "it is false".
macro_rules! ensure {
    ($condition:expr $(,)?) => { ensure!($condition, "{}", stringify!($condition)) };
    ($condition:expr, got $got:expr, $($text:tt)+) => {
        if !$condition {
            let what = format_args!($($text)+);
            return Err($crate::outcome::untrue(at!(), what, stringify!($condition), Some(&$got)));
        }
    };
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err($crate::outcome::untrue(at!(), format_args!($($text)+), stringify!($condition), None));
        }
    };
}

/// Fails the check unless what came, the first, is what was expected, the second. The rest is text as in
/// `format!` about what it was.
macro_rules! ensure_eq {
    ($got:expr, $expected:expr $(,)?) => { ensure_eq!($got, $expected, "{}", stringify!($got)) };
    ($got:expr, $expected:expr, $($text:tt)+) => {
        match (&$got, &$expected) {
            (got, expected) => if !(*got == *expected) {
                let what = format_args!($($text)+);
                return Err($crate::outcome::unequal(at!(), what, stringify!($got), got, expected));
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
            other => {
                let (what, expected) = (format_args!($($text)+), format_args!("Err({})", stringify!($kind)));
                return Err($crate::outcome::unequal(at!(), what, stringify!($result), other, &expected));
            }
        }
    };
}
