//! The conformance suite on Django's Redis backend.

mod matrix;

use conformance_tests::servers::Server;
use serde_json::json;

fn main() {
    let capabilities =
        matrix::DJANGO.with_persistent(true).with_cross_process(true).with_max_value_size(512 << 20);
    let suite = matrix::suite("Django Redis", matrix::Entries::Outside, capabilities, |spec| {
        let servers: Vec<String> =
            spec.servers.iter().map(|address| format!("redis://{address}/0")).collect();
        let timeout = spec.timeout.as_secs_f64();
        json!({
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": servers,
            "OPTIONS": { "socket_timeout": timeout, "socket_connect_timeout": timeout },
        })
    });
    if let Some(suite) = suite {
        suite.servers(1, || Server::redis(&[])).run();
    }
}
