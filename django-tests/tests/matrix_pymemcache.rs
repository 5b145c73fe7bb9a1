//! The conformance suite on Django's pymemcache backend.

mod matrix;

use cache_core::Capabilities;
use conformance_tests::servers::Server;
use serde_json::json;

fn main() {
    let capabilities = Capabilities {
        persistent: true,
        cross_process: true,
        max_value_size: Some(1 << 20),
        ttl_resolution: matrix::SECOND,
        strict_keys: true,
        ..matrix::DJANGO
    };
    let suite = matrix::suite("Django pymemcache", matrix::Entries::Outside, capabilities, |spec| {
        let servers: Vec<String> = spec.servers.iter().map(ToString::to_string).collect();
        let timeout = spec.timeout.as_secs_f64();
        json!({
            "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
            "LOCATION": servers,
            "OPTIONS": { "timeout": timeout, "connect_timeout": timeout },
        })
    });
    if let Some(suite) = suite {
        suite.servers(1, || Server::memcached(&[])).run();
    }
}
