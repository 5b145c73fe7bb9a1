//! Row 5: replies.

use super::{Nonsense, Replies, Reply};
use crate::connection::Collected;
use crate::fuzz::fuzz;
use crate::wire::Request;

const WORDS: [&[u8]; 20] = [
    b"VA ",
    b"HD",
    b"EN",
    b"NF",
    b"EX",
    b"NS",
    b"MN",
    b"\r\n",
    b" ",
    b" f2",
    b" c1",
    b" t-1",
    b" O0",
    b" O1",
    b" k",
    b"SERVER_ERROR ",
    b"CLIENT_ERROR ",
    b"ERROR",
    b"END\r\n",
    b"STAT version 1.6",
];

/// Gives the bytes to a connection in pieces; the replies, when all that were asked for are there.
fn read(request: &Request, bytes: &[u8], piece: usize) -> Result<Option<Vec<Reply>>, Nonsense> {
    let (mut replies, mut collected, mut rest) = (Replies::default(), Collected::of(request), bytes);
    loop {
        if collected.take(&mut replies)? {
            return Ok(Some(collected.into_replies()));
        }
        if rest.is_empty() {
            return Ok(None);
        }
        let room = replies.room();
        let taken = piece.min(rest.len()).min(room.len());
        assert!(taken > 0, "no room");
        room[..taken].copy_from_slice(&rest[..taken]);
        rest = &rest[taken..];
        replies.filled(taken);
    }
}

/// No value is longer than what came of it.
fn check(replies: &[Reply], bytes: &[u8]) {
    for reply in replies {
        if let Reply::Meta(meta) = reply
            && let Some(value) = &meta.value
        {
            assert!(
                bytes.windows(value.len().max(1)).any(|came| came == value.as_slice()) || value.is_empty()
            );
        }
    }
}

fn same(a: &Reply, b: &Reply) -> bool {
    match (a, b) {
        (Reply::Meta(a), Reply::Meta(b)) => {
            (&a.value, a.client_flags, a.cas, a.ttl) == (&b.value, b.client_flags, b.cas, b.ttl)
        }
        (Reply::Refused(a), Reply::Refused(b)) | (Reply::Line(a), Reply::Line(b)) => a == b,
        _ => false,
    }
}

#[test]
fn lines_are_one_text_and_come_to_an_end() {
    let until = Request::plain_until("", "END");
    let stats = read(&until, b"STAT pid 1\r\nSTAT time 2\r\nEND\r\n", 3).unwrap().unwrap();
    assert!(matches!(&stats[..], [Reply::Line(text)] if text == "STAT pid 1\nSTAT time 2\nEND"));
    let endless = b"STAT pid 1\r\n".repeat(10_000);
    assert_eq!(read(&until, &endless, 1_000).unwrap_err(), Nonsense::Garbled);
}

#[test]
fn replies() {
    let numbered = Request { replies: 2, ..Request::many() };
    let one = Request { replies: 1, numbered: false, ..Request::many() };
    let requests = [one, numbered, Request::plain(""), Request::plain_until("", "END")];
    let mut turn = 0;
    fuzz("replies", "replies").words(&WORDS).run(60_000, |bytes| {
        turn += 1;
        // A long line is looked at anew for each piece of it.
        let piece = (1 + turn % 7) * if bytes.len() > 1_000 { 500 } else { 1 };
        let mut understood = false;
        for request in &requests {
            // Without the reason, which would be in memory while the pieces are read.
            let whole = read(request, bytes, usize::MAX).map_err(drop);
            if let Ok(Some(replies)) = &whole {
                check(replies, bytes);
                understood |= !request.plain;
            }
            // In pieces there may be less than all when the last reply comes, and nothing behind it.
            let pieces = read(request, bytes, piece);
            if let (Ok(Some(whole)), Ok(Some(pieces))) = (&whole, &pieces) {
                assert!(whole.len() == pieces.len() && whole.iter().zip(pieces).all(|(a, b)| same(a, b)));
            }
            assert!(whole.is_err() || pieces.is_ok(), "{whole:?} and {pieces:?}");
        }
        understood
    });
}
