//! What the tests share: caches in temporary directories, a second look by plain SQLite, and the
//! test binary run again as a worker process.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cache_core::Cache;
use cache_db::{DatabaseCache, DatabaseCacheBuilder, Layout};
use conformance_tests::faults;
use rusqlite::Connection;
use rusqlite::types::Value;
use tempfile::TempDir;

/// A directory and the path of a database in it.
pub fn place() -> (TempDir, PathBuf) {
    at(tempfile::tempdir().unwrap())
}

/// As [`place`], in memory where that can be had: for what would wait for a disk thousands of times.
pub fn quick_place() -> (TempDir, PathBuf) {
    at(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap())
}

fn at(dir: TempDir) -> (TempDir, PathBuf) {
    let path = dir.path().join("cache.db");
    (dir, path)
}

pub fn cache(path: &Path) -> Cache<DatabaseCache> {
    build(DatabaseCache::builder(path).unlimited())
}

pub fn build(options: DatabaseCacheBuilder) -> Cache<DatabaseCache> {
    Cache::new(options.build().unwrap())
}

/// The layouts, by the name that each has in a report.
pub const LAYOUTS: &[(&str, Layout)] = &[
    ("db", Layout::Native),
    #[cfg(feature = "django")]
    ("db-django", Layout::Django),
];

/// A cache without a limit, in the layout of this name.
pub fn cache_of(name: &str, path: &Path) -> Cache<DatabaseCache> {
    build(DatabaseCache::builder(path).unlimited().layout(layout(name)))
}

pub fn layout(name: &str) -> Layout {
    LAYOUTS.iter().find(|(of_it, _)| *of_it == name).unwrap().1
}

/// What `PRAGMA integrity_check` says, and the count of rows by a scan and by the cache.
pub fn check(path: &Path, name: &str, table: &str) -> (String, i64, i64) {
    let conn = look(path);
    let whole = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    let rows = count(&conn, &format!("SELECT count(*) FROM \"{table}\""));
    let counted = match layout(name) {
        Layout::Native => count(&conn, &format!("SELECT entries FROM \"{table}~state\"")),
        _ => rows,
    };
    (whole, rows, counted)
}

/// Plain SQLite on the same file, waiting for locks.
pub fn look(path: &Path) -> Connection {
    Connection::open(path).unwrap()
}

pub fn count(conn: &Connection, sql: &str) -> i64 {
    conn.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Computes what the column `sum` of a row has to be.
pub fn own_sum(key: &str, kind: u8, codec: u8, expires: Option<i64>, value: &Value) -> i64 {
    let key_sum = i128::from(crc32fast::hash(key.as_bytes()));
    let high = (i128::from(expires.unwrap_or(-1)) % 2_147_483_629 + key_sum) % 2_147_483_629;
    let low = match value {
        Value::Integer(n) => (i128::from(*n).rem_euclid(4_294_967_291) + key_sum) % 4_294_967_291,
        Value::Text(text) => of_bytes(key, kind, codec, text.as_bytes()),
        Value::Blob(data) => of_bytes(key, kind, codec, data),
        Value::Null | Value::Real(_) => 0,
    };
    i64::try_from((high << 32) + low).unwrap()
}

fn of_bytes(key: &str, kind: u8, codec: u8, data: &[u8]) -> i128 {
    crc32fast::hash(&[key.as_bytes(), &[kind, codec], data].concat()).into()
}

/// The rows of `table` and the count that its companion keeps.
pub fn rows_and_count(path: &Path, table: &str) -> (i64, i64) {
    let conn = look(path);
    (
        count(&conn, &format!("SELECT count(*) FROM \"{table}\"")),
        count(&conn, &format!("SELECT entries FROM \"{table}~state\"")),
    )
}

/// Runs the test `test` of this binary again in a process of its own, as a worker for `job`.
pub fn worker(test: &str, job: &str) -> Child {
    faults::test_again(test, job).unwrap().stderr(Stdio::inherit()).spawn().unwrap()
}

/// What this process is a worker for, if it is one.
pub fn job() -> Option<Vec<String>> {
    faults::job().map(|job| job.split('|').map(str::to_owned).collect())
}

/// Starts all of `workers`, and waits until all have done their job.
pub fn join(workers: impl IntoIterator<Item = Child>) {
    let all_started: Vec<_> = workers.into_iter().collect();
    for mut worker in all_started {
        assert!(worker.wait().unwrap().success());
    }
}

/// Lets threads go on all at once, spinning, round by round.
pub struct Gate {
    threads: usize,
    arrived: AtomicUsize,
}

impl Gate {
    pub const fn new(threads: usize) -> Self {
        Self { threads, arrived: AtomicUsize::new(0) }
    }

    pub fn pass(&self) {
        let ticket = self.arrived.fetch_add(1, Ordering::SeqCst);
        let all = (ticket / self.threads + 1) * self.threads;
        let mut spins = 0_u32;
        let patience = Instant::now() + Duration::from_secs(30);
        while self.arrived.load(Ordering::SeqCst) < all {
            spins += 1;
            // More threads than cores: let the last one arrive.
            if spins.is_multiple_of(1_000) {
                assert!(Instant::now() < patience, "another thread has given up");
                std::thread::yield_now();
            }
            std::hint::spin_loop();
        }
    }
}

/// Waits until another process has made `path`.
pub fn wait_for(path: &Path) {
    for _ in 0..30_000 {
        if path.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("{} never came", path.display());
}
