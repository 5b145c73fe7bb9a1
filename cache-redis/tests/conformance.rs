//! The conformance suite on Redis.

use cache_redis::RedisCache;
use conformance_tests::Suite;
use conformance_tests::servers::Server;

fn main() {
    Suite::new("redis", |spec| {
        let urls: Vec<String> = spec.servers.iter().map(|address| format!("redis://{address}/0")).collect();
        RedisCache::builder(urls)
            .operation_timeout(spec.timeout)
            .connect_timeout(spec.timeout)
            .max_connections(spec.max_connections)
            .build()
    })
    .servers(1, || Server::redis(&[]))
    .shared_locations()
    .run()
}
