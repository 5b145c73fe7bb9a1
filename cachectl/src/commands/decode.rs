//! `decode`: shows what is stored under a key: its bytes, its codec and its value.

use cache_core::{Codec, CodecId, Json, MessagePack, Payload};
use cache_pickle::{Pickle, Value as Python};
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::answer::{Answer, CommandResult};
use crate::cli::Key;
use crate::json::{Stored, inexact};
use crate::open::Chosen;

/// The most bytes that a compressed value is inflated to.
const MOST_INFLATED: usize = 64 << 20;

/// How many bytes are shown if nothing can decode them.
const MOST_SHOWN: usize = 64;

/// How bytes read.
#[derive(Debug, PartialEq)]
struct Reading {
    format: String,
    value: Value,
}

impl Reading {
    fn new(format: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { format: format.into(), value: value.into() }
    }
}

pub(super) fn decode(chosen: &Chosen, key: &Key) -> CommandResult {
    let cache = chosen.cache_of(key.version)?;
    let made = cache.make_and_validate_key(&key.key)?;
    let Some(payload) = cache.backend().get(made.as_key())? else {
        return Ok(Answer::done([], json!({ "found": false })).yes(false));
    };
    let Reading { format, value } = read(&payload);
    let key = made.as_key().as_str();
    let bytes = payload.bytes().len();
    let bytes = (!matches!(payload, Payload::Int(_))).then_some(bytes);
    let lines = [
        Some(format!("key     {key}")),
        Some(format!("format  {format}")),
        bytes.map(|bytes| format!("bytes   {bytes}")),
        Some(format!("value   {value}")),
    ];
    let json = json!({ "found": true, "key": key, "format": format, "bytes": bytes, "value": value });
    Ok(Answer::done(lines.into_iter().flatten(), json))
}

fn read(payload: &Payload) -> Reading {
    match payload {
        Payload::Int(n) => Reading::new("integer", *n),
        Payload::Text(data) => Reading::new("text", String::from_utf8_lossy(data)),
        Payload::Bytes(data) => match guess(data) {
            Reading { format, value } if format != "bytes" => {
                Reading { format: format!("bytes, which read as {format}"), value }
            }
            bytes => bytes,
        },
        Payload::Encoded(codec, data) => {
            let (name, read) = match *codec {
                CodecId::UNKNOWN => return guess(data),
                id if id == Pickle::default().id() => {
                    return pickle(data).unwrap_or_else(|| damaged("pickle", data));
                }
                id if id == MessagePack.id() => ("MessagePack", through(&MessagePack, data)),
                id if id == Json.id() => ("JSON", json_text(data)),
                CodecId(number) => return Reading::new(format!("codec {number}"), shown(data)),
            };
            read.unwrap_or_else(|| damaged(name, data))
        }
    }
}

fn damaged(format: &str, data: &[u8]) -> Reading {
    Reading::new(format!("{format} that does not read as JSON"), shown(data))
}

/// What bytes look like that nobody said anything about.
fn guess(data: &[u8]) -> Reading {
    if let Some(reading) = digits(data).or_else(|| pickle(data)).or_else(|| compressed(data)) {
        return reading;
    }
    if let Some(reading) = through(&MessagePack, data).or_else(|| json_text(data)) {
        return reading;
    }
    match std::str::from_utf8(data) {
        Ok(text) => Reading::new("text", text),
        Err(_) => Reading::new("bytes", shown(data)),
    }
}

/// What a codec reads; what JSON cannot say of it is shown as Python does.
fn through(codec: &dyn Codec, data: &[u8]) -> Option<Reading> {
    let format = codec.name();
    match decoded::<Stored>(codec, data) {
        Some(Stored(Ok(value))) => Some(Reading::new(format, value)),
        _ => {
            let python: Python = decoded(codec, data)?;
            Some(Reading::new(format!("{format}, shown as Python does"), python.to_string()))
        }
    }
}

fn decoded<T: DeserializeOwned>(codec: &dyn Codec, data: &[u8]) -> Option<T> {
    let mut value = None;
    let read = codec.decode(data, &mut |deserializer| {
        value = Some(erased_serde::deserialize(deserializer)?);
        Ok(())
    });
    read.ok().and(value)
}

/// JSON, as it stands where a number in it would not be exact.
fn json_text(data: &[u8]) -> Option<Reading> {
    let text = std::str::from_utf8(data).ok()?;
    let reading = through(&Json, data);
    let is_json = || reading.is_some() || serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    match inexact(text).filter(|_| is_json()) {
        Some(_) => Some(Reading::new("JSON with a number that is not exact, shown as it stands", text)),
        None => reading,
    }
}

/// A pickle of protocol 2 to 5: Python's objects are named, and none is made.
fn pickle(data: &[u8]) -> Option<Reading> {
    let [0x80, protocol @ 2..=5, .., b'.'] = data else { return None };
    let format = format!("pickle, protocol {protocol}");
    let python = Python::read(data).ok()?;
    if is_json(&python)
        && let Ok(value) = cache_pickle::from_slice(data)
    {
        return Some(Reading { format, value });
    }
    Some(Reading::new(format!("{format}, shown as Python does"), python.to_string()))
}

/// Whether JSON holds all of a value as it is.
fn is_json(value: &Python) -> bool {
    match value {
        Python::None | Python::Bool(_) | Python::Int(_) | Python::Str(_) => true,
        Python::Float(number) => number.is_finite(),
        Python::List(items) => items.iter().all(is_json),
        Python::Dict(entries) => {
            entries.iter().all(|(key, value)| matches!(key, Python::Str(_)) && is_json(value))
        }
        _ => false,
    }
}

/// Python's integers have no end, and are stored as digits.
fn digits(data: &[u8]) -> Option<Reading> {
    let number = data.strip_prefix(b"-").unwrap_or(data);
    if number.is_empty() || !number.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let text = std::str::from_utf8(data).ok()?;
    Some(match text.parse::<i64>() {
        Ok(number) => Reading::new("integer", number),
        Err(_) => Reading::new("integer of more than 64 bits", text),
    })
}

/// zlib, as pymemcache and Django's compressors write it.
fn compressed(data: &[u8]) -> Option<Reading> {
    let [0x78, second, ..] = data else { return None };
    if !u16::from_be_bytes([0x78, *second]).is_multiple_of(31) {
        return None;
    }
    let inflated = decompress_to_vec_zlib_with_limit(data, MOST_INFLATED).ok()?;
    let Reading { format, value } = guess(&inflated);
    Some(Reading { format: format!("compressed (zlib, {} bytes), {format}", inflated.len()), value })
}

/// The first bytes in hexadecimal digits.
fn shown(data: &[u8]) -> String {
    let digits: String = data.iter().take(MOST_SHOWN).map(|byte| format!("{byte:02x}")).collect();
    if data.len() > MOST_SHOWN { digits + "…" } else { digits }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use cache_core::Bytes;

    use super::*;

    fn unknown(data: &[u8]) -> Reading {
        read(&Payload::Encoded(CodecId::UNKNOWN, Bytes::copy_from_slice(data)))
    }

    #[test]
    fn each_format_is_known_by_its_bytes() {
        let map = json!({ "a": 1 });
        assert_eq!(unknown(b"\x81\xa1a\x01"), Reading::new("MessagePack", map.clone()));
        assert_eq!(unknown(b"{\"a\": 1}"), Reading::new("JSON", map.clone()));
        assert_eq!(unknown(b"hello"), Reading::new("text", "hello"));
        assert_eq!(unknown(b"\xff\xfe"), Reading::new("bytes", "fffe"));
        // pickle.dumps({"a": 1}, 5)
        let pickled = b"\x80\x05\x95\x0a\0\0\0\0\0\0\0}\x94\x8c\x01a\x94K\x01s.";
        assert_eq!(unknown(pickled), Reading::new("pickle, protocol 5", map.clone()));
        // pickle.dumps({1: 2}, 2): a key that no JSON object has.
        let numbers = unknown(b"\x80\x02}q\0K\x01K\x02s.");
        assert_eq!(numbers, Reading::new("pickle, protocol 2, shown as Python does", "{1: 2}"));
        // pickle.dumps((1, 2), 4): JSON would make a list of it.
        let tuple = unknown(b"\x80\x04K\x01K\x02\x86.");
        assert_eq!(tuple, Reading::new("pickle, protocol 4, shown as Python does", "(1, 2)"));
        let nan = unknown(b"\x80\x04G\x7f\xf8\0\0\0\0\0\0.");
        assert_eq!(nan, Reading::new("pickle, protocol 4, shown as Python does", "nan"));
        assert_eq!(unknown(b"-5"), Reading::new("integer", -5));
        let nan = unknown(b"\x92\xcb\x7f\xf8\0\0\0\0\0\0\xcb\x7f\xf0\0\0\0\0\0\0");
        assert_eq!(nan, Reading::new("MessagePack, shown as Python does", "[nan, inf]"));
        let numbers = unknown(b"\x81\x01\xc4\x01a");
        assert_eq!(numbers, Reading::new("MessagePack, shown as Python does", "{1: b'a'}"));
        let large = r#"[12345678901234567890123]"#;
        let format = "JSON with a number that is not exact, shown as it stands";
        assert_eq!(unknown(large.as_bytes()), Reading::new(format, large));
        assert_eq!(unknown(b"[1e400]"), Reading::new(format, "[1e400]"));
        let large = "1000000000000000000000000000001";
        assert_eq!(unknown(large.as_bytes()), Reading::new("integer of more than 64 bits", large));
        let zlib = miniz_oxide::deflate::compress_to_vec_zlib(pickled, 6);
        let format = format!("compressed (zlib, {} bytes), pickle, protocol 5", pickled.len());
        assert_eq!(unknown(&zlib), Reading::new(format, map));
    }

    #[test]
    fn what_only_begins_like_a_format_is_not_one() {
        assert_eq!(unknown(b"\x80\x05no pickle.").format, "bytes");
        assert_eq!(unknown(b"x\x9cno zlib").format, "bytes");
        assert_eq!(unknown(b"x = 1").format, "text");
        let truncated = read(&Payload::Encoded(CodecId(1), Bytes::from_static(b"\x81\xa1a")));
        assert_eq!(truncated, Reading::new("MessagePack that does not read as JSON", "81a161"));
    }

    #[test]
    fn a_kind_that_was_kept_is_believed() {
        assert_eq!(read(&Payload::Int(-7)), Reading::new("integer", -7));
        assert_eq!(read(&Payload::Text(Bytes::from_static(b"{}"))), Reading::new("text", "{}"));
        let bytes = read(&Payload::Bytes(Bytes::from_static(b"{}")));
        assert_eq!(bytes, Reading::new("bytes, which read as JSON", json!({})));
        let long = read(&Payload::Encoded(CodecId(200), Bytes::from(vec![7; 65])));
        assert_eq!(long.format, "codec 200");
        assert_eq!(long.value.as_str().unwrap().chars().count(), 2 * MOST_SHOWN + 1);
    }
}
