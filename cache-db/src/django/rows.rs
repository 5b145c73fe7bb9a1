//! The columns of a row: `value`, a pickle in base64, and `expires`, text in seconds.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cache_core::{Bytes, Error, Expiry, Key, Payload};
use rusqlite::types::ValueRef;

/// 9999-12-31 23:59:59, which is never: Python has no later year.
const NEVER: i64 = 253_402_300_799;

/// `value` as the column has it.
///
/// # Errors
/// For what another codec than pickle wrote.
pub(super) fn encode(key: Key<'_>, value: &Payload) -> Result<String, Error> {
    Ok(STANDARD.encode(cache_pickle::from_payload(key, value)?))
}

/// What the column holds; `None` where it is no base64, or of nothing. As in Python, what is not of
/// the alphabet does not count.
pub(super) fn decode(column: ValueRef<'_>) -> Option<Payload> {
    let (ValueRef::Text(text) | ValueRef::Blob(text)) = column else { return None };
    let pickle = STANDARD.decode(text).or_else(|_| {
        let is_of_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
        STANDARD.decode(text.iter().copied().filter(is_of_base64).collect::<Vec<u8>>())
    });
    let pickle = pickle.ok().filter(|pickle| !pickle.is_empty())?;
    Some(cache_pickle::to_payload(Bytes::from(pickle)))
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
        assert_eq!(decode(ValueRef::Text(b"gAVLAS4=")), Some(Payload::Int(1)));
        assert_eq!(decode(ValueRef::Blob(b"gAVLAS4=")), Some(Payload::Int(1)));
        assert_eq!(decode(ValueRef::Text(b"gAVL\nAS4=\r\n")), Some(Payload::Int(1)));
        for damaged in [&b""[..], b"gAVLAS4", b"gAVLAS4!", b"gAVL=S4=", b"\xff\xff\xff\xff"] {
            assert_eq!(decode(ValueRef::Text(damaged)), None);
        }
        assert_eq!(decode(ValueRef::Null), None);
        assert_eq!(decode(ValueRef::Integer(1)), None);
    }
}
