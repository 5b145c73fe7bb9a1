//! Reads JSON from the command line and from standard input.

use std::io::Read as _;

use serde_json::Value;

use super::number::{inexact, without_negative_zeros};
use crate::failure::{Failure, Result};

/// The JSON `text` that is `what`.
pub(crate) fn read(text: &str, what: &str) -> Result<Value> {
    let value = serde_json::from_str(&without_negative_zeros(text));
    // A number beyond a float is an error of the reader's too, in other words.
    let is_valid = value.as_ref().err().is_none_or(|e| e.to_string().starts_with("number out of range"));
    if is_valid && let Some(problem) = inexact(text) {
        return Err(Failure::wrong(format!("{what} cannot be stored as it is: {problem}")));
    }
    value.map_err(|e| Failure::wrong(format!("{what} is not JSON ({e})")))
}

/// The bytes on standard input.
pub(crate) fn standard_input(what: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().read_to_end(&mut bytes);
    read.map_err(|e| Failure::wrong(format!("{what} cannot be read from standard input: {e}")))?;
    Ok(bytes)
}
