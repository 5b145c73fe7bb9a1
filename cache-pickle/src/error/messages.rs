//! Recognizes this crate's own messages, which contain no part of a value. An error that crosses one of
//! serde's trait objects arrives as its message alone, beside what types say in their own words.

use serde::de::Unexpected;

use crate::error::{Error, ErrorKind, Flaw};

/// What was found in place of what was expected: serde's words without the value, and what serde
/// has none for.
pub(crate) const OBJECT: &str = "an object of a Python class";
pub(crate) const CLASS: &str = "a Python class";
pub(crate) const LARGE: &str = "integer of more than 128 bits";
const LONG: &str = "integer of more than 64 bits";
pub(crate) const FOLD: &str =
    "a time with fold=1 in a named zone, which cache_pickle::python reads and text cannot hold";
const FOUND: [&str; 22] = [
    "boolean",
    "integer",
    "floating point",
    "character",
    "string",
    "byte array",
    "null",
    "Option value",
    "newtype struct",
    "sequence",
    "map",
    "enum",
    "unit variant",
    "newtype variant",
    "tuple variant",
    "struct variant",
    "something else",
    OBJECT,
    CLASS,
    LARGE,
    LONG,
    FOLD,
];

/// What can happen while serde is at work.
const FLAWS: [Flaw; 11] = [
    Flaw::TOO_DEEP,
    Flaw::TOO_MANY,
    Flaw::TOO_LONG,
    Flaw::INTEGER,
    Flaw::UNHASHABLE,
    Flaw::CALLABLE,
    Flaw::OFFSET,
    Flaw::OUT_OF_RANGE,
    Flaw::WIDE,
    Flaw::UNWRITTEN,
    Flaw::UNREAD,
];

/// The error whose text this is, if it is one of this crate's.
pub(super) fn error(text: &str) -> Option<Error> {
    let flaw = FLAWS.into_iter().map(Error::from).find(|error| error.0.message == text);
    flaw.or_else(|| is_of_a_form(text).then(|| Error::new(ErrorKind::Type, text)))
}

fn is_of_a_form(text: &str) -> bool {
    for problem in ["invalid type: ", "invalid value: "] {
        if let Some((found, expected)) = text.strip_prefix(problem).and_then(|rest| rest.split_once(EXPECTED))
        {
            return FOUND.contains(&found) && !expected.contains(EXPECTED);
        }
    }
    if let Some((len, expected)) =
        text.strip_prefix("invalid length ").and_then(|rest| rest.split_once(EXPECTED))
    {
        return len.bytes().all(|byte| byte.is_ascii_digit()) && !expected.contains(EXPECTED);
    }
    for problem in ["missing field `", "duplicate field `"] {
        if let Some(name) = text.strip_prefix(problem).and_then(|rest| rest.strip_suffix('`')) {
            return !name.contains('`');
        }
    }
    // serde's own name the one that is unknown.
    text.starts_with("unknown variant, expected one of [")
        || text.starts_with("unknown field, expected one of [")
}

const EXPECTED: &str = ", expected ";

pub(super) fn kind_of(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "integer",
        Unexpected::Float(_) => "floating point",
        Unexpected::Char(_) => "character",
        Unexpected::Str(_) => "string",
        Unexpected::Bytes(_) => "byte array",
        Unexpected::Unit => "null",
        Unexpected::Option => "Option value",
        Unexpected::NewtypeStruct => "newtype struct",
        Unexpected::Seq => "sequence",
        Unexpected::Map => "map",
        Unexpected::Enum => "enum",
        Unexpected::UnitVariant => "unit variant",
        Unexpected::NewtypeVariant => "newtype variant",
        Unexpected::TupleVariant => "tuple variant",
        Unexpected::StructVariant => "struct variant",
        // serde's own words for an i128 quote it.
        Unexpected::Other(text) if text.starts_with("integer") => LONG,
        Unexpected::Other(_) => "something else",
    }
}
