//! What is said of a damaged row: a warning, and nothing of its key or value.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use cache_core::Timeout;
use common::{cache, look, place};
use conformance_tests::faults::Log;

#[test]
fn a_damaged_row_is_told_once() {
    let log = Log::everything();
    let (_dir, path) = place();
    let cache = cache(&path);
    cache.set_many([("its-key", "a value"), ("another", "b value")], Timeout::Never).unwrap();
    let conn = look(&path);
    conn.execute("UPDATE cache SET value = CAST('c value' AS BLOB)", []).unwrap();
    drop(log.take());
    let told = |log: String| (log.matches("a damaged entry").count(), log.matches("removed=true").count());
    assert_eq!(cache.get::<String>("its-key").unwrap(), None);
    let said = log.take();
    assert!(said.contains(&path.display().to_string()) && said.contains("table=\"cache\""), "{said}");
    assert!(!said.contains("its-key") && !said.contains("c value"), "{said}");
    assert_eq!(told(said), (1, 1));
    assert!(cache.get_many::<String, _>(["its-key", "another"]).unwrap().is_empty());
    assert_eq!(told(log.take()), (1, 1));
    assert_eq!(cache.get::<String>("another").unwrap(), None);
    assert_eq!(told(log.take()), (0, 0));
    // If it cannot be removed, the next reader logs it again.
    cache.set("its-key", "a value", Timeout::Never).unwrap();
    conn.execute_batch("UPDATE cache SET sum = sum + 1; BEGIN IMMEDIATE").unwrap();
    assert_eq!(cache.get::<String>("its-key").unwrap(), None);
    let said = log.take();
    assert!(said.contains("removed=false"), "{said}");
    assert_eq!(told(said), (1, 0));
}
