//! The columns of a row: `value`, a pickle in base64, and `expires`, text in seconds.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cache_core::{Bytes, Error, Expiry, Key, Payload};
use cache_pickle::{Seal, seal, unseal};
use rusqlite::types::ValueRef;

use crate::layout::Lookup;

/// 9999-12-31 23:59:59, which is never: Python has no later year.
const NEVER: i64 = 253_402_300_799;

/// Encodes `value` for its column, sealed for its key.
///
/// # Errors
/// For the value of another codec than pickle.
pub(super) fn encode(key: Key<'_>, value: &Payload) -> Result<String, Error> {
    Ok(STANDARD.encode(seal(&cache_pickle::from_payload(key, value)?, key.as_bytes())))
}

/// Decodes the column. Damaged is what is not base64, or empty, and what has a broken seal;
/// a value that Python wrote has none.
pub(super) fn decode(key: &str, column: ValueRef<'_>) -> Lookup {
    match pickle(column) {
        Some(pickle) if Seal::of(&pickle, key.as_bytes()) != Seal::Broken => {
            Lookup::Live(cache_pickle::to_payload(Bytes::from(pickle)))
        }
        _ => Lookup::Damaged,
    }
}

/// Seals a value for another key; `None` if it has no seal.
pub(super) fn renamed(column: ValueRef<'_>, to: &str) -> Option<String> {
    let pickle = unseal(&pickle(column)?)?;
    Some(STANDARD.encode(seal(&pickle, to.as_bytes())))
}

/// Decodes base64. As in Python, characters outside of its alphabet do not count.
fn pickle(column: ValueRef<'_>) -> Option<Vec<u8>> {
    let (ValueRef::Text(text) | ValueRef::Blob(text)) = column else { return None };
    let pickle = STANDARD.decode(text).or_else(|_| {
        let is_of_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
        STANDARD.decode(text.iter().copied().filter(is_of_base64).collect::<Vec<u8>>())
    });
    pickle.ok().filter(|pickle| !pickle.is_empty())
}

/// Returns the second of expiry since the epoch. Rounded up, where Django rounds down: nothing is early.
pub(super) fn expires(expiry: Expiry, now_ms: i64) -> i64 {
    let Some(ms) = expiry.deadline_ms(now_ms) else { return NEVER };
    let seconds = ms.div_euclid(1_000) + i64::from(ms.rem_euclid(1_000) > 0);
    seconds.min(NEVER)
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_second_is_rounded_up_and_never_beyond_the_last() {
        let at = |ms, now| expires(Expiry::After(Duration::from_millis(ms)), now);
        // The clock's millisecond was rounded down.
        assert_eq!(at(999, 0), 1);
        assert_eq!(at(1_000, 0), 2);
        assert_eq!(at(1, -5_000), -4);
        assert_eq!(expires(Expiry::Never, 0), NEVER);
        assert_eq!(at(1, NEVER * 1_000), NEVER);
    }

    #[test]
    fn what_is_no_base64_is_nothing() {
        let decode = |column| decode("k", column);
        assert_eq!(decode(ValueRef::Text(b"gAVLAS4=")), Lookup::Live(Payload::Int(1)));
        assert_eq!(decode(ValueRef::Blob(b"gAVLAS4=")), Lookup::Live(Payload::Int(1)));
        assert_eq!(decode(ValueRef::Text(b"gAVL\nAS4=\r\n")), Lookup::Live(Payload::Int(1)));
        for damaged in [&b""[..], b"gAVLAS4", b"gAVLAS4!", b"gAVL=S4=", b"\xff\xff\xff\xff"] {
            assert_eq!(decode(ValueRef::Text(damaged)), Lookup::Damaged);
        }
        assert_eq!(decode(ValueRef::Null), Lookup::Damaged);
        assert_eq!(decode(ValueRef::Integer(1)), Lookup::Damaged);
    }

    #[test]
    fn a_sealed_value_is_its_keys_alone() {
        let sealed = |pickle: &[u8], key: &str| STANDARD.encode(seal(pickle, key.as_bytes()));
        let column = sealed(b"\x80\x04K\x01.", "k");
        let at = |key: &str, column: &str| decode(key, ValueRef::Text(column.as_bytes()));
        assert_eq!((at("k", &column), at("l", &column)), (Lookup::Live(Payload::Int(1)), Lookup::Damaged));
        let moved = renamed(ValueRef::Text(column.as_bytes()), "l").unwrap();
        assert_eq!((at("k", &moved), at("l", &moved)), (Lookup::Damaged, Lookup::Live(Payload::Int(1))));
        // Python's has no seal, and gets none.
        assert_eq!(renamed(ValueRef::Text(b"gAVLAS4="), "l"), None);
    }
}
