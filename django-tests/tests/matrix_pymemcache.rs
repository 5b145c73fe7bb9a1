//! The conformance suite on Django's pymemcache backend.

mod matrix;

use conformance_tests::servers::Server;
use serde_json::json;

fn main() {
    let capabilities = matrix::DJANGO
        .with_persistent(true)
        .with_cross_process(true)
        .with_max_value_size(1 << 20)
        .with_ttl_resolution(matrix::SECOND)
        .with_strict_keys(true);
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
