//! Random values: four bytes of flags and the data, whose first eight bytes are also tried as a lifetime (`exptime`).

use bytes::Bytes;
use cache_core::Payload;
use miniz_oxide::deflate::compress_to_vec_zlib;

use super::{ZLIB, counts_natively, read};
use crate::exptime;
use crate::fuzz_helper::fuzz;

/// What a value may inflate to: less than the seed that is a bomb.
const MOST: usize = 1 << 10;

#[test]
fn values() {
    let fuzz =
        fuzz("values", "values").words(&[b"-", b"+", b"_", b"9223372036854775807", b"\x78\x9c", b"\xff"]);
    // Good streams of damaged data.
    let fuzz = fuzz.finish(|input| {
        if input.len() > 4 {
            input[3] |= ZLIB as u8;
            let data = compress_to_vec_zlib(&input[4..], 1);
            input.splice(4.., data);
        }
    });
    fuzz.run(20_000, |input| {
        let Some((flags, data)) = input.split_first_chunk() else { return false };
        let flags = u32::from_be_bytes(*flags);
        let payload = read(flags, Bytes::copy_from_slice(data), MOST);
        match &payload {
            None => assert!(!counts_natively(flags, data) || flags & 2 == 0, "{flags}"),
            Some(Payload::Text(text)) => assert!(std::str::from_utf8(text).is_ok()),
            Some(payload) => assert!(flags & ZLIB == 0 || payload.bytes().len() <= MOST),
        }
        // Lifetimes come as numbers of any size.
        if let Some(seconds) = data.first_chunk() {
            let seconds = i64::from_le_bytes(*seconds);
            for now in [i64::MIN, 0, i64::MAX] {
                _ = exptime::relative(seconds).unwrap_or_else(|| exptime::date(now, seconds));
            }
        }
        payload.is_some()
    });
}
