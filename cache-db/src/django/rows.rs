//! The columns of a row: `value`, a pickle in base64, and `expires`, text in seconds.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cache_core::{Bytes, Error, Expiry, Key, Payload};
use cache_pickle::{Seal, seal, unseal};
use rusqlite::types::ValueRef;

use crate::layout::Seen;

/// 9999-12-31 23:59:59, which is never: Python has no later year.
const NEVER: i64 = 253_402_300_799;

/// `value` as the column has it, sealed for its key.
///
/// # Errors
/// For what another codec than pickle wrote.
pub(super) fn encode(key: Key<'_>, value: &Payload) -> Result<String, Error> {
    Ok(STANDARD.encode(seal(&cache_pickle::from_payload(key, value)?, key.as_bytes())))
}

/// What the column holds. Damaged is what is no base64, or of nothing, and what has a seal that is broken;
/// Python's own has none.
pub(super) fn decode(key: &str, column: ValueRef<'_>) -> Seen {
    match pickle(column) {
        Some(pickle) if Seal::of(&pickle, key.as_bytes()) != Seal::Broken => {
            Seen::Live(cache_pickle::to_payload(Bytes::from(pickle)))
        }
        _ => Seen::Damaged,
    }
}

/// The same value, sealed for another key: what is sealed at all.
pub(super) fn renamed(column: ValueRef<'_>, to: &str) -> Option<String> {
    let pickle = unseal(&pickle(column)?)?;
    Some(STANDARD.encode(seal(&pickle, to.as_bytes())))
}

/// As in Python, what is not of base64's alphabet does not count.
fn pickle(column: ValueRef<'_>) -> Option<Vec<u8>> {
    let (ValueRef::Text(text) | ValueRef::Blob(text)) = column else { return None };
    let pickle = STANDARD.decode(text).or_else(|_| {
        let is_of_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
        STANDARD.decode(text.iter().copied().filter(is_of_base64).collect::<Vec<u8>>())
    });
    pickle.ok().filter(|pickle| !pickle.is_empty())
}

/// The second of expiry since the epoch. Rounded up, where Django rounds down: nothing is early.
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
        assert_eq!(decode(ValueRef::Text(b"gAVLAS4=")), Seen::Live(Payload::Int(1)));
        assert_eq!(decode(ValueRef::Blob(b"gAVLAS4=")), Seen::Live(Payload::Int(1)));
        assert_eq!(decode(ValueRef::Text(b"gAVL\nAS4=\r\n")), Seen::Live(Payload::Int(1)));
        for damaged in [&b""[..], b"gAVLAS4", b"gAVLAS4!", b"gAVL=S4=", b"\xff\xff\xff\xff"] {
            assert_eq!(decode(ValueRef::Text(damaged)), Seen::Damaged);
        }
        assert_eq!(decode(ValueRef::Null), Seen::Damaged);
        assert_eq!(decode(ValueRef::Integer(1)), Seen::Damaged);
    }

    #[test]
    fn a_sealed_value_is_its_keys_alone() {
        let sealed = |pickle: &[u8], key: &str| STANDARD.encode(seal(pickle, key.as_bytes()));
        let column = sealed(b"\x80\x04K\x01.", "k");
        let at = |key: &str, column: &str| decode(key, ValueRef::Text(column.as_bytes()));
        assert_eq!((at("k", &column), at("l", &column)), (Seen::Live(Payload::Int(1)), Seen::Damaged));
        let moved = renamed(ValueRef::Text(column.as_bytes()), "l").unwrap();
        assert_eq!((at("k", &moved), at("l", &moved)), (Seen::Damaged, Seen::Live(Payload::Int(1))));
        // Python's has no seal, and gets none.
        assert_eq!(renamed(ValueRef::Text(b"gAVLAS4="), "l"), None);
    }
}
