//! Rows that were damaged one column at a time, and what each operation makes of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use cache_core::{Cache, ErrorKind, Timeout};
use cache_db::DatabaseCache;
use common::{cache, count, look, own_sum, quick_place, rows_and_count};
use conformance_tests::faults::record;
use rusqlite::Connection;
use rusqlite::types::Value;

const HOUR: Duration = Duration::from_secs(3_600);

/// Which half of the sum a damage contradicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Expiry,
    Value,
}

/// SQL that damages the row of an integer with an expiry.
const DAMAGES: [(Half, &str); 20] = [
    (Half::Expiry, "expires = expires + 1"),
    (Half::Expiry, "expires = expires - 1"),
    (Half::Expiry, "expires = expires + (1 << 40)"),
    (Half::Expiry, "expires = expires | (1 << 62)"),
    (Half::Expiry, "expires = expires & 255"),
    (Half::Expiry, "expires = -expires"),
    (Half::Expiry, "expires = NULL"),
    (Half::Expiry, "sum = sum + (1 << 32)"),
    (Half::Expiry, "sum = sum & 4294967295"),
    (Half::Expiry, "sum = -1"),
    (Half::Value, "value = value + 1"),
    (Half::Value, "value = value + (1 << 32)"),
    (Half::Value, "value = -value"),
    (Half::Value, "kind = 1, value = x'37'"),
    (Half::Value, "kind = 2, value = x''"),
    (Half::Value, "kind = 3, codec = 1, value = x'07'"),
    (Half::Value, "kind = 3, codec = 256, value = x'07'"),
    (Half::Value, "kind = 9, value = x'37'"),
    (Half::Value, "sum = sum + 1"),
    (Half::Value, "sum = sum & ~4294967295"),
];

/// The same, of text.
const DAMAGES_OF_TEXT: [&str; 6] = [
    "kind = 2",
    "kind = 3, codec = 1",
    "codec = 1",
    "value = x''",
    "value = CAST('sevens' AS BLOB)",
    "value = CAST('sevenseven' AS BLOB)",
];

fn place() -> (tempfile::TempDir, Cache<DatabaseCache>, Connection) {
    let (dir, path) = quick_place();
    let cache = cache(&path);
    cache.set("k", &7, HOUR).unwrap();
    let conn = look(&path);
    conn.execute_batch("PRAGMA ignore_check_constraints = ON; PRAGMA synchronous = OFF").unwrap();
    (dir, cache, conn)
}

fn damage(conn: &Connection, change: &str) {
    assert_eq!(
        conn.execute(&format!("UPDATE cache SET {change} WHERE key = ':1:k'"), []).unwrap(),
        1,
        "{change}"
    );
}

type Answer = fn(&Cache<DatabaseCache>) -> bool;

/// What each call says where there is nothing.
const MISSES: [(&str, Answer); 11] = [
    ("get", |cache| cache.get::<i64>("k").unwrap().is_none()),
    ("get_bytes", |cache| cache.get_bytes("k").unwrap().is_none()),
    ("get_many", |cache| cache.get_many::<i64, _>(["k", "absent"]).unwrap().is_empty()),
    ("add", |cache| cache.add("k", &1, HOUR).unwrap() && cache.get("k").unwrap() == Some(1)),
    ("get_or_set", |cache| {
        let computed: i64 = cache.get_or_set("k", HOUR, || 2).unwrap();
        computed == 2 && cache.get("k").unwrap() == Some(2)
    }),
    ("set", |cache| {
        cache.set("k", &3, HOUR).unwrap();
        cache.get("k").unwrap() == Some(3)
    }),
    ("set_many", |cache| {
        cache.set_many([("k", 4), ("l", 5)], HOUR).unwrap().is_empty() && cache.get("k").unwrap() == Some(4)
    }),
    ("incr", |cache| cache.incr("k").unwrap_err().kind() == ErrorKind::KeyNotFound),
    ("decr", |cache| cache.decr("k").unwrap_err().kind() == ErrorKind::KeyNotFound),
    ("incr_version", |cache| {
        cache.incr_version("k").unwrap_err().kind() == ErrorKind::KeyNotFound
            && cache.with_version(2).get::<i64>("k").unwrap().is_none()
    }),
    ("touch, then get", |cache| {
        // Of the value a touch knows nothing, and leaves what is wrong with it.
        cache.touch("k", HOUR).unwrap();
        cache.get::<i64>("k").unwrap().is_none()
    }),
];

/// What is said of an expiry that is damaged, without a look at the value.
const MISSES_OF_EXPIRY: [(&str, Answer); 3] = [
    ("has_key", |cache| !cache.has_key("k").unwrap()),
    ("touch", |cache| !cache.touch("k", HOUR).unwrap() && !cache.has_key("k").unwrap()),
    ("delete", |cache| !cache.delete("k").unwrap()),
];

#[test]
fn a_damaged_row_is_absent_to_every_operation() {
    let (_dir, cache, conn) = place();
    let (mut tried, mut wrong) = (0, Vec::new());
    let mut ask = |start: fn(&Cache<DatabaseCache>), change: &str, (call, is_miss): (&str, Answer)| {
        cache.clear().unwrap();
        start(&cache);
        damage(&conn, change);
        tried += 1;
        if !is_miss(&cache) {
            wrong.push(format!("{call} after {change}"));
        }
    };
    for (half, change) in DAMAGES {
        for expires in [true, false] {
            // What has no expiry has none to damage.
            if !expires && change.starts_with("expires") {
                continue;
            }
            let start: fn(&Cache<DatabaseCache>) = match expires {
                true => |cache: &Cache<_>| cache.set("k", &7, HOUR).unwrap(),
                false => |cache: &Cache<_>| cache.set("k", &7, Timeout::Never).unwrap(),
            };
            MISSES.into_iter().for_each(|call| ask(start, change, call));
            if half == Half::Expiry {
                MISSES_OF_EXPIRY.into_iter().for_each(|call| ask(start, change, call));
            }
        }
    }
    for change in DAMAGES_OF_TEXT {
        MISSES.into_iter().for_each(|call| ask(|cache| cache.set("k", "seven", HOUR).unwrap(), change, call));
    }
    let figure = format!("rows with one damaged column: {} answers that are not a miss", wrong.len());
    record(4, "db", tried, wrong.len() as u64, &figure);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_row_of_another_key_is_absent_to_every_operation() {
    let (_dir, cache, conn) = place();
    let (mut tried, mut wrong) = (0, Vec::new());
    for (call, is_miss) in MISSES.into_iter().chain(MISSES_OF_EXPIRY) {
        cache.clear().unwrap();
        cache.set("j", &7, HOUR).unwrap();
        conn.execute("UPDATE cache SET key = ':1:k'", []).unwrap();
        tried += 1;
        if !is_miss(&cache) {
            wrong.push(call);
        }
    }
    record(
        4,
        "db",
        tried,
        wrong.len() as u64,
        &format!("rows under another key: {wrong:?} took them for their own"),
    );
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_get_removes_what_is_damaged_and_nothing_else() {
    let (_dir, cache, conn) = place();
    let rows = |conn: &Connection| count(conn, "SELECT count(*) FROM cache");
    let finds: [Answer; 2] = [
        |cache| cache.get::<i64>("k").unwrap().is_none(),
        |cache| cache.get_many::<i64, _>(["l", "k"]).unwrap().len() == 1,
    ];
    for find in finds {
        cache.set_many([("k", 7), ("l", 8)], HOUR).unwrap();
        damage(&conn, "value = 8");
        assert!(find(&cache));
        assert_eq!(rows(&conn), 1);
        assert_eq!(cache.get("l").unwrap(), Some(8));
    }
    // What has expired is whole, and stays until it is swept.
    cache.set("k", &7, Duration::from_millis(1)).unwrap();
    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(cache.get::<i64>("k").unwrap(), None);
    assert_eq!(rows(&conn), 2);
}

#[test]
fn nobody_waits_for_a_damaged_row_to_be_removed() {
    let (_dir, path) = quick_place();
    let cache = cache(&path);
    cache.set("k", &7, HOUR).unwrap();
    let conn = look(&path);
    conn.execute("UPDATE cache SET value = 8", []).unwrap();
    conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    let start = Instant::now();
    assert_eq!(cache.get::<i64>("k").unwrap(), None);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    conn.execute_batch("COMMIT").unwrap();
    assert_eq!(rows_and_count(&path, "cache"), (1, 1));
    assert_eq!(cache.get::<i64>("k").unwrap(), None);
    assert_eq!(rows_and_count(&path, "cache"), (0, 0));
}

/// Every writer of the column leaves the sum that this test works out by itself.
#[test]
fn the_sum_is_that_of_the_row() {
    let (_dir, path) = quick_place();
    let cache = cache(&path);
    cache.set("text", "seven", Timeout::Never).unwrap();
    cache.set_bytes("bytes", b"\0\xff".to_vec(), HOUR).unwrap();
    cache.set("list", &[1, 2, 3], HOUR).unwrap();
    cache.set_many([("least", i64::MIN), ("most", i64::MAX), ("moved", 1)], HOUR).unwrap();
    cache.set_many([("least", i64::MIN)], Timeout::Never).unwrap();
    assert!(cache.add("added", &-5, HOUR).unwrap());
    for n in [-1, i64::MAX, i64::MIN, 6, -3] {
        cache.set("counted", &(if n < 0 { 9 } else { -9 }), HOUR).unwrap();
        cache.incr_by("counted", n).unwrap();
        all_fit(&path, 8);
    }
    for key in ["text", "added", "least"] {
        assert!(cache.touch(key, HOUR * 2).unwrap());
        assert!(cache.touch("bytes", Timeout::Never).unwrap());
    }
    for key in ["text", "moved", "bytes"] {
        cache.incr_version(key).unwrap();
    }
    all_fit(&path, 8);
}

fn all_fit(path: &Path, rows: usize) {
    let conn = look(path);
    let mut all = conn.prepare("SELECT key, kind, codec, expires, value, sum FROM cache").unwrap();
    let mut all = all.query([]).unwrap();
    let mut seen = 0;
    while let Some(row) = all.next().unwrap() {
        let key: String = row.get(0).unwrap();
        let value: Value = row.get(4).unwrap();
        let right = own_sum(&key, row.get(1).unwrap(), row.get(2).unwrap(), row.get(3).unwrap(), &value);
        assert_eq!(row.get::<_, i64>(5).unwrap(), right, "{key}");
        seen += 1;
    }
    assert_eq!(seen, rows);
}
