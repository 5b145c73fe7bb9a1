//! [`Zlib`]: a codec that also reads values that another client compressed.

use std::borrow::Cow;

use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

use crate::codec::{Codec, CodecError, PublicError, Visit};
use crate::payload::CodecId;

/// Reads values of a codec, compressed by zlib as django-redis' `ZlibCompressor` does, or uncompressed.
/// Writes without compressing, which django-redis reads as well.
///
/// ```
/// use cache_core::{Codec, Zlib, Json};
///
/// let codec = Zlib::new(Json);
/// // zlib.compress(b"[1,2,3]")
/// let compressed = b"\x78\x9c\x8b\x36\xd4\x31\xd2\x31\x8e\x05\x00\x06\x95\x01\xa7";
/// for stored in [compressed.as_slice(), b"[1,2,3]"] {
///     let mut list = Vec::new();
///     codec.decode(stored, &mut |value| {
///         list = erased_serde::deserialize::<Vec<u8>>(value)?;
///         Ok(())
///     })?;
///     assert_eq!(list, [1, 2, 3]);
/// }
/// # Ok::<(), cache_core::CodecError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Zlib<C> {
    codec: C,
    max_inflated: usize,
}

impl<C: Codec> Zlib<C> {
    /// Inflates what `codec` wrote, up to 64 MiB a value.
    #[must_use]
    pub const fn new(codec: C) -> Self {
        Self { codec, max_inflated: 64 << 20 }
    }

    /// Sets the limit: values that inflate to more than `bytes` cannot be read, since a small one may be a bomb.
    #[must_use]
    pub const fn max_inflated(mut self, bytes: usize) -> Self {
        self.max_inflated = bytes;
        self
    }
}

/// A zlib stream begins with the method and the window, 0x78 from all common writers, and with bits that make
/// the first two bytes a multiple of 31. JSON and pickles begin otherwise.
fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [0x78, flags, ..] if (0x7800 | u16::from(*flags)) % 31 == 0)
}

impl<C: Codec> Codec for Zlib<C> {
    fn id(&self) -> CodecId {
        self.codec.id()
    }

    fn name(&self) -> &'static str {
        self.codec.name()
    }

    fn is_human_readable(&self) -> bool {
        self.codec.is_human_readable()
    }

    fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, CodecError> {
        self.codec.encode(value)
    }

    fn decode(&self, bytes: &[u8], visit: &mut Visit<'_>) -> Result<(), CodecError> {
        let bytes = if is_zlib(bytes) {
            let inflated = decompress_to_vec_zlib_with_limit(bytes, self.max_inflated);
            let refused = |_| PublicError::new("the compressed value is damaged, or too large once inflated");
            Cow::Owned(inflated.map_err(refused)?)
        } else {
            Cow::Borrowed(bytes)
        };
        self.codec.decode(&bytes, visit)
    }
}

#[cfg(all(test, feature = "json"))]
mod tests {
    use miniz_oxide::deflate::compress_to_vec_zlib;

    use super::*;
    use crate::codec::{Json, decode};

    #[test]
    fn every_level_is_read_and_so_is_what_nobody_compressed() {
        let text = "a string, a string, a string";
        let json = serde_json::to_vec(text).unwrap();
        for level in 0..=10 {
            assert_eq!(
                decode::<String>(&Zlib::new(Json), &compress_to_vec_zlib(&json, level)).unwrap(),
                text
            );
        }
        assert_eq!(decode::<String>(&Zlib::new(Json), &json).unwrap(), text);
        assert_eq!(Zlib::new(Json).encode(&text).unwrap(), json);
    }

    #[test]
    fn bombs_and_damage_are_errors() {
        let json = serde_json::to_vec(&vec![0; 1_000]).unwrap();
        let compressed = compress_to_vec_zlib(&json, 6);
        let of_limit = |limit| decode::<Vec<u8>>(&Zlib::new(Json).max_inflated(limit), &compressed);
        assert!(of_limit(json.len() - 1).is_err());
        assert_eq!(of_limit(json.len()).unwrap(), [0; 1_000]);
        for end in 0..compressed.len() {
            assert!(decode::<Vec<u8>>(&Zlib::new(Json), &compressed[..end]).is_err());
        }
    }
}
