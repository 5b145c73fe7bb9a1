//! What the tests share: servers, caches on them, runtimes and stopwatches.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use cache_core::{Cache, Error, Location};
use cache_redis::{RedisCache, RedisCacheBuilder};
use conformance_tests::proxy::Proxy;
use conformance_tests::servers::{Server, or_skip};
use tokio::runtime::{Builder, Runtime};

pub const MINUTE: Duration = Duration::from_secs(60);

pub fn redis() -> Option<Server> {
    or_skip(Server::redis(&[]))
}

/// A server and a proxy in front of it.
pub fn behind_proxy() -> Option<(Server, Proxy)> {
    let server = redis()?;
    let proxy = Proxy::start(server.address()).unwrap();
    Some((server, proxy))
}

/// With generous limits, so that a busy machine does not fail the test.
pub fn to(location: impl Into<Location>) -> RedisCacheBuilder {
    let patience = Duration::from_secs(10);
    RedisCache::builder(location).operation_timeout(patience).connect_timeout(patience)
}

pub fn at(address: SocketAddr) -> RedisCacheBuilder {
    to(format!("redis://{address}"))
}

pub fn build(options: RedisCacheBuilder) -> Cache<RedisCache> {
    Cache::new(options.build().unwrap())
}

/// The backend itself, for what a cache does not show.
pub fn backend(options: &RedisCacheBuilder) -> RedisCache {
    options.clone().build().unwrap()
}

pub fn cache(address: SocketAddr) -> Cache<RedisCache> {
    build(at(address))
}

/// A runtime with two workers.
pub fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Runs `future` on a runtime of its own.
pub fn run<F: Future>(future: F) -> F::Output {
    runtime().block_on(future)
}

/// The longest that a call with the operation timeout `timeout` may take.
pub fn bound(timeout: Duration) -> Duration {
    timeout * 6 / 5 + Duration::from_millis(20)
}

/// The shortest of three runs: the machine may be busy, and a call that waits too long does so
/// each time.
pub fn quickest(mut call: impl FnMut()) -> Duration {
    let mut run = || {
        let begun = Instant::now();
        call();
        begun.elapsed()
    };
    (0..3).map(|_| run()).min().unwrap()
}

/// What the server answers to an inline command, `end` included.
pub fn inline(address: SocketAddr, command: &str, end: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(format!("{command}\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    let mut piece = [0; 4096];
    while !answer.contains(end) {
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0, "{answer}");
        answer.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    answer
}

/// All that can be seen of an error.
pub fn shown(e: &Error) -> String {
    let mut text = format!("{e} {e:?}");
    let mut source = std::error::Error::source(e);
    while let Some(e) = source {
        text += &format!(" {e} {e:?}");
        source = e.source();
    }
    text
}
