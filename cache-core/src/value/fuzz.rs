//! Fuzzed values, and nesting and length bombs, in the bytes of each codec.

use std::collections::BTreeMap;
use std::sync::Arc;

use conformance_tests::faults::{Fuzz, record};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::Codecs;
use crate::codec::{Codec, Json, MessagePack};
use crate::payload::{CodecId, Payload};

/// A type that may be as deep as the bytes say.
#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "it is only ever read")]
struct Comment {
    text: String,
    #[serde(default)]
    votes: BTreeMap<String, i64>,
    #[serde(default)]
    replies: Vec<Self>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "it is only ever read")]
enum Choice {
    Nothing,
    One(Box<Self>),
    Many(Vec<Self>),
    Named { left: Option<u128>, right: char },
}

fn held(run: &mut dyn FnMut()) -> u64 {
    allocation_counter::measure(run).bytes_max
}

/// A byte may become an element of one of the types here, in a vector that doubles as it grows.
fn allowed(length: usize) -> u64 {
    const { assert!(size_of::<Comment>() <= 128) };
    (4 * 128 * length) as u64 + (64 << 10)
}

fn codecs(write: Arc<dyn Codec>) -> Codecs {
    Codecs { write, also_decode: vec![], preserves_type_tags: true }
}

/// Reads the bytes as each of the types, as a cache does; true if one is that.
fn read(codecs: &Codecs, bytes: &[u8]) -> bool {
    fn is<T: DeserializeOwned>(codecs: &Codecs, payload: &Payload) -> bool {
        codecs.decode::<T>("k", payload.clone()).is_ok()
    }
    let bytes = bytes::Bytes::copy_from_slice(bytes);
    let known = Payload::Encoded(codecs.write.id(), bytes.clone());
    let unknown = Payload::Encoded(CodecId::UNKNOWN, bytes);
    // Each alone, so that all of them are tried.
    let found = [
        is::<serde_json::Value>(codecs, &known),
        is::<Comment>(codecs, &known),
        is::<Choice>(codecs, &known),
        is::<Vec<Vec<u64>>>(codecs, &known),
        is::<BTreeMap<String, Option<f64>>>(codecs, &known),
        is::<(u8, String, i128)>(codecs, &unknown),
        is::<IgnoredAny>(codecs, &unknown),
        codecs.decode_bytes("k", unknown.clone()).is_ok(),
    ];
    found.contains(&true)
}

fn fuzz<'a>(reader: &'a str, dir: &str) -> Fuzz<'a> {
    Fuzz::new("core", reader)
        .seeds_in(format!("{}/tests/fuzz/{dir}", env!("CARGO_MANIFEST_DIR")))
        .memory(held, allowed)
}

#[test]
fn message_pack() {
    const WORDS: [&[u8]; 14] = [
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xdc\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x01",
        b"\x81",
        b"\x91",
        b"\xa4text",
        b"\xa7replies",
        b"\xc0",
        b"\xc1",
        b"\xd8",
        b"\xa4Many",
    ];
    let codecs = codecs(Arc::new(MessagePack));
    fuzz("MessagePack", "message-pack").words(&WORDS).run(30_000, |bytes| read(&codecs, bytes));
}

#[test]
fn json() {
    const WORDS: [&[u8]; 14] = [
        b"[",
        b"]",
        b"{",
        b"}",
        b"\"",
        b":",
        b",",
        b"\\ud800",
        b"\\u0000",
        b"1e999",
        b"\"text\":",
        b"\"replies\":[",
        b"\"Many\":[",
        b"null",
    ];
    let codecs = codecs(Arc::new(Json));
    fuzz("JSON", "json").words(&WORDS).run(30_000, |bytes| read(&codecs, bytes));
}

#[cfg(feature = "zlib")]
#[test]
fn compressed() {
    use miniz_oxide::deflate::compress_to_vec_zlib;

    use crate::Zlib;
    /// Less than the seed that is a bomb.
    const MOST: usize = 1 << 10;

    let codecs = codecs(Arc::new(Zlib::new(Json).max_inflated(MOST)));
    let allowed = |length| allowed(length + MOST);
    let fuzz = fuzz("zlib", "zlib").memory(held, allowed);
    // Good streams of damaged values.
    let fuzz = fuzz.finish(|bytes| *bytes = compress_to_vec_zlib(bytes, 1));
    fuzz.run(10_000, |bytes| read(&codecs, bytes));
}

/// A level for each byte, and containers and strings that declare lengths which never come.
///
/// The MessagePack bombs are whole, since a truncated one is refused for that, however deep it is. The JSON bombs
/// are not: a reader that skips a value may skip a deep one.
fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let nested = |level: &[u8], innermost: &[u8]| [&level.repeat(200_000), innermost].concat();
    let declared = |level: &[u8]| [level.repeat(100), level.to_vec()].concat();
    let comment = |replies: &[u8]| [b"\x82\xa4text\xa0\xa7replies", replies].concat();
    vec![
        ("MessagePack arrays", nested(b"\x91", b"\xc0")),
        ("MessagePack maps", nested(b"\x81\xa1k", b"\xc0")),
        ("MessagePack comments", nested(&comment(b"\x91"), &comment(b"\x90"))),
        ("MessagePack choices", nested(b"\x81\xa3One", b"\xa7Nothing")),
        ("MessagePack long arrays", declared(b"\xdd\xff\xff\xff\xff")),
        ("MessagePack arrays of 65,535", declared(b"\xdc\xff\xff")),
        ("MessagePack long maps", declared(b"\xdf\xff\xff\xff\xff\xa1k")),
        ("MessagePack long comments", declared(&comment(b"\xdd\xff\xff\xff\xff"))),
        ("MessagePack long strings", b"\xdb\xff\xff\xff\xffx".to_vec()),
        ("MessagePack long bytes", b"\xc6\xff\xff\xff\xffx".to_vec()),
        ("MessagePack long extensions", b"\xc9\xff\xff\xff\xff\x01x".to_vec()),
        ("JSON arrays", nested(b"[", b"")),
        ("JSON objects", nested(b"{\"k\":", b"")),
        ("JSON comments", nested(b"{\"text\":\"\",\"replies\":[", b"")),
        ("JSON choices", nested(b"{\"One\":", b"")),
    ]
}

/// The stack on which a bomb must be refused; frames of an unoptimised build are several times as large.
const STACK: usize = if cfg!(debug_assertions) { 1024 << 10 } else { 256 << 10 };

#[test]
fn bombs_are_refused_on_a_small_stack_and_in_little_memory() {
    let small = std::thread::Builder::new().stack_size(STACK);
    let tried = bombs().len() as u64;
    let run = move || {
        let mut failed = Vec::new();
        for (name, bomb) in bombs() {
            let codec: Arc<dyn Codec> =
                if name.starts_with("JSON") { Arc::new(Json) } else { Arc::new(MessagePack) };
            let codecs = codecs(codec);
            let mut understood = true;
            let held = held(&mut || understood = read(&codecs, &bomb));
            // Beside the copy that is given: JSON's reader notes each level of what it skips.
            if understood || held > bomb.len() as u64 + Fuzz::twice(bomb.len()) {
                failed.push(format!("{name}: {held} bytes held for {}, {understood}", bomb.len()));
            }
        }
        failed
    };
    let failed = small.spawn(run).unwrap().join().unwrap();
    let figure = format!("{} bombs refused on a stack of {} KiB", tried - failed.len() as u64, STACK >> 10);
    record(26, "core", tried, failed.len() as u64, &figure);
    assert!(failed.is_empty(), "{failed:#?}");
}
