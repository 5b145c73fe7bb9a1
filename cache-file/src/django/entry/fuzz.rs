//! Files of entries as Django writes them.

use miniz_oxide::deflate::compress_to_vec_zlib;

use super::{Depth, Lookup, decode, read};
use crate::fuzz::{file, fuzz};

const NOW: i64 = 1_700_000_000_000_000;

/// What a value may inflate to; more than one input, and less than a bomb.
const MOST: usize = 1 << 10;

const WORDS: [&[u8]; 9] = [
    b"\x80\x04",
    b"N.",
    b"G",
    b"\x7f\xf8\0\0\0\0\0\0",
    b"\xff\xf0\0\0\0\0\0\0",
    b".",
    b"\x78\x9c",
    b"cm\nC\n)R.",
    b"\x8a\x08",
];

fn is_entry(seen: &Lookup) -> bool {
    let Lookup::Live(found) = seen else { return false };
    assert!(found.pickle.as_ref().is_none_or(|pickle| pickle.len() <= MOST));
    assert!(!found.head().is_empty() && !found.body().is_empty());
    true
}

#[test]
fn entries() {
    let fuzz = fuzz("entries", "file-django", "django").words(&WORDS);
    // Where the stream is damaged: one of other bytes.
    let fuzz = fuzz.finish(|bytes| {
        if let Some(end) = bytes.iter().position(|&byte| byte == b'.') {
            let body = compress_to_vec_zlib(&bytes[end + 1..], 1);
            bytes.splice(end + 1.., body);
        }
    });
    fuzz.run(20_000, |bytes| is_entry(&decode(bytes.to_vec(), NOW, Depth::Whole, MOST)));
}

#[test]
fn entry_files() {
    fuzz("entry files", "file-django", "django").words(&WORDS).one_in(50).run(50_000, |bytes| {
        let file = file(bytes, 0);
        let whole = is_entry(&read(&file, NOW, Depth::Whole, MOST).unwrap());
        // A value that is too long to be read still exists.
        drop(read(&file, NOW, Depth::Whole, 4).unwrap());
        drop(read(&file, NOW, Depth::Head, MOST).unwrap());
        whole
    });
}
