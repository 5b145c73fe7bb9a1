//! Values of one repeated byte, which show whether they are whole, of a size that the backend takes.

use bytes::Bytes;

use crate::context::TestContext;
use crate::outcome::Outcome;

/// Returns `wanted`, or roughly half the largest value that the backend takes if that is less.
pub(in crate::checks) fn size(t: &TestContext, wanted: usize) -> usize {
    t.capabilities().max_value_size.map_or(wanted, |most| wanted.min(most / 2))
}

/// Many times the same byte: a mixture of two such values shows.
pub(in crate::checks) fn filled(byte: u8, len: usize) -> Bytes {
    // The length differs with the byte too, so that an old end behind a new beginning shows.
    Bytes::from(vec![byte; len + usize::from(byte)])
}

/// Which byte fills this value of [`filled`].
pub(in crate::checks) fn filling(value: &[u8], len: usize) -> Outcome<u8> {
    let byte = value.first().copied().unwrap_or_default();
    ensure_eq!(value.len(), len + usize::from(byte), "the length of a value filled with {byte}");
    // Compares the value with itself, moved by one: all bytes are equal.
    ensure!(value[1..] == value[..value.len() - 1], "a value is made of two");
    Ok(byte)
}
