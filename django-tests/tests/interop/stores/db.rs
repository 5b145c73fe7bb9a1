//! A table in SQLite, shared with Django's DatabaseCache.

use crate::{Pair, interop_tests};
use cache_db::{DatabaseCache, Layout};
use cache_pickle::Pickle;
use serde_json::json;

fn pair() -> Option<Pair> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("shared.sqlite3");
    let settings = json!({
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache_table",
        "DATABASE": file,
        "OPTIONS": { "MAX_ENTRIES": 10_000 },
    });
    let backend = DatabaseCache::builder(&file)
        .table("cache_table")
        .layout(Layout::Django)
        .max_entries(10_000)
        .build()
        .unwrap();
    let pair = Pair::new("db", dir, backend, Pickle::default(), settings)?.without_counting();
    pair.django("createcachetable", json!({ "table": "cache_table" }));
    Some(pair)
}

interop_tests!(pair, by_django: crate::values::UNREADABLE, by_rust: crate::values::UNREADABLE);
