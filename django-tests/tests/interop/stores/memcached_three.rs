//! Three memcached servers, shared with Django's PyMemcacheCache: both find each key on the same one.

use crate::{Pair, interop_tests};
use cache_memcached::MemcachedCache;
use cache_pickle::Pickle;
use conformance_tests::servers::Server;
use serde_json::json;

fn pair() -> Option<Pair> {
    let servers = crate::servers(3, || Server::memcached(&[]))?;
    let addresses: Vec<String> = servers.iter().map(|server| server.address().to_string()).collect();
    let settings = json!({
        "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
        "LOCATION": addresses.join(";"),
    });
    let backend = MemcachedCache::new(addresses).unwrap();
    Pair::new("memcached-three", servers, backend, Pickle::default(), settings).map(Pair::without_blanks)
}

interop_tests!(pair, by_django: crate::values::UNREADABLE, by_rust: crate::values::UNREADABLE);
