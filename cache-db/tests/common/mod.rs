//! What the tests share: caches in temporary directories, a second look by plain SQLite, and the
//! test binary run again as a worker process.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cache_core::Cache;
use cache_db::{DatabaseCache, DatabaseOptions};
use rusqlite::Connection;
use tempfile::TempDir;

/// A directory and the path of a database in it.
pub fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.db");
    (dir, path)
}

pub fn cache(path: &Path) -> Cache<DatabaseCache> {
    build(DatabaseCache::builder(path).unlimited())
}

pub fn build(options: DatabaseOptions) -> Cache<DatabaseCache> {
    Cache::new(options.build().unwrap())
}

/// Plain SQLite on the same file, waiting for locks.
pub fn look(path: &Path) -> Connection {
    Connection::open(path).unwrap()
}

pub fn count(conn: &Connection, sql: &str) -> i64 {
    conn.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// The rows of `table` and the count that its companion keeps.
pub fn rows_and_count(path: &Path, table: &str) -> (i64, i64) {
    let conn = look(path);
    (
        count(&conn, &format!("SELECT count(*) FROM \"{table}\"")),
        count(&conn, &format!("SELECT entries FROM \"{table}~state\"")),
    )
}

const JOB: &str = "CACHE_DB_TEST_JOB";

/// Runs the test `test` of this binary again in a process of its own, as a worker for `job`.
pub fn worker(test: &str, job: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(JOB, job)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// What this process is a worker for, if it is one.
pub fn job() -> Option<Vec<String>> {
    std::env::var(JOB).ok().map(|job| job.split('|').map(str::to_owned).collect())
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
