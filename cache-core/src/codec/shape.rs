//! Checks the shape that MessagePack declares before anything relies on it.
//!
//! The reader does not count the levels of enums, so a value of a recursive enum overflowed any stack. And
//! serde's own types reserve room for the declared number of elements, up to 1 MiB, at each level.

/// What is wrong with a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    TooDeep,
    /// An array or a map has more elements than there are bytes left.
    CutOff,
}

/// Whether the marker is an array's or a map's: 0x80 to 0x9f, and 0xdc to 0xdf.
const fn opens(marker: u8) -> bool {
    marker & 0xe0 == 0x80 || is_long(marker)
}

/// The same where its length takes two bytes or four.
const fn is_long(marker: u8) -> bool {
    marker & 0xfc == 0xdc
}

/// Checks that values nest at most `DEPTH` deep and have the number of elements that they declare. Other damage is
/// left to the reader.
///
/// Most values have no long marker and few short ones, not even as a part of something else, and are
/// looked at no further: that much is a few bytes a cycle.
pub(super) fn check<const DEPTH: usize>(bytes: &[u8]) -> Result<(), Problem> {
    let (mut opening, mut long) = (0_usize, false);
    for part in bytes.chunks(128) {
        // Summed up in a byte, many of which the processor adds at once.
        opening += usize::from(part.iter().fold(0_u8, |sum, &byte| sum + u8::from(opens(byte))));
        long |= part.iter().fold(false, |any, &byte| any | is_long(byte));
    }
    if opening > DEPTH || long { walk::<DEPTH>(bytes) } else { Ok(()) }
}

fn walk<const DEPTH: usize>(mut bytes: &[u8]) -> Result<(), Problem> {
    // How many elements each open level still lacks, and all of them together.
    let (mut levels, mut depth) = ([0_usize; DEPTH], 0);
    let mut missing = 1_usize;
    while missing > 0 {
        let Some((&marker, rest)) = bytes.split_first() else { return Ok(()) };
        let (Some(skipped), elements) = measure(marker, rest) else { return Ok(()) };
        let Some(rest) = rest.get(skipped..) else { return Ok(()) };
        bytes = rest;
        missing = (missing - 1).saturating_add(elements);
        // Each takes a byte at least.
        if missing > bytes.len() {
            return Err(Problem::CutOff);
        }
        if opens(marker) {
            *levels.get_mut(depth).ok_or(Problem::TooDeep)? = elements;
            depth += 1;
        } else if let Some(level) = depth.checked_sub(1).and_then(|last| levels.get_mut(last)) {
            *level = level.saturating_sub(1);
        }
        // What is whole is one element of the level around it.
        while let Some(last) = depth.checked_sub(1).filter(|&last| levels[last] == 0) {
            depth = last;
            if let Some(around) = depth.checked_sub(1) {
                levels[around] = levels[around].saturating_sub(1);
            }
        }
    }
    Ok(())
}

/// How many bytes belong to the value behind its marker, and how many elements follow them; `None` where
/// its length is cut.
fn measure(marker: u8, rest: &[u8]) -> (Option<usize>, usize) {
    let be = |width: usize| {
        let length = rest.get(..width)?.iter().fold(0_u64, |length, &byte| length << 8 | u64::from(byte));
        usize::try_from(length).ok()
    };
    let data = |width: usize, more: usize| (be(width).map(|length| length.saturating_add(width + more)), 0);
    let elements = |width: usize, each: usize| match be(width) {
        Some(length) => (Some(width), length.saturating_mul(each)),
        None => (None, 0),
    };
    match marker {
        0x80..=0x8f => (Some(0), 2 * usize::from(marker & 0x0f)),
        0x90..=0x9f => (Some(0), usize::from(marker & 0x0f)),
        0xa0..=0xbf => (Some(usize::from(marker & 0x1f)), 0),
        0xc4 | 0xd9 => data(1, 0),
        0xc5 | 0xda => data(2, 0),
        0xc6 | 0xdb => data(4, 0),
        // Extensions have a type beside their length.
        0xc7 => data(1, 1),
        0xc8 => data(2, 1),
        0xc9 => data(4, 1),
        0xcc | 0xd0 => (Some(1), 0),
        0xcd | 0xd1 => (Some(2), 0),
        0xca | 0xce | 0xd2 => (Some(4), 0),
        0xcb | 0xcf | 0xd3 => (Some(8), 0),
        0xd4..=0xd8 => (Some(1 + (1 << (marker - 0xd4))), 0),
        0xdc => elements(2, 1),
        0xdd => elements(4, 1),
        0xde => elements(2, 2),
        0xdf => elements(4, 2),
        _ => (Some(0), 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_possible() {
        let long: Vec<(u64, String, Option<f64>)> =
            (0..70_000).map(|n| (n, "ü".repeat(n as usize % 40), (n % 3 == 0).then_some(0.5))).collect();
        let map: std::collections::BTreeMap<i64, Vec<i8>> =
            (-40..40).map(|n| (n * 99_999, vec![-1; 20])).collect();
        for length in [0, 1, 15, 16, 300, 70_000] {
            assert_eq!(walk::<2>(&rmp_serde::to_vec_named(&long[..length]).unwrap()), Ok(()), "{length}");
        }
        let text = "x".repeat(70_000);
        let bytes = serde_json::Value::from(vec![0xdd; 300]);
        for (a, b) in [(&*text, 1), (&text[..300], 2), (&text[..100], 3)] {
            let written = rmp_serde::to_vec_named(&(a, b, &map, &bytes, -70_000, 1.5_f32)).unwrap();
            assert_eq!(check::<3>(&written), Ok(()));
        }
        assert_eq!(check::<2>("a string with \u{700} in it".as_bytes()), Ok(()));
    }

    #[test]
    fn elements_without_bytes_are_not() {
        for bad in [
            &b"\xdd\xff\xff\xff\xff"[..],
            b"\xdc\0\x03\x01\x02",
            b"\xdf\0\0\0\x01\xa1k",
            b"\x92\xdc\0\x02\x01\x02",
        ] {
            assert_eq!(check::<9>(bad), Err(Problem::CutOff), "{bad:x?}");
        }
        // The length itself is cut, or there is none.
        for other in [&b"\xdd\xff"[..], b"\x93\x01", b"", b"\xc1"] {
            assert_eq!(check::<9>(other), Ok(()), "{other:x?}");
        }
    }

    #[test]
    fn levels_are_counted_and_what_is_beside_them_is_not() {
        let nested = |level: &[u8], times| [&level.repeat(times)[..], b"\x01"].concat();
        for level in [&b"\x91"[..], b"\x81\xa1k", b"\xdc\0\x01", b"\xdf\0\0\0\x01\x05", b"\x93\xc0\x05"] {
            assert_eq!(check::<9>(&nested(level, 9)), Ok(()), "{level:x?}");
            assert_eq!(check::<9>(&nested(level, 10)), Err(Problem::TooDeep), "{level:x?}");
        }
        assert_eq!(check::<2>(&[&b"\x9f"[..], &[0x90; 15]].concat()), Ok(()));
    }
}
