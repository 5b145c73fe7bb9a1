//! The conformance suite on Django's file backend.

mod matrix;

use serde_json::json;

fn main() {
    let capabilities = matrix::DJANGO.with_persistent(true).with_cross_process(true).with_evicting(true);
    let suite = matrix::suite("Django file", matrix::Entries::Outside, capabilities, |spec| {
        let backend = "django.core.cache.backends.filebased.FileBasedCache";
        json!({ "BACKEND": backend, "LOCATION": spec.dir, "OPTIONS": matrix::limits(spec) })
    });
    if let Some(suite) = suite {
        suite.directory().run();
    }
}
