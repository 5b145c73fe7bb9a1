//! Random replies, and bombs.

use cache_core::Info;
use cache_net::RetrySafety;
use conformance_tests::faults::record;
use redis::Value;

use super::{ProtocolError, tests};
use crate::error::error;
use crate::fuzz::fuzz;
use crate::location::Servers;
use crate::reply::{add_info, count, counted, elements, okay, payload, pong, stored, text};
use crate::request::Request;

/// An element takes three bytes at least, and a place of a value in memory; a vector of them doubles.
fn allowed(length: usize) -> u64 {
    let elements = length / 3;
    (2 * length + 2 * elements * size_of::<Value>()) as u64 + (64 << 10)
}

/// A long line is parsed again for each piece of it.
const fn piece(bytes: &[u8], piece: usize) -> usize {
    if bytes.len() > 1_000 { 500 * piece } else { piece }
}

/// Returns the replies in `bytes`, which come in pieces of `piece` bytes.
fn read(bytes: &[u8], piece: usize) -> Result<Vec<Value>, ProtocolError> {
    tests::read(bytes, piece).map(|(found, _half)| found)
}

#[test]
fn replies() {
    fuzz("replies", "replies", allowed)
        .run(60_000, |bytes| read(bytes, piece(bytes, 5)).is_ok_and(|found| !found.is_empty()));
}

/// However they come, they are the same.
#[test]
fn replies_in_pieces() {
    let mut turn = 0;
    fuzz("replies in pieces", "replies", |length| 2 * allowed(length)).run(40_000, |bytes| {
        turn += 1;
        let (whole, pieces) = (read(bytes, usize::MAX), read(bytes, piece(bytes, 1 + turn % 7)));
        assert!(whole.is_err() && pieces.is_err() || whole == pieces);
        whole.is_ok_and(|found| !found.is_empty())
    });
}

/// What is made of a reply, whichever command it is to.
#[test]
fn replies_to_commands() {
    let server = Servers::new("redis://h").parse().unwrap().0.remove(0);
    let request = Request::one(redis::cmd("GET"), RetrySafety::Idempotent);
    fuzz("replies to commands", "replies", |length| 4 * allowed(length)).run(30_000, |bytes| {
        let found = read(bytes, usize::MAX).unwrap_or_default();
        found.into_iter().any(|value| {
            let again = || value.clone();
            let told = [
                payload(again()).map(drop),
                elements(again(), 2).map(drop),
                stored(again()).map(drop),
                count(again()).map(drop),
                okay(again()),
                pong(again()),
                counted(again()).map(drop),
                #[cfg(feature = "cluster")]
                crate::reply::read(again()).map(drop),
            ];
            if let Ok(said) = text(again()) {
                add_info(&mut Info::default(), "h", &said);
            }
            let understood = told.iter().any(Result::is_ok);
            for wrong in told.into_iter().filter_map(Result::err) {
                assert!(!error(wrong, &server, &request, 0).to_string().is_empty());
            }
            understood
        })
    });
}

#[test]
fn bombs_are_refused_on_a_small_stack_and_in_little_memory() {
    let bombs = [
        b"*1\r\n".repeat(100_000),
        b"*4096\r\n".repeat(100),
        b"*1000000000\r\n".repeat(15),
        b"*9223372036854775807\r\n:1\r\n".to_vec(),
        b"$1000000000\r\nx".to_vec(),
        b"$9223372036854775807\r\nx".to_vec(),
        b"%1\r\n".repeat(1_000),
        vec![b'+'; 100_000],
    ];
    let tried = bombs.len() as u64;
    let run = move || {
        let understood = |bomb: &Vec<u8>| {
            let mut found = Ok(Vec::new());
            let held = allocation_counter::measure(|| found = read(bomb, usize::MAX)).bytes_max;
            held > 64 << 10 || found.is_ok_and(|found| !found.is_empty())
        };
        bombs.iter().filter(|bomb| understood(bomb)).count() as u64
    };
    let failures = std::thread::Builder::new().stack_size(256 << 10).spawn(run).unwrap().join().unwrap();
    record(26, "redis", tried, failures, "64 KiB held at most, on a stack of 256 KiB");
    assert_eq!(failures, 0);
}
