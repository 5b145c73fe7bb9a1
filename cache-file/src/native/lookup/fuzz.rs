//! Files of entries that hold arbitrary bytes.

use super::{Depth, EntryName, Found, HEADER, Lookup, entry, header, whole};
use crate::fuzz::{file, fuzz};

const KEY: &[u8] = b":1:key";
const NOW: i64 = 1_700_000_000_000_000;

/// Gives an entry the checksums that its bytes ask for.
fn seal_entry(bytes: &mut [u8]) {
    const SUM: usize = 24;
    if bytes.len() < HEADER {
        return;
    }
    let sum = crc32fast::hash(&bytes[HEADER..]);
    bytes[SUM..SUM + 4].copy_from_slice(&sum.to_le_bytes());
    for slot in [32, 56] {
        if bytes[slot..slot + 24].iter().any(|&byte| byte != 0) {
            let sum = crc32fast::hash(&[&bytes[..32], &bytes[slot..slot + 20]].concat());
            bytes[slot + 20..slot + 24].copy_from_slice(&sum.to_le_bytes());
        }
    }
}

const ENTRY_WORDS: [&[u8]; 4] = [b"RCFE", KEY, b"\xff\xff\xff\xff\xff\xff\xff\x7f", b"\0\0\0\0\0\0\0\x80"];

/// What is made of an entry: nothing, or a payload that can be given to a caller.
fn is_entry(seen: Lookup<Found>) -> bool {
    let Lookup::Live(found) = seen else { return false };
    let (slot, _) = found.header.amended(i64::MAX, 1);
    assert_eq!(slot.len(), 24);
    assert!(!found.header.is_expired(NOW));
    assert!(found.header.is_integer() || found.payload.tags().0 as u8 == found.header.kind);
    true
}

#[test]
fn entries() {
    fuzz("entries", "file", "entry")
        .words(&ENTRY_WORDS)
        .finish(|bytes| seal_entry(bytes))
        .run(100_000, |bytes| is_entry(whole(bytes.to_vec(), bytes.len() as u64, KEY, NOW)));
}

/// Files, which may be larger than what is read at once, and not as long as they say.
#[test]
fn entry_files() {
    let mut turn = 0_usize;
    let words =
        fuzz("entry files", "file", "entry").words(&ENTRY_WORDS).finish(|bytes| seal_entry(bytes)).one_in(50);
    words.run(100_000, |bytes| {
        turn += 1;
        // A file beyond 64 KiB is read in other steps; its pages hold as much as what was written.
        let file = file(bytes, if turn.is_multiple_of(4) { 70_000 } else { 0 });
        let live = is_entry(entry(&file, KEY, NOW, Depth::Whole).unwrap());
        let head = entry(&file, KEY, NOW, Depth::Head).unwrap();
        assert!(!live || head.is_live());
        let name = EntryName::of(KEY);
        for depth in [Depth::Whole, Depth::Head] {
            let seen = header(&file, NOW, depth, name.as_str().as_bytes()).unwrap();
            assert!(!live || seen.is_live());
        }
        live
    });
}
