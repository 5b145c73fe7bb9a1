//! The conformance suite on Django's database backend, on SQLite.

mod matrix;

use cache_core::Capabilities;
use serde_json::json;

fn main() {
    let capabilities = Capabilities {
        persistent: true,
        cross_process: true,
        evicting: true,
        ttl_resolution: matrix::SECOND,
        ..matrix::DJANGO
    };
    let suite = matrix::suite("Django db", matrix::Entries::Outside, capabilities, |spec| {
        json!({
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": spec.location,
            "DATABASE": spec.dir.join("cache.sqlite3"),
            "OPTIONS": matrix::limits(spec),
        })
    });
    if let Some(suite) = suite {
        suite.directory().run();
    }
}
