//! Hostile rows: a database that somebody else wrote, read and changed through the whole cache.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::fmt::Debug;
use std::path::Path;
use std::time::Duration;

use cache_core::{Cache, Error, ErrorKind, KeyPolicy};
use cache_db::{DatabaseCache, DatabaseCacheBuilder};
use common::own_sum;
use conformance_tests::faults::Fuzz;
use rusqlite::types::Value;
use rusqlite::{Connection, params};

const HOUR: Duration = Duration::from_secs(3_600);

fn open(
    path: &Path,
    options: impl FnOnce(DatabaseCacheBuilder) -> DatabaseCacheBuilder,
) -> (Cache<DatabaseCache>, Connection) {
    let backend = options(DatabaseCache::builder(path).table("fuzz")).build().unwrap();
    backend.create_table(false).unwrap();
    let cache = Cache::builder(backend).key_policy(KeyPolicy::Allow).build().unwrap();
    let conn = Connection::open(path).unwrap();
    // One test, one file: nothing has to outlive the machine.
    conn.execute_batch("PRAGMA synchronous = OFF; PRAGMA ignore_check_constraints = ON").unwrap();
    (cache, conn)
}

/// A column of the kind that the first byte says.
fn column(bytes: &[u8]) -> Value {
    let Some((form, rest)) = bytes.split_first() else { return Value::Null };
    let number = i64::from_le_bytes(*rest.first_chunk().unwrap_or(&[0; 8]));
    match form % 5 {
        0 => Value::Null,
        1 => Value::Integer(number),
        2 => Value::Real(f64::from_bits(number.cast_unsigned())),
        3 => Value::Text(String::from_utf8_lossy(rest).into_owned()),
        _ => Value::Blob(rest.to_vec()),
    }
}

/// An answer, or one of the errors that are about the value.
#[track_caller]
fn fine<T: Debug>(answer: Result<T, Error>) -> Option<T> {
    let kinds = [ErrorKind::Decode, ErrorKind::NotAnInteger, ErrorKind::KeyNotFound, ErrorKind::Overflow];
    answer.map_err(|e| assert!(kinds.contains(&e.kind()), "{e:?}")).ok()
}

/// Every operation; true if there was something.
fn use_row(cache: &Cache<DatabaseCache>) -> bool {
    let found = fine(cache.get_bytes("k"));
    let live = fine(cache.has_key("k")).unwrap();
    fine(cache.get::<serde_json::Value>("k"));
    fine(cache.get::<i64>("k"));
    fine(cache.get::<Vec<(String, u64)>>("k"));
    fine(cache.get_many::<String, _>(["k", "absent"]));
    fine(cache.incr_by("k", i64::MAX));
    fine(cache.incr_by("k", i64::MIN));
    fine(cache.touch("k", HOUR)).unwrap();
    fine(cache.incr_version("k"));
    fine(cache.with_version(2).delete("k")).unwrap();
    cache.set("k", &1, HOUR).unwrap();
    assert_eq!(cache.get::<i64>("k").unwrap(), Some(1));
    fine(cache.delete("k")).unwrap();
    live && found.is_some()
}

#[test]
fn rows_of_the_own_layout() {
    let dir = tempfile::tempdir().unwrap();
    let (cache, conn) = open(&dir.path().join("own.db"), |options| options);
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/own");
    Fuzz::new("db", "rows in a file").seeds_in(seeds).one_in(200).run(60_000, |row| {
        let &[kind, codec, ref value @ ..] = row else { return false };
        // Mostly a good sum, without which nothing gets any further.
        let off_by = i64::from(kind & 0x40 != 0);
        let expires =
            (kind & 0x80 != 0).then(|| i64::from_le_bytes(*value.last_chunk().unwrap_or(&[0xff; 8])));
        let (kind, value) = (kind & 0x3f, column(value));
        let sum = own_sum(":1:k", kind, codec, expires, &value) ^ off_by;
        let row = params![":1:k", kind, codec, expires, sum, value];
        let sql = "INSERT OR REPLACE INTO fuzz (key, kind, codec, expires, sum, value) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        // Null it refuses.
        conn.execute(sql, row).is_ok() && use_row(&cache)
    });
}

#[cfg(feature = "django")]
#[test]
fn rows_of_djangos_layout() {
    let dir = tempfile::tempdir().unwrap();
    let django = |options: DatabaseCacheBuilder| options.layout(cache_db::Layout::Django);
    let (cache, conn) = open(&dir.path().join("django.db"), django);
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/django");
    Fuzz::new("db-django", "rows in a file").seeds_in(seeds).one_in(400).run(60_000, |row| {
        let (value, expires) = match row {
            // A date, an expired one, or whatever is not one.
            [.., b'=' | b'4'] => (
                Value::Text(String::from_utf8_lossy(row).into_owned()),
                "9999-12-31 23:59:59".to_owned().into(),
            ),
            [first, ..] if first % 2 == 0 => (column(row), "9999-12-31 23:59:59".to_owned().into()),
            _ => (Value::Text("gAVLAS4=".to_owned()), column(row)),
        };
        let sql = "INSERT OR REPLACE INTO fuzz (cache_key, value, expires) VALUES (?1, ?2, ?3)";
        conn.execute(sql, params![":1:k", value, expires]).is_ok() && use_row(&cache)
    });
}
