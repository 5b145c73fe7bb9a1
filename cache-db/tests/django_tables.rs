//! Django's table in a database that may be the application's own: what is made, what is left
//! alone, what is removed, and who wins.

#![cfg(feature = "django")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

mod common;

use std::path::Path;
use std::time::Duration;

use cache_core::{BaseCache, Cache, Clock, ErrorKind, Timeout};
use cache_db::{DatabaseCache, DatabaseCacheBuilder, Layout};
use common::{build, count, job, join, look, place, worker};

/// What `createcachetable` of Django 5.2 makes for a table `cache_t`, as SQLite shows it.
const DJANGO: [&str; 2] = [
    "CREATE TABLE \"cache_t\" (\n    \"cache_key\" varchar(255) NOT NULL PRIMARY KEY,\n    \
     \"value\" text NOT NULL,\n    \"expires\" datetime NOT NULL\n)",
    "CREATE INDEX \"cache_t_expires\" ON \"cache_t\" (\"expires\")",
];

fn options(path: &Path) -> DatabaseCacheBuilder {
    DatabaseCache::builder(path).table("cache_t").layout(Layout::Django)
}

fn cache(path: &Path) -> Cache<DatabaseCache> {
    build(options(path).unlimited())
}

fn rows(path: &Path) -> i64 {
    count(&look(path), "SELECT count(*) FROM cache_t")
}

fn journal_mode(path: &Path) -> String {
    look(path).query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap()
}

fn schema(path: &Path) -> Vec<String> {
    let conn = look(path);
    let mut statement = conn.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").unwrap();
    let sql = statement.query_map([], |row| row.get(0)).unwrap();
    sql.map(Result::unwrap).collect()
}

#[test]
fn the_table_is_django_s() {
    let (_dir, path) = place();
    let cache = cache(&path);
    assert_eq!(cache.backend().create_table(true).unwrap(), DJANGO);
    assert!(!path.exists());
    assert_eq!(cache.backend().create_table(false).unwrap(), DJANGO);
    cache.set("k", &1, Timeout::Never).unwrap();
    assert_eq!(schema(&path), DJANGO, "and nothing beside it");
    assert_eq!(journal_mode(&path), "wal", "a file of its own");
}

#[test]
fn a_database_that_is_there_keeps_its_settings() {
    for mode in ["delete", "truncate", "persist", "wal"] {
        let (_dir, path) = place();
        let conn = look(&path);
        conn.execute_batch(&format!("PRAGMA page_size = 8192; PRAGMA journal_mode = {mode}")).unwrap();
        conn.execute_batch("CREATE TABLE auth_user (id); INSERT INTO auth_user VALUES (1)").unwrap();
        for sql in DJANGO {
            conn.execute(sql, []).unwrap();
        }
        drop(conn);
        let before = schema(&path);
        let kept = if mode == "wal" { "wal" } else { "delete" };
        let cache = cache(&path);
        for i in 0..100 {
            cache.set(&i.to_string(), &i, Timeout::Never).unwrap();
            assert_eq!(cache.get(&i.to_string()).unwrap(), Some(i));
        }
        cache.clear().unwrap();
        assert_eq!(schema(&path), before);
        // The file does not record which kind of rollback journal it uses.
        assert_eq!(journal_mode(&path), kept, "{mode}");
        assert_eq!(count(&look(&path), "PRAGMA page_size"), 8_192);
        assert_eq!(count(&look(&path), "SELECT count(*) FROM auth_user"), 1);
    }
}

#[test]
fn an_empty_file_that_somebody_made_keeps_its_journal() {
    let (_dir, path) = place();
    std::fs::File::create(&path).unwrap();
    cache(&path).set("k", &1, Timeout::Never).unwrap();
    assert_eq!(journal_mode(&path), "delete");
}

#[test]
fn a_table_with_more_columns_is_taken_and_another_is_not() {
    let (_dir, path) = place();
    look(&path)
        .execute_batch(
            "CREATE TABLE Cache_T (Expires datetime, note, VALUE text, cache_key text PRIMARY KEY)",
        )
        .unwrap();
    let taken = cache(&path);
    taken.set("k", &1, Timeout::Never).unwrap();
    assert_eq!(taken.get("k").unwrap(), Some(1));
    for foreign in [
        "CREATE TABLE cache_t (cache_key text PRIMARY KEY, value text)",
        "CREATE TABLE cache_t (cache_key text, value text, expires datetime)",
        "CREATE TABLE cache_t (cache_key text, value text, expires datetime, PRIMARY KEY (cache_key, value))",
        "CREATE TABLE cache_t (cache_key text PRIMARY KEY, value text, expires datetime) WITHOUT ROWID",
        "CREATE VIEW cache_t AS SELECT 'a' AS cache_key, 'b' AS value, 'c' AS expires",
        "CREATE TABLE other (x); CREATE INDEX cache_t_expires ON other (x)",
        "CREATE TABLE other (x); CREATE INDEX CACHE_T ON other (x)",
    ] {
        let (_dir, path) = place();
        look(&path).execute_batch(foreign).unwrap();
        let before = std::fs::read(&path).unwrap();
        let error = cache(&path).set("k", &1, Timeout::Never).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidCacheBackend, "{foreign}");
        assert!(error.to_string().contains("expires"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before, "{foreign}");
    }
}

#[test]
fn the_two_layouts_do_not_take_each_other_s_tables() {
    let (_dir, path) = place();
    let own = || build(DatabaseCache::builder(&path).table("cache_t"));
    cache(&path).set("k", &1, Timeout::Never).unwrap();
    assert_eq!(own().get::<i64>("k").unwrap_err().kind(), ErrorKind::InvalidCacheBackend);
    std::fs::remove_file(&path).unwrap();
    own().set("k", &1, Timeout::Never).unwrap();
    assert_eq!(cache(&path).get::<i64>("k").unwrap_err().kind(), ErrorKind::InvalidCacheBackend);
}

#[test]
fn the_oldest_third_goes_when_a_new_key_finds_the_table_full() {
    let (_dir, path) = place();
    let (clock, hands) = Clock::manual();
    let cache = build(options(&path).max_entries(30).clock(clock));
    let live = || (0..60).filter(|i: &i32| cache.has_key(&i.to_string()).unwrap()).collect::<Vec<_>>();
    for i in 0..30 {
        cache.set(&i.to_string(), &i, Timeout::Never).unwrap();
    }
    cache.set("0", &100, Timeout::Never).unwrap();
    assert!(!cache.add("1", &100, Timeout::Never).unwrap());
    assert_eq!(live().len(), 30, "a write to an existing key evicts nothing");
    cache.set("30", &30, Timeout::Never).unwrap();
    assert_eq!(live(), (10..31).collect::<Vec<_>>());
    // The expired go first.
    for i in 31..40 {
        cache.set(&i.to_string(), &i, Duration::from_secs(1)).unwrap();
    }
    hands.advance(Duration::from_secs(3));
    assert_eq!(rows(&path), 30);
    cache.set("40", &40, Timeout::Never).unwrap();
    assert_eq!((rows(&path), live().len()), (22, 22));
}

#[test]
fn cull_frequencies() {
    for (frequency, limit, left) in [(0, 10, 1), (1, 10, 1), (2, 10, 6), (100, 10, 10), (3, 1, 1)] {
        let (_dir, path) = place();
        let cache = build(options(&path).max_entries(limit).cull_frequency(frequency));
        for i in 0..=limit {
            cache.set(&i.to_string(), &i, Timeout::Never).unwrap();
        }
        assert_eq!(rows(&path), left, "{limit} / {frequency}");
    }
}

#[test]
fn the_bound_holds_for_several_handles() {
    let (_dir, path) = place();
    let caches = [0, 1, 2].map(|_| build(options(&path).max_entries(512)));
    let mut most = 0;
    for i in 0..1_600 {
        caches[i % 3].set(&i.to_string(), &i, Timeout::Never).unwrap();
        most = most.max(rows(&path));
    }
    assert_eq!(most, 512);
}

#[test]
fn above_512_rows_a_handle_may_exceed_the_bound_by_a_64th() {
    let (_dir, path) = place();
    let (one, other) = (build(options(&path).max_entries(6_400)), build(options(&path).max_entries(6_400)));
    let keys = |from: usize, to: usize| (from..to).map(|i| (i.to_string(), 1));
    one.set_many(keys(0, 6_400), Timeout::Never).unwrap();
    assert_eq!(rows(&path), 6_400, "by itself it is exact");
    one.set("a", &1, Timeout::Never).unwrap();
    assert_eq!(rows(&path), 6_400 - 333 + 1);
    // Each counts once, and then both fill the room that there is for one.
    let mut most = 0;
    for i in 6_400..7_200 {
        one.set(&format!("one{i}"), &1, Timeout::Never).unwrap();
        other.set(&format!("other{i}"), &1, Timeout::Never).unwrap();
        most = most.max(rows(&path));
    }
    assert!(most <= 6_400 + 100, "{most}");
}

#[test]
fn expired_rows_go_now_and_then_and_all_on_request() {
    let (_dir, path) = place();
    let (clock, hands) = Clock::manual();
    let cache = build(options(&path).unlimited().clock(clock));
    let fill = |name: &str, len: usize, timeout: Timeout| {
        cache.set_many((0..len).map(|i| (format!("{name}{i}"), i)), timeout).unwrap();
    };
    let second = Timeout::After(Duration::from_secs(1));
    fill("a", 640, second);
    hands.advance(Duration::from_secs(3));
    fill("b", 192, Timeout::Never);
    assert_eq!(rows(&path), 192);
    fill("c", 2_500, second);
    assert_eq!(cache.purge_expired().unwrap(), Some(0));
    hands.advance(Duration::from_secs(3));
    assert_eq!(cache.purge_expired().unwrap(), Some(2_500));
    assert_eq!(rows(&path), 192);
    let info = cache.backend().info().unwrap();
    assert_eq!((info.entries, info.max_entries), (Some(192), None));
    assert!(info.bytes.unwrap() > 0);
    cache.backend().ping().unwrap();
    cache.clear().unwrap();
    assert_eq!(cache.backend().entries().unwrap(), Some(0));
}

const MODES: [&str; 2] = ["delete", "wal"];

#[test]
fn threads_lose_no_incr_whatever_the_journal() {
    for mode in MODES {
        let (_dir, path) = place();
        look(&path).execute_batch(&format!("PRAGMA journal_mode = {mode}; {}", DJANGO.join(";"))).unwrap();
        let options = || options(&path).busy_timeout(Duration::from_secs(60));
        let caches = [build(options()), build(options())];
        caches[0].set("n", &0, Timeout::Never).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let cache = &caches[thread % 2];
                scope.spawn(move || {
                    for i in 0..50 {
                        cache.incr("n").unwrap();
                        assert!(cache.get::<i64>("n").unwrap().is_some(), "{mode}");
                        cache.set(&format!("{thread} {i}"), &i, Timeout::Never).unwrap();
                    }
                });
            }
        });
        assert_eq!(caches[1].get::<i64>("n").unwrap(), Some(200), "{mode}");
        assert_eq!(rows(&path), 201);
        assert_eq!(journal_mode(&path), mode);
    }
}

#[test]
fn processes_lose_no_incr_whatever_the_journal() {
    if let Some(job) = job() {
        let cache = build(options(Path::new(&job[0])).busy_timeout(Duration::from_secs(60)));
        for _ in 0..50 {
            cache.incr("n").unwrap();
        }
        return;
    }
    for mode in MODES {
        let (_dir, path) = place();
        look(&path).execute_batch(&format!("PRAGMA journal_mode = {mode}; {}", DJANGO.join(";"))).unwrap();
        let cache = cache(&path);
        cache.set("n", &0, Timeout::Never).unwrap();
        let name = "processes_lose_no_incr_whatever_the_journal";
        join((0..4).map(|_| worker(name, &path.display().to_string())));
        assert_eq!(cache.get::<i64>("n").unwrap(), Some(200), "{mode}");
    }
}

#[test]
fn a_locked_database_is_unavailable_in_time() {
    for mode in MODES {
        let (_dir, path) = place();
        let stranger = look(&path);
        stranger.execute_batch(&format!("PRAGMA journal_mode = {mode}; {}", DJANGO.join(";"))).unwrap();
        let cache = build(options(&path).busy_timeout(Duration::from_millis(50)));
        cache.set("k", &1, Timeout::Never).unwrap();
        // A reader that stays: with a rollback journal it holds the commit up.
        stranger.execute_batch("BEGIN; SELECT * FROM cache_t").unwrap();
        let set = cache.set("k", &2, Timeout::Never).map_err(|e| e.kind());
        let expected = if mode == "wal" { Ok(()) } else { Err(ErrorKind::Unavailable) };
        assert_eq!(set, expected, "{mode}");
        assert_eq!(cache.get("k").unwrap(), Some(if mode == "wal" { 2 } else { 1 }), "{mode}");
        stranger.execute_batch("COMMIT; BEGIN IMMEDIATE").unwrap();
        assert_eq!(cache.incr("k").unwrap_err().kind(), ErrorKind::Unavailable);
        stranger.execute_batch("COMMIT").unwrap();
        cache.set("k", &3, Timeout::Never).unwrap();
        assert_eq!(cache.get("k").unwrap(), Some(3));
    }
}
