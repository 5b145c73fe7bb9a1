//! SQLite as a program would use it directly: one connection per thread and prepared statements, with the
//! columns, settings and upsert of `cache-db`, and no layer.

use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, Statement, params};
use rustix::fd::OwnedFd;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

use crate::load::{Gate, Operation, Picks, Row, TIMEOUT};

const TABLE: &str = "CREATE TABLE cache (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, \
    kind INTEGER NOT NULL, codec INTEGER NOT NULL, expires INTEGER, value ANY NOT NULL, \
    CHECK (typeof(value) = CASE kind WHEN 0 THEN 'integer' ELSE 'blob' END)) STRICT";

/// Those of `cache_db`.
const SETTINGS: &str = "PRAGMA page_size = 2048; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
    PRAGMA wal_autocheckpoint = 8192; PRAGMA journal_size_limit = 16777216; PRAGMA cache_size = -16000";

const GET: &str = "SELECT value FROM cache WHERE key = ?1 AND (expires IS NULL OR expires > ?2)";

/// With what tells damage.
const GET_CHECKED: &str = "SELECT kind, codec, expires, value FROM cache WHERE key = ?1";

const SET: &str = "INSERT INTO cache (key, kind, codec, expires, value) VALUES (?1, ?2, ?3, ?4, ?5) \
    ON CONFLICT (key) DO UPDATE SET kind = excluded.kind, codec = excluded.codec, \
    expires = excluded.expires, value = excluded.value";

const INCR: &str = "UPDATE cache SET value = value + ?3 WHERE key = ?1 \
    AND (expires IS NULL OR expires > ?2) RETURNING value";

/// One thread's connection.
pub struct Bare {
    conn: Connection,
    picks: Picks,
    /// Where a get checks what ours does: what the kernel says of the file and its directories.
    notices: Option<OwnedFd>,
}

impl Bare {
    pub fn open(path: &Path, picks: Picks) -> Self {
        let conn = Connection::open(path).unwrap();
        conn.execute_batch(SETTINGS).unwrap();
        Self { conn, picks, notices: None }
    }

    /// A get checks what ours does from now on: whether the file is still there, and whether the row is what
    /// was written.
    pub fn checking(self) -> Self {
        let notices = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        for place in Path::new(self.conn.path().unwrap()).ancestors() {
            inotify::add_watch(&notices, place, WatchFlags::MOVE_SELF | WatchFlags::DELETE_SELF).unwrap();
        }
        Self { notices: Some(notices), ..self }
    }

    pub fn fill(&self, rows: impl Iterator<Item = Row>) {
        self.conn.execute_batch(TABLE).unwrap();
        let mut set = self.conn.prepare(SET).unwrap();
        let mut rows = rows.peekable();
        while rows.peek().is_some() {
            self.conn.execute_batch("BEGIN").unwrap();
            for row in rows.by_ref().take(1_000) {
                let key = row.made();
                match row {
                    Row::Text(n) => put(&mut set, &key, &Row::value(n)),
                    Row::Number(_) => {
                        let expires = now_ms() + TIMEOUT.as_millis() as i64;
                        set.execute(params![key, 0, 0, expires, 0]).unwrap();
                    }
                }
            }
            self.conn.execute_batch("COMMIT").unwrap();
        }
    }

    /// Does `calls` operations once all have come to the gate, and says when it began.
    pub fn run(&mut self, operation: Operation, calls: u64, gate: &Gate) -> Instant {
        let Self { conn, picks, notices } = self;
        let mut begin = conn.prepare(operation.begin()).unwrap();
        let mut commit = conn.prepare("COMMIT").unwrap();
        let mut get = conn.prepare(GET).unwrap();
        let mut set = conn.prepare(SET).unwrap();
        let mut incr = conn.prepare(INCR).unwrap();
        let start = gate.pass();
        for call in 0..calls {
            match (operation, &notices) {
                (Operation::Get, Some(notices)) => {
                    assert_eq!(rustix::io::ioctl_fionread(notices), Ok(0));
                    let mut get = conn.prepare_cached(GET_CHECKED).unwrap();
                    drop(find_checked(&mut get, &picks.text().made(), now_ms()).unwrap());
                }
                (Operation::Get, None) => drop(find(&mut get, &picks.text().made(), now_ms()).unwrap()),
                (Operation::Set, _) => put(&mut set, &picks.text().made(), &Row::value(call)),
                (Operation::Incr, _) => {
                    let key = picks.number().made();
                    let sum = incr.query_row(params![key, now_ms(), 1], |row| row.get::<_, i64>(0)).unwrap();
                    assert!(sum > 0);
                }
                (Operation::GetMany, _) => {
                    begin.execute([]).unwrap();
                    let now = now_ms();
                    let found: Vec<(String, String)> = picks
                        .hundred()
                        .map(|row| row.made())
                        .filter_map(|key| find(&mut get, &key, now).map(|value| (key, value)))
                        .collect();
                    commit.execute([]).unwrap();
                    assert_eq!(found.len(), 100);
                }
                (Operation::SetMany, _) => {
                    begin.execute([]).unwrap();
                    for row in picks.hundred() {
                        put(&mut set, &row.made(), &Row::value(call));
                    }
                    commit.execute([]).unwrap();
                }
            }
        }
        start
    }
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

fn find(get: &mut Statement<'_>, key: &str, now: i64) -> Option<String> {
    let mut rows = get.query(params![key, now]).unwrap();
    let row = rows.next().unwrap()?;
    Some(std::str::from_utf8(row.get_ref(0).unwrap().as_blob().unwrap()).unwrap().to_owned())
}

fn find_checked(get: &mut Statement<'_>, key: &str, now: i64) -> Option<(String, u32)> {
    let mut rows = get.query(params![key]).unwrap();
    let row = rows.next().unwrap()?;
    let column = |index| row.get_ref(index).unwrap();
    let (kind, codec) = (column(0).as_i64().unwrap(), column(1).as_i64().unwrap());
    if column(2).as_i64_or_null().unwrap().is_some_and(|expires| expires <= now) {
        return None;
    }
    let value = column(3).as_blob().unwrap();
    let mut sum = crc32fast::Hasher::new();
    [key.as_bytes(), &[kind as u8, codec as u8], value].into_iter().for_each(|part| sum.update(part));
    Some((std::str::from_utf8(value).unwrap().to_owned(), sum.finalize()))
}

fn put(set: &mut Statement<'_>, key: &str, value: &str) {
    let expires = now_ms() + TIMEOUT.as_millis() as i64;
    assert_eq!(set.execute(params![key, 1, 0, expires, value.as_bytes()]).unwrap(), 1);
}
