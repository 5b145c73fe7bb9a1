//! The conformance suite on Django's locmem backend.

mod matrix;

use serde_json::json;

fn main() {
    let capabilities = matrix::DJANGO.with_evicting(true).with_lru(true);
    let suite = matrix::suite("Django locmem", matrix::Entries::InProcess, capabilities, |spec| {
        let backend = "django.core.cache.backends.locmem.LocMemCache";
        json!({ "BACKEND": backend, "LOCATION": spec.location, "OPTIONS": matrix::limits(spec) })
    });
    if let Some(suite) = suite {
        suite.run();
    }
}
