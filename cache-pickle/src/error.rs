//! [`Error`]: why a value cannot be read or written, without any part of the value.

pub(crate) mod messages;

use std::fmt;

use serde::de::{Expected, Unexpected};

/// What went wrong, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes are not a pickle, or a damaged one.
    Malformed,
    /// A pickle that cannot be read without executing something or knowing more than its bytes.
    Unsupported,
    /// One of the [`Limits`](crate::Limits) was exceeded, or the nesting limit.
    Limit,
    /// An object that contains itself.
    Recursive,
    /// The value is not of the requested type, or of a type that a pickle cannot hold.
    Type,
}

/// Why a value cannot be read or written. Holds no part of the value: it may go into a log.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into() }))
    }

    pub(crate) fn found(what: &str, expected: &dyn Expected) -> Self {
        Self::new(ErrorKind::Type, format!("invalid type: {what}, expected {expected}"))
    }

    pub(crate) fn too_deep() -> Self {
        Flaw::TOO_DEEP.into()
    }

    /// What went wrong, for programs.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}

/// Drops a type's own words, which may quote the value.
impl serde::ser::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        messages::error(&message.to_string()).unwrap_or_else(|| Flaw::UNWRITTEN.into())
    }
}

/// Drops what was found: serde would quote it, and so would most types in a message of their own.
impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        messages::error(&message.to_string()).unwrap_or_else(|| Flaw::UNREAD.into())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::found(messages::kind_of(found), expected)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(
            ErrorKind::Type,
            format!("invalid value: {}, expected {expected}", messages::kind_of(found)),
        )
    }

    fn invalid_length(len: usize, expected: &dyn Expected) -> Self {
        Self::new(ErrorKind::Type, format!("invalid length {len}, expected {expected}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(ErrorKind::Type, format!("unknown variant, expected one of {expected:?}"))
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(ErrorKind::Type, format!("unknown field, expected one of {expected:?}"))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(ErrorKind::Type, format!("missing field `{field}`"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(ErrorKind::Type, format!("duplicate field `{field}`"))
    }
}

/// An [`Error`] of the reader's inner loop, where its size matters. The outer layer adds the position.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flaw {
    pub(crate) kind: ErrorKind,
    pub(crate) what: &'static str,
}

impl Flaw {
    pub(crate) const TRUNCATED: Self = Self::malformed("it ends too early");
    pub(crate) const TOO_DEEP: Self = Self::limit("it nests deeper than 200 levels");
    pub(crate) const TOO_MANY: Self = Self::limit("it holds more values than the limit allows");
    pub(crate) const TOO_LONG: Self = Self::limit("it is longer than the limit allows");
    pub(crate) const INTEGER: Self = Self::limit("an integer is larger than the limit allows");
    pub(crate) const RECURSIVE: Self =
        Self { kind: ErrorKind::Recursive, what: "an object contains itself, which no value here can" };
    /// Of a value that cannot be written.
    pub(crate) const UNHASHABLE: Self = Self::value(
        "a key of a dict or a member of a set is, or holds, a list, a dict, a set or a bytearray, which Python cannot hash",
    );
    pub(crate) const CALLABLE: Self = Self::value(
        "an object cannot be written: its `callable` is not a class, or has `kwargs` and is called",
    );
    pub(crate) const OFFSET: Self =
        Self::value("a zone is a day or more away from UTC, which no zone in Python is");
    pub(crate) const OUT_OF_RANGE: Self =
        Self::value("a date, time or duration is out of the other library's range");
    pub(crate) const WIDE: Self = Self::value(
        "it holds an integer of more than 64 bits, which the type does not take: read it as an `i128`, a `u128` or a \
         `cache_pickle::Value`",
    );
    pub(crate) const UNWRITTEN: Self = Self::value("the type refuses to be written");
    pub(crate) const UNREAD: Self = Self::value("the type refuses the value");

    pub(crate) const fn malformed(what: &'static str) -> Self {
        Self { kind: ErrorKind::Malformed, what }
    }

    pub(crate) const fn unsupported(what: &'static str) -> Self {
        Self { kind: ErrorKind::Unsupported, what }
    }

    pub(crate) const fn value(what: &'static str) -> Self {
        Self { kind: ErrorKind::Type, what }
    }

    pub(crate) const fn limit(what: &'static str) -> Self {
        Self { kind: ErrorKind::Limit, what }
    }

    pub(crate) fn at(self, position: usize) -> Error {
        Error::new(self.kind, format!("{} (byte {position})", Error::from(self)))
    }
}

impl From<Flaw> for Error {
    fn from(flaw: Flaw) -> Self {
        let verdict = match flaw.kind {
            ErrorKind::Type => return Self::new(flaw.kind, flaw.what),
            ErrorKind::Malformed => "not a pickle that can be read",
            ErrorKind::Limit => "the pickle is refused",
            _ => "the pickle cannot be read",
        };
        Self::new(flaw.kind, format!("{verdict}: {}", flaw.what))
    }
}
