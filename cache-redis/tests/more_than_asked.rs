//! Row 13: a reply that nobody asked for is nobody's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use cache_core::{Cache, ErrorKind};
use cache_redis::RedisCache;
use conformance_tests::faults::record;

/// Answers each command twice, with other values.
fn talkative() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                while stream.read(&mut [0; 1_000]).is_ok_and(|count| count > 0) {
                    if stream.write_all(b"$1\r\n1\r\n$7\r\nforeign\r\n").is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

#[test]
fn what_comes_behind_a_reply_is_not_the_next_one() {
    let backend = RedisCache::builder(format!("redis://{}", talkative())).build().unwrap();
    let cache = Cache::builder(backend).build().unwrap();
    let mut foreign = 0;
    for _ in 0..50 {
        match cache.get_bytes("k") {
            Ok(Some(found)) => foreign += u64::from(found == "foreign"),
            Ok(None) => {}
            Err(e) => assert!([ErrorKind::Rejected, ErrorKind::Decode].contains(&e.kind()), "{e}"),
        }
    }
    record(13, "redis", 50, foreign, "calls to a server that answers each twice, none with the second");
    assert_eq!(foreign, 0);
}
