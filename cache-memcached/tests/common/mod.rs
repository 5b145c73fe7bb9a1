//! What the tests share: a server, a proxy in front of it, and a look at the server beside the cache.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use cache_core::{Cache, Error};
use cache_memcached::{MemcachedCache, MemcachedCacheBuilder};
use conformance_tests::faults::quickest;
use conformance_tests::proxy::Proxy;
use conformance_tests::servers::{Server, or_skip};

pub(crate) type Memcached = Cache<MemcachedCache>;

/// The operation timeout of the tests.
pub(crate) const T: Duration = Duration::from_millis(300);

/// How long a call may take at most.
pub(crate) const AT_MOST: Duration = Duration::from_millis(300 * 12 / 10 + 20);

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn server() -> Option<Server> {
    or_skip(Server::memcached(&[]))
}

pub(crate) fn options(address: SocketAddr) -> MemcachedCacheBuilder {
    MemcachedCache::builder(address.to_string()).operation_timeout(T).connect_timeout(T)
}

pub(crate) fn cache(address: SocketAddr) -> Memcached {
    Cache::new(options(address).build().unwrap())
}

/// A server, a proxy in front of it, and a cache through the proxy that has a connection.
pub(crate) fn behind_proxy() -> Option<(Server, Proxy, Memcached)> {
    let server = server()?;
    let proxy = Proxy::start(server.address()).unwrap();
    let cache = cache(proxy.address());
    cache.set("warm", &1, MINUTE).unwrap();
    Some((server, proxy, cache))
}

/// What a server answers to `question`, up to `end`.
pub(crate) fn raw(address: SocketAddr, question: &[u8], end: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(question).unwrap();
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut piece).unwrap();
        answer.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&answer);
        if text.ends_with(end) {
            return text.into_owned();
        }
        assert!(read > 0, "no {end:?} in {text:?}");
    }
}

/// Runs `call` and says how long it took; again where the machine was too slow to tell.
pub(crate) fn timed<R>(call: impl FnMut() -> R) -> (R, Duration) {
    quickest(AT_MOST, call)
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// An operation of either half, by name.
pub(crate) type Call = (&'static str, fn(&Memcached) -> Result<(), Error>);

/// Every operation of the sync half.
pub(crate) const CALLS: [Call; 12] = [
    ("get", |c| c.get::<String>("k").map(drop)),
    ("set", |c| c.set("k", "v", MINUTE)),
    ("add", |c| c.add("new", "v", MINUTE).map(drop)),
    ("touch", |c| c.touch("k", MINUTE).map(drop)),
    ("delete", |c| c.delete("k").map(drop)),
    ("has_key", |c| c.has_key("k").map(drop)),
    ("incr", |c| c.incr("warm").map(drop)),
    ("incr_version", |c| c.incr_version("warm").map(drop)),
    ("get_many", |c| c.get_many::<String, _>(["a", "b"]).map(drop)),
    ("set_many", |c| c.set_many([("a", 1), ("b", 2)], MINUTE).map(drop)),
    ("delete_many", |c| c.delete_many(["a", "b"])),
    ("clear", |c| c.clear()),
];

/// Runs the same operation of the async half.
pub(crate) async fn call_async(c: &Memcached, name: &str) -> Result<(), Error> {
    match name {
        "get" => c.aget::<String>("k").await.map(drop),
        "set" => c.aset("k", "v", MINUTE).await,
        "add" => c.aadd("new", "v", MINUTE).await.map(drop),
        "touch" => c.atouch("k", MINUTE).await.map(drop),
        "delete" => c.adelete("k").await.map(drop),
        "has_key" => c.ahas_key("k").await.map(drop),
        "incr" => c.aincr("warm").await.map(drop),
        "incr_version" => c.aincr_version("warm").await.map(drop),
        "get_many" => c.aget_many::<String, _>(["a", "b"]).await.map(drop),
        "set_many" => c.aset_many([("a", 1), ("b", 2)], MINUTE).await.map(drop),
        "delete_many" => c.adelete_many(["a", "b"]).await,
        "clear" => c.aclear().await,
        other => panic!("no operation is called {other}"),
    }
}
