//! [`Pickle`]: the codec of a cache that is shared with Django.

use std::borrow::Cow;

use cache_core::{Codec, CodecError, CodecId, Visit};

use crate::limits::Limits;
use crate::read::Document;

/// Python's pickle: what Django's caches hold. Reads the protocols 0 to 5, writes 4.
///
/// Types that have a form for people (a UUID, an IP address) are text, as in JSON.
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
    /// What one value may cost on reading.
    pub limits: Limits,
}

impl Codec for Pickle {
    fn id(&self) -> CodecId {
        CodecId(3)
    }

    fn name(&self) -> &'static str {
        "pickle"
    }

    fn is_human_readable(&self) -> bool {
        true
    }

    fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, CodecError> {
        Ok(crate::to_vec(value)?)
    }

    fn decode(&self, bytes: &[u8], visit: &mut Visit<'_>) -> Result<(), CodecError> {
        let bytes = pickled(bytes);
        let document = Document::read(&bytes, &self.limits)?;
        visit(&mut <dyn erased_serde::Deserializer<'_>>::erase(crate::de::De::new(&document)))?;
        Ok(())
    }
}

/// Django's memcached and Redis backends store integers as decimal digits, without a pickle around
/// them, and those beyond 64 bits come to the codec. No pickle is all digits.
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
    fn digits_without_a_pickle_are_an_integer() {
        assert_eq!(decode(b"9223372036854775808"), Some(1 << 63));
        assert_eq!(decode(b"-1000000000000000000000000000000"), Some(-10_i128.pow(30)));
        assert_eq!(decode(b"\x80\x04K\x05."), Some(5));
        for bytes in [&b""[..], b"-", b"+5", b"5.", b"5 ", b"0x5", &[b'9'; 5_000]] {
            assert_eq!(decode(bytes), None, "{bytes:?}");
        }
    }
}
