//! Bugs of values: what a mutant does to a value.

use bytes::Bytes;
use cache_core::{Error, ErrorKind, Payload, Result};

use crate::bug::Bug;

/// The largest value that a mutant takes.
pub(crate) const MAX_VALUE: usize = 1 << 20;

/// MessagePack's nil, false and true, and the mark of a 64-bit float.
pub(crate) const NIL: &[u8] = &[0xc0];
pub(crate) const FALSE: &[u8] = &[0xc2];
pub(crate) const TRUE: &[u8] = &[0xc3];
pub(crate) const FLOAT: u8 = 0xcb;

/// Whether it is a stored null.
pub(crate) fn is_null(payload: &Payload) -> bool {
    matches!(payload, Payload::Encoded(_, data) if &data[..] == NIL)
}

/// The number in a stored float.
pub(crate) fn float(payload: &Payload) -> Option<f64> {
    match payload {
        Payload::Encoded(_, data) if data.first() == Some(&FLOAT) => {
            Some(f64::from_be_bytes(data[1..].try_into().ok()?))
        }
        _ => None,
    }
}

/// The number in a string.
pub(crate) fn number_in_text(payload: &Payload) -> Option<i64> {
    match payload {
        Payload::Text(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}

/// The same kind of payload with other bytes.
pub(crate) fn with_bytes(payload: &Payload, change: impl FnOnce(&Bytes) -> Bytes) -> Payload {
    match payload {
        Payload::Int(n) => Payload::Int(*n),
        Payload::Text(data) => Payload::Text(change(data)),
        Payload::Bytes(data) => Payload::Bytes(change(data)),
        Payload::Encoded(codec, data) => Payload::Encoded(*codec, change(data)),
    }
}

/// What a mutant with that bug stores for `payload`.
pub(crate) fn stored(bug: Bug, key: &str, payload: Payload) -> Result<Payload> {
    let size = payload.bytes().len();
    if size > MAX_VALUE {
        return match bug {
            Bug::LargeCut => Ok(with_bytes(&payload, |data| data.slice(..MAX_VALUE))),
            Bug::LimitOnlyDeclared => Ok(payload),
            Bug::LargeIsStorageError => Err(Error::new(ErrorKind::Storage, "object too large").with_key(key)),
            _ => Err(Error::value_too_large(key, size, MAX_VALUE)),
        };
    }
    Ok(match (bug, &payload) {
        (Bug::BoolsBecomeIntegers, Payload::Encoded(_, data)) if &data[..] == TRUE => Payload::Int(1),
        (Bug::BoolsBecomeIntegers, Payload::Encoded(_, data)) if &data[..] == FALSE => Payload::Int(0),
        (Bug::FloatsBecomeIntegers, _) => match float(&payload) {
            Some(number) if number.fract() == 0.0 && number.abs() < 1e15 => Payload::Int(number as i64),
            _ => payload,
        },
        (Bug::NegativeZeroLost, Payload::Encoded(codec, _)) if float(&payload) == Some(0.0) => {
            let zero: Vec<u8> = [FLOAT].into_iter().chain(0.0_f64.to_be_bytes()).collect();
            Payload::Encoded(*codec, zero.into())
        }
        (Bug::DigitTextBecomesInteger, _) => number_in_text(&payload).map_or(payload, Payload::Int),
        (Bug::BytesBecomeText, Payload::Bytes(data)) => {
            Payload::Text(String::from_utf8_lossy(data).into_owned().into())
        }
        (Bug::IntegersBecomeText, Payload::Int(n)) => Payload::Text(n.to_string().into()),
        (Bug::IntegersThroughDoubles, Payload::Int(n)) => Payload::Int(*n as f64 as i64),
        (Bug::ValuesCutAtNul, _) => with_bytes(&payload, |data| {
            let end = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
            data.slice(..end)
        }),
        (Bug::LineEndsTranslated, Payload::Text(_) | Payload::Bytes(_)) => with_bytes(&payload, |data| {
            let mut kept: Vec<u8> = Vec::new();
            for (at, &byte) in data.iter().enumerate() {
                if !(byte == b'\r' && data.get(at + 1) == Some(&b'\n')) {
                    kept.push(byte);
                }
            }
            kept.into()
        }),
        (Bug::LengthIn16Bits, _) => with_bytes(&payload, |data| data.slice(..data.len() % (1 << 16))),
        _ => payload,
    })
}

/// What a mutant with that bug reads where `payload` is stored.
pub(crate) fn read(bug: Bug, payload: Payload) -> Option<Payload> {
    let missed = match bug {
        Bug::NullIsMiss => is_null(&payload),
        Bug::EmptyIsMiss => !matches!(payload, Payload::Int(_)) && payload.bytes().is_empty(),
        _ => false,
    };
    (!missed).then_some(payload)
}
