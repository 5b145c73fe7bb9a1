//! The conformance suite on Django's file backend.

mod matrix;

use cache_core::Capabilities;
use serde_json::json;

fn main() {
    let capabilities =
        Capabilities { persistent: true, cross_process: true, evicting: true, ..matrix::DJANGO };
    let suite = matrix::suite("Django file", matrix::Entries::Outside, capabilities, |spec| {
        let backend = "django.core.cache.backends.filebased.FileBasedCache";
        json!({ "BACKEND": backend, "LOCATION": spec.dir, "OPTIONS": matrix::limits(spec) })
    });
    if let Some(suite) = suite {
        suite.directory().run();
    }
}
