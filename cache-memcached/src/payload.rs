//! Values as pymemcache lays them out: the flags tell what the bytes are.

use bytes::Bytes;
use cache_core::{CodecId, Payload};
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

/// pymemcache's flags; no flag is bytes.
const PICKLE: u32 = 1;
const INTEGER: u32 = 1 << 1;
const LONG: u32 = 1 << 2;
/// `CompressedSerde`'s, beside one of the others.
const ZLIB: u32 = 1 << 3;
const TEXT: u32 = 1 << 4;

/// Where the flags hold the number of a codec of this project: beyond all bits that pymemcache knows, so that
/// it reads plain bytes.
const CODEC_SHIFT: u32 = 8;

/// The number of the pickle codec, for whose values pymemcache has its own flag.
const PICKLE_CODEC: CodecId = CodecId(3);

/// Returns the flags and bytes of `payload`.
pub(crate) fn write(payload: Payload) -> (u32, Bytes) {
    match payload {
        Payload::Int(n) => (INTEGER, n.to_string().into()),
        Payload::Text(data) => (TEXT, data),
        Payload::Bytes(data) => (0, data),
        Payload::Encoded(PICKLE_CODEC, data) => (PICKLE, data),
        Payload::Encoded(CodecId(number), data) => (u32::from(number) << CODEC_SHIFT, data),
    }
}

/// Returns the value of `flags` and `data`, checking the flags in pymemcache's order. Returns `None` for a
/// damaged value, and for one that inflates to more than `max_inflated` bytes.
pub(crate) fn read(flags: u32, data: Bytes, max_inflated: usize) -> Option<Payload> {
    let data = if flags & ZLIB != 0 {
        Bytes::from(decompress_to_vec_zlib_with_limit(&data, max_inflated).ok()?)
    } else {
        data
    };
    if flags & TEXT != 0 {
        return std::str::from_utf8(&data).is_ok().then_some(Payload::Text(data));
    }
    if flags & (INTEGER | LONG) != 0 {
        let digits = digits(&data)?;
        // Python counts without end: what to make of digits beyond 64 bits is for the codec to say.
        let beyond = |_| Payload::Encoded(CodecId::UNKNOWN, digits.clone().into());
        return Some(digits.parse().map_or_else(beyond, Payload::Int));
    }
    if flags & PICKLE != 0 {
        return Some(Payload::Encoded(PICKLE_CODEC, data));
    }
    let number = (flags >> CODEC_SHIFT) as u8;
    let codec_alone = flags & !ZLIB == u32::from(number) << CODEC_SHIFT && number != 0;
    Some(if codec_alone { Payload::Encoded(CodecId(number), data) } else { Payload::Bytes(data) })
}

/// Whether the server itself counts on these bytes as this project does: only digits.
pub(crate) fn counts_natively(flags: u32, data: &[u8]) -> bool {
    let digits = data.trim_ascii_end();
    flags & ZLIB == 0 && !digits.is_empty() && data.len() <= 20 && digits.iter().all(u8::is_ascii_digit)
}

/// The integer in `data` as Python's `int` reads it, without blanks, a plus sign and the
/// underscores between digits.
fn digits(data: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(data.trim_ascii()).ok()?;
    let (sign, number) = match text.strip_prefix('-') {
        Some(number) => ("-", number),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let whole = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    number.split('_').all(whole).then(|| format!("{sign}{}", number.replace('_', "")))
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 1 << 20;

    #[derive(serde::Deserialize)]
    struct Vectors {
        written: Vec<Written>,
        read: Vec<Read>,
    }

    #[derive(serde::Deserialize)]
    struct Written {
        name: String,
        kind: String,
        flags: u32,
        hex: String,
    }

    #[derive(serde::Deserialize)]
    struct Read {
        flags: u32,
        hex: String,
        /// As Python shows it; nothing if pymemcache raises.
        value: Option<String>,
    }

    fn vectors() -> Vectors {
        serde_json::from_str(include_str!("../tests/data/values.json")).unwrap()
    }

    fn bytes(hex: &str) -> Bytes {
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(byte).collect()
    }

    #[test]
    fn bytes_text_and_integers_as_pymemcache_writes_them() {
        let vectors = vectors().written;
        assert!(vectors.len() >= 30);
        for v in vectors {
            let data = bytes(&v.hex);
            let payload = match &*v.kind {
                "str" => Payload::Text(data.clone()),
                "bytes" => Payload::Bytes(data.clone()),
                _ => match std::str::from_utf8(&data).unwrap().parse() {
                    Ok(n) => Payload::Int(n),
                    Err(_) => {
                        let beyond = Payload::Encoded(CodecId::UNKNOWN, data.clone());
                        assert_eq!(read(v.flags, data, MAX), Some(beyond), "{}", v.name);
                        continue;
                    }
                },
            };
            assert_eq!(write(payload.clone()), (v.flags, data.clone()), "{}", v.name);
            assert_eq!(read(v.flags, data, MAX), Some(payload), "{}", v.name);
        }
    }

    #[test]
    fn everything_pymemcache_reads_is_read() {
        let vectors = vectors().read;
        assert_eq!(vectors.len(), 29);
        for v in vectors {
            let found = read(v.flags, bytes(&v.hex), MAX);
            let name = format!("flags {} of {}", v.flags, v.hex);
            match (found, v.value) {
                (None, expected) => assert_eq!(expected, None, "{name}"),
                (Some(Payload::Int(n)), expected) => assert_eq!(Some(n.to_string()), expected, "{name}"),
                (Some(Payload::Text(text)), expected) => {
                    let shown = format!("'{}'", std::str::from_utf8(&text).unwrap());
                    assert_eq!(Some(shown), expected, "{name}");
                }
                (Some(Payload::Bytes(data)), expected) => {
                    let shown = format!("b'{}'", std::str::from_utf8(&data).unwrap());
                    assert_eq!(Some(shown), expected, "{name}");
                }
                // A pickle is for its codec to read; pymemcache makes None of a bad one.
                (Some(Payload::Encoded(CodecId::UNKNOWN, digits)), expected) => {
                    assert_eq!(Some(std::str::from_utf8(&digits).unwrap()), expected.as_deref(), "{name}");
                }
                (Some(Payload::Encoded(codec, _)), expected) => {
                    assert_eq!(codec, CodecId(3), "{name}");
                    assert!(expected == Some("{'a': 1}".into()) || expected == Some("None".into()), "{name}");
                }
            }
        }
    }

    #[test]
    fn codecs_have_their_own_bits() {
        let data = Bytes::from_static(b"\x81\xa1a\x01");
        for number in 1..=u8::MAX {
            let payload = Payload::Encoded(CodecId(number), data.clone());
            let (flags, written) = write(payload.clone());
            let expected = if number == 3 { 1 } else { u32::from(number) << 8 };
            assert_eq!((flags, &written), (expected, &data));
            assert_eq!(read(flags, written, MAX), Some(payload));
        }
    }

    #[test]
    fn a_bomb_is_a_miss() {
        let zeros = miniz_oxide::deflate::compress_to_vec_zlib(&vec![0; MAX + 1], 9);
        assert!(zeros.len() < 2_000);
        assert_eq!(read(ZLIB, zeros.clone().into(), MAX), None);
        assert_eq!(read(ZLIB, zeros.into(), MAX + 1).map(|p| p.bytes().len()), Some(MAX + 1));
    }

    #[test]
    fn what_the_server_counts() {
        for (flags, data, native) in [
            (INTEGER, "5", true),
            (INTEGER, "9 ", true),
            (INTEGER, "-5", false),
            (INTEGER, "+5", false),
            (INTEGER, " 5", false),
            (INTEGER, "1_0", false),
            (INTEGER, "", false),
            (INTEGER, "000000000000000000001", false),
            (INTEGER | ZLIB, "5", false),
        ] {
            assert_eq!(counts_natively(flags, data.as_bytes()), native, "{data:?}");
        }
    }
}
