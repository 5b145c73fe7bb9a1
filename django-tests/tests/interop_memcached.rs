//! One memcached, shared with Django's PyMemcacheCache.

mod interop;

use cache_memcached::MemcachedCache;
use cache_pickle::Pickle;
use conformance_tests::servers::Server;
use interop::{Pair, interop_tests};
use serde_json::json;

fn pair() -> Option<Pair> {
    let servers = interop::servers(1, || Server::memcached(&[]))?;
    let addresses: Vec<String> = servers.iter().map(|server| server.address().to_string()).collect();
    let settings =
        json!({ "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache", "LOCATION": addresses });
    let backend = MemcachedCache::new(addresses).unwrap();
    Pair::new("memcached", servers, backend, Pickle::default(), settings).map(Pair::without_blanks)
}

interop_tests!(pair, by_django: interop::values::UNREADABLE, by_rust: interop::values::UNREADABLE);
