//! The conformance suite on Django's database backend, on SQLite.

mod matrix;

use serde_json::json;

fn main() {
    let capabilities = matrix::DJANGO
        .with_persistent(true)
        .with_cross_process(true)
        .with_evicting(true)
        .with_ttl_resolution(matrix::SECOND);
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
