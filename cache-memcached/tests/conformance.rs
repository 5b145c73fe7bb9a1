//! The conformance suite on one memcached server.

use cache_memcached::MemcachedCache;
use conformance_tests::{Suite, servers::Server};

fn main() {
    Suite::new("memcached", |spec| {
        let servers: Vec<String> = spec.servers.iter().map(ToString::to_string).collect();
        let options =
            MemcachedCache::builder(servers).operation_timeout(spec.timeout).connect_timeout(spec.timeout);
        options.max_connections(spec.max_connections).clock(spec.clock.clone()).build()
    })
    .servers(1, || Server::memcached(&[]))
    .shared_locations()
    .run()
}
