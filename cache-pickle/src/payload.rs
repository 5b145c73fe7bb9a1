//! Payloads in a store whose every value is a pickle: Django's files and tables.

use bytes::Bytes;
use cache_core::{CodecId, Error, ErrorKind, Key, Payload, Result};

use crate::{Pickle, Value, to_vec};

/// No pickle of a 64-bit integer is longer: in protocol 0 it has 23 bytes, and 29 with a seal.
const LONGEST_INTEGER: usize = 32;

/// `payload` as such a store holds it: an integer, text and bytes as Python's own.
///
/// # Errors
/// [`ErrorKind::Encode`] for what another codec than [`Pickle`] wrote.
pub fn from_payload(key: Key<'_>, payload: &Payload) -> Result<Bytes> {
    let written = match payload {
        Payload::Int(n) => to_vec(n),
        Payload::Text(text) => to_vec(&String::from_utf8_lossy(text)),
        Payload::Bytes(bytes) => Value::Bytes(bytes.to_vec()).write(),
        Payload::Encoded(Pickle::ID, pickle) => return Ok(pickle.clone()),
        Payload::Encoded(CodecId(other), _) => {
            let what = format!("the store holds pickles only, and codec {other} wrote this value");
            return Err(Error::new(ErrorKind::Encode, what).with_key(key.as_str()));
        }
    };
    let what = "the value cannot be written as a pickle";
    written
        .map(Bytes::from)
        .map_err(|e| Error::new(ErrorKind::Encode, what).with_key(key.as_str()).with_source(e))
}

/// What such a store holds: integers apart, so that they can be counted on. No copy.
#[must_use]
pub fn to_payload(pickle: Bytes) -> Payload {
    if pickle.len() <= LONGEST_INTEGER
        && let Ok(Value::Int(n)) = Value::read(&pickle)
    {
        return Payload::Int(n);
    }
    Payload::Encoded(CodecId::UNKNOWN, pickle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_every_protocol_are_integers() {
        // pickle.dumps(n, protocol) for the protocols 0 to 5.
        for (n, pickles) in [
            (
                5,
                [
                    &b"I5\n."[..],
                    b"K\x05.",
                    b"\x80\x02K\x05.",
                    b"\x80\x03K\x05.",
                    b"\x80\x04K\x05.",
                    b"\x80\x05K\x05.",
                ],
            ),
            (
                i64::MIN,
                [
                    b"L-9223372036854775808L\n.",
                    b"L-9223372036854775808L\n.",
                    b"\x80\x02\x8a\x08\0\0\0\0\0\0\0\x80.",
                    b"\x80\x03\x8a\x08\0\0\0\0\0\0\0\x80.",
                    b"\x80\x04\x95\x0b\0\0\0\0\0\0\0\x8a\x08\0\0\0\0\0\0\0\x80.",
                    b"\x80\x05\x95\x0b\0\0\0\0\0\0\0\x8a\x08\0\0\0\0\0\0\0\x80.",
                ],
            ),
        ] {
            for pickle in pickles {
                assert_eq!(to_payload(Bytes::from_static(pickle)), Payload::Int(n), "{pickle:?}");
            }
        }
    }

    #[test]
    fn all_else_is_encoded() {
        for pickle in
            [&b"\x80\x05\x88."[..], b"\x80\x05N.", b"I01\n.", b"\x80\x05G?\xf0\0\0\0\0\0\0.", b"", b"5"]
        {
            let pickle = Bytes::from_static(pickle);
            assert_eq!(to_payload(pickle.clone()), Payload::Encoded(CodecId::UNKNOWN, pickle));
        }
        // 2**63
        let large = Bytes::from_static(b"\x80\x05\x95\x0c\0\0\0\0\0\0\0\x8a\x09\0\0\0\0\0\0\0\x80\0.");
        assert!(matches!(to_payload(large), Payload::Encoded(..)));
    }
}
