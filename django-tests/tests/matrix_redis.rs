//! The conformance suite on Django's Redis backend.

mod matrix;

use cache_core::Capabilities;
use conformance_tests::servers::Server;
use serde_json::json;

fn main() {
    let capabilities = Capabilities {
        persistent: true,
        cross_process: true,
        max_value_size: Some(512 << 20),
        ..matrix::DJANGO
    };
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
