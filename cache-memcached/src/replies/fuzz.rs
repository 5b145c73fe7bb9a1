//! Random replies.

use cache_net::Malformed;

use super::{Answer, Reply, tests};
use crate::fuzz_helper::fuzz;
use crate::request::ReplyForm;

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

/// Gives the bytes to an answer in pieces. Returns the answer if it is whole.
fn read((form, count): (ReplyForm, usize), bytes: &[u8], piece: usize) -> Result<Option<Answer>, Malformed> {
    tests::read(bytes, piece, form, count).map(|answer| (answer.missing == 0).then_some(answer))
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
        (Reply::Refused(a), Reply::Refused(b)) => a == b,
        (Reply::Text(a), Reply::Text(b)) => a == b,
        _ => false,
    }
}

#[test]
fn replies() {
    let requests = [
        (ReplyForm::Meta, 1),
        (ReplyForm::Numbered, 2),
        (ReplyForm::Line("END"), 1),
        (ReplyForm::Line("STAT"), 1),
        (ReplyForm::Statistics, 1),
    ];
    let mut turn = 0;
    fuzz("replies", "replies").words(&WORDS).run(60_000, |bytes| {
        turn += 1;
        // A long line is parsed again for each piece of it.
        let piece = (1 + turn % 7) * if bytes.len() > 1_000 { 500 } else { 1 };
        let mut understood = false;
        for request in requests {
            let whole = read(request, bytes, usize::MAX);
            if let Ok(Some(answer)) = &whole {
                check(&answer.replies, bytes);
                understood |= request.0 == ReplyForm::Meta && answer.failure.is_none();
            }
            let (whole, pieces) = (whole.unwrap_or(None), read(request, bytes, piece).unwrap_or(None));
            assert_eq!(whole.is_some(), pieces.is_some(), "{whole:?} and {pieces:?}");
            let (Some(whole), Some(pieces)) = (whole, pieces) else { continue };
            assert!(whole.failure == pieces.failure && whole.replies.len() == pieces.replies.len());
            assert!(whole.replies.iter().zip(&pieces.replies).all(|(a, b)| same(a, b)));
        }
        understood
    });
}
