//! A directory, shared with Django's FileBasedCache.

use crate::{Pair, interop_tests};
use cache_file::{FileCache, Layout};
use cache_pickle::Pickle;
use serde_json::json;

fn pair() -> Option<Pair> {
    let dir = tempfile::tempdir().unwrap();
    let settings = json!({
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": dir.path(),
        "OPTIONS": { "MAX_ENTRIES": 10_000 },
    });
    let backend = FileCache::builder(dir.path()).layout(Layout::Django).max_entries(10_000).build().unwrap();
    Pair::new("file", dir, backend, Pickle::default(), settings).map(Pair::without_counting)
}

interop_tests!(pair, by_django: crate::values::UNREADABLE, by_rust: crate::values::UNREADABLE);
