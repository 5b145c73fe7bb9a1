//! A table in SQLite, shared with Django's DatabaseCache.

use std::path::PathBuf;

use crate::{Pair, interop_tests};
use cache_db::{DatabaseCache, Layout};
use cache_pickle::Pickle;
use serde_json::json;

const TABLE: &str = "cache_table";

/// Both sides on a file that is not there yet, and the file.
fn without_file() -> Option<(Pair, PathBuf)> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("shared.sqlite3");
    let settings = json!({
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": TABLE,
        "DATABASE": file,
        "OPTIONS": { "MAX_ENTRIES": 10_000 },
    });
    let backend = DatabaseCache::builder(&file)
        .table(TABLE)
        .layout(Layout::Django)
        .max_entries(10_000)
        .build()
        .unwrap();
    let pair = Pair::new("db", dir, backend, Pickle::default(), settings)?.without_counting();
    Some((pair, file))
}

/// Django makes the file and the table.
fn pair() -> Option<Pair> {
    let (pair, _) = without_file()?;
    pair.django("createcachetable", json!({ "table": TABLE }));
    Some(pair)
}

interop_tests!(pair, by_django: crate::values::UNREADABLE, by_rust: crate::values::UNREADABLE);

/// Rust makes them, in a way of its own: with a write-ahead log, for instance.
mod made_by_rust {
    use super::{TABLE, without_file};
    use crate::{Pair, interop_tests};
    use serde_json::json;

    fn pair() -> Option<Pair> {
        let (pair, file) = without_file()?;
        pair.rust.set("first", &1, cache_core::Timeout::from_secs(300)).unwrap();
        assert!(file.with_extension("sqlite3-wal").exists(), "a file that Rust makes has a write-ahead log");
        // Django finds its table there, and leaves it alone.
        pair.django("createcachetable", json!({ "table": TABLE }));
        assert_eq!(pair.django_get(json!({ "key": "first" })), 1);
        Some(Pair { name: "db, made by Rust", ..pair })
    }

    interop_tests!(common pair);
}
