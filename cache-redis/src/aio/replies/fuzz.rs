//! Row 5: replies to the async half.

use redis::Value;

use super::{Garbled, Replies};
use crate::fuzz::fuzz;
use cache_pipeline::Protocol as _;

/// An element takes three bytes at least, and a place of a value in memory; a vector of them doubles.
fn allowed(length: usize) -> u64 {
    let elements = length / 3;
    (2 * length + 2 * elements * size_of::<Value>()) as u64 + (64 << 10)
}

/// The replies in `bytes`, which come in pieces of `piece` bytes.
fn read(bytes: &[u8], piece: usize) -> Result<Vec<Value>, Garbled> {
    let (mut replies, mut found, mut rest) = (Replies::default(), Vec::new(), bytes);
    loop {
        while let Some(value) = replies.next()? {
            found.push(value);
        }
        if rest.is_empty() {
            return Ok(found);
        }
        let room = replies.room();
        let taken = piece.min(rest.len()).min(room.len());
        assert!(taken > 0, "no room");
        room[..taken].copy_from_slice(&rest[..taken]);
        rest = &rest[taken..];
        replies.filled(taken);
    }
}

#[test]
fn replies() {
    fuzz("redis async", "replies", "replies", allowed)
        .run(60_000, |bytes| read(bytes, 5).is_ok_and(|found| !found.is_empty()));
}

/// However they come, they are the same, and what the crate makes of them in the sync half.
#[test]
fn replies_in_pieces() {
    let mut turn = 0;
    fuzz("redis async", "replies in pieces", "replies", |length| 4 * allowed(length)).run(40_000, |bytes| {
        turn += 1;
        let (whole, pieces) = (read(bytes, usize::MAX), read(bytes, 1 + turn % 7));
        assert_eq!(whole, pieces);
        whole.is_ok_and(|found| !found.is_empty())
    });
}
