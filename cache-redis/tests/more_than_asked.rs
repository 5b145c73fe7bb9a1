//! A reply that nobody asked for is nobody's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use cache_core::{Cache, ErrorKind};
use cache_redis::RedisCache;
use conformance_tests::faults::record;

/// Answers each command twice, with other values: bytes, as this cache writes them.
fn talkative() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                while stream.read(&mut [0; 1_000]).is_ok_and(|count| count > 0) {
                    if stream.write_all(b"$5\r\n\xc4\x03own\r\n$9\r\n\xc4\x07foreign\r\n").is_err() {
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
    let cache = Cache::new(backend);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for (backend, is_async) in [("redis", false), ("redis async", true)] {
        let mut foreign = 0;
        for _ in 0..50 {
            let found = if is_async { runtime.block_on(cache.aget_bytes("k")) } else { cache.get_bytes("k") };
            match found {
                Ok(found) => foreign += u64::from(found.unwrap() != "own"),
                Err(e) => {
                    assert!([ErrorKind::Rejected, ErrorKind::Unavailable].contains(&e.kind()), "{e}");
                }
            }
        }
        record(13, backend, 50, foreign, "calls to a server that answers each twice, none with the second");
        assert_eq!(foreign, 0, "{backend}");
    }
}
