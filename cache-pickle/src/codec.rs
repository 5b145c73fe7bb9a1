//! [`Pickle`]: the codec of a cache that is shared with Django.

use std::borrow::Cow;

use cache_core::{Codec, CodecError, CodecId, PublicError, Visit};
use serde::de::Error as _;

use crate::error::Error;
use crate::limits::Limits;
use crate::read::Document;

/// Python's pickle: what Django's caches hold. Reads the protocols 0 to 5, writes 4.
///
/// Types that have a human-readable form (a UUID, an IP address) become text, as in JSON.
///
/// ```
/// use cache_core::{Codec, CodecId};
/// use cache_pickle::Pickle;
///
/// let bytes = Pickle::default().encode(&("a", 1))?;
/// assert!(bytes.starts_with(b"\x80\x04"));
/// assert_eq!(Pickle::default().id(), CodecId(3));
/// # Ok::<(), cache_core::CodecError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Pickle {
    /// The limits for one value, on reading and on writing.
    pub limits: Limits,
}

impl Pickle {
    /// Its number. A store that has room for it keeps it beside the bytes.
    pub const ID: CodecId = CodecId(3);
}

impl Codec for Pickle {
    fn id(&self) -> CodecId {
        Self::ID
    }

    fn name(&self) -> &'static str {
        "pickle"
    }

    fn is_human_readable(&self) -> bool {
        true
    }

    fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, CodecError> {
        Ok(crate::ser::to_vec_with(value, &self.limits)?)
    }

    fn decode(&self, bytes: &[u8], visit: &mut Visit<'_>) -> Result<(), CodecError> {
        let bytes = pickled(bytes);
        let document = Document::read(&bytes, &self.limits).map_err(|error| shown(&error))?;
        visit(&mut <dyn erased_serde::Deserializer<'_>>::erase(crate::de::De::new(&document)))
            .map_err(|error| shown(&Error::custom(error)).into())
    }
}

/// The message of an [`Error`] for users of the cache, in the form that the cache gives to other codecs' errors.
/// It contains no part of a value.
fn shown(error: &Error) -> PublicError {
    let text = error.to_string();
    let found = |rest: &str| format!("found {rest}");
    let unfit =
        |rest: &str| format!("found {}", rest.replacen(", expected ", " that does not fit, expected ", 1));
    let text = text
        .strip_prefix("invalid type: ")
        .map(found)
        .unwrap_or_else(|| text.strip_prefix("invalid value: ").map(unfit).unwrap_or_else(|| text.clone()));
    PublicError::new(text)
}

/// Django's memcached and Redis backends store integers as decimal digits without a pickle around them, and
/// the codec gets those beyond 64 bits. No pickle is all digits.
fn pickled(bytes: &[u8]) -> Cow<'_, [u8]> {
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Cow::Borrowed(bytes);
    }
    // LONG, as protocol 0 has it.
    Cow::Owned([b"L", bytes, b"L\n."].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> Option<i128> {
        let mut number = None;
        let read = Pickle::default().decode(bytes, &mut |value| {
            number = Some(erased_serde::deserialize(value)?);
            Ok(())
        });
        read.is_ok().then_some(number)?
    }

    #[test]
    fn an_integer_beyond_64_bits_is_exact_or_refused() {
        for n in [1 << 64, -(1 << 64), i128::MAX] {
            let number = Pickle::default().encode(&n).unwrap();
            let list = Pickle::default().encode(&[n]).unwrap();
            assert_eq!(decode(&number), Some(n));
            for pickle in [number, list] {
                let refused = Pickle::default().decode(&pickle, &mut |value| {
                    erased_serde::deserialize::<serde_json::Value>(value).map(drop)
                });
                let told = refused.unwrap_err().to_string();
                assert!(told.contains("an integer of more than 64 bits"), "{told}");
            }
        }
        for float in [f64::NAN, f64::INFINITY, -0.0, 1.0, f64::MAX, 5e-324] {
            let pickle = Pickle::default().encode(&float).unwrap();
            assert_eq!(crate::from_slice::<f64>(&pickle).unwrap().to_bits(), float.to_bits());
        }
        let single = 7.038_531e-26_f32;
        assert_eq!(crate::from_slice::<f32>(&Pickle::default().encode(&single).unwrap()).unwrap(), single);
    }

    #[test]
    fn digits_without_a_pickle_are_an_integer() {
        assert_eq!(decode(b"9223372036854775808"), Some(1 << 63));
        assert_eq!(decode(b"-1000000000000000000000000000000"), Some(-10_i128.pow(30)));
        assert_eq!(decode(b"\x80\x04K\x05."), Some(5));
        for bytes in [&b""[..], b"-", b"+5", b"5.", b"5 ", b"0x5", &[b'9'; 5_000]] {
            assert_eq!(decode(bytes), None, "{bytes:?}");
        }
    }
}
