//! The databases, and what is in them after each step.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::str::FromStr;

use cache_core::Timeout;
#[cfg(feature = "django")]
use cache_db::Layout;
use cache_db::{DatabaseCache, DatabaseCacheBuilder};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::steps::{self, STEPS};

/// Where the table of a cache is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    /// In a file of its own.
    Native,
    /// Django's, in a file that the cache makes.
    #[cfg(feature = "django")]
    Django,
    /// Django's, in an existing database with a rollback journal.
    #[cfg(feature = "django")]
    Application,
}

impl Store {
    #[cfg(not(feature = "django"))]
    pub(crate) const ALL: &[Self] = &[Self::Native];
    #[cfg(feature = "django")]
    pub(crate) const ALL: &[Self] = &[Self::Native, Self::Django, Self::Application];

    /// The backend's name in the report.
    pub(crate) const fn backend(self) -> &'static str {
        match self {
            Self::Native => "db",
            #[cfg(feature = "django")]
            _ => "db-django",
        }
    }

    pub(crate) fn options(self, path: &Path) -> DatabaseCacheBuilder {
        let options = DatabaseCache::builder(path);
        match self {
            Self::Native => options,
            #[cfg(feature = "django")]
            _ => options.layout(Layout::Django),
        }
    }

    /// Whether the cache makes the file.
    pub(crate) const fn is_of_the_cache(self) -> bool {
        match self {
            Self::Native => true,
            #[cfg(feature = "django")]
            Self::Django => true,
            #[cfg(feature = "django")]
            Self::Application => false,
        }
    }

    /// Creates the files that exist before the cache does.
    pub(crate) fn prepare(self, path: &Path) {
        if !self.is_of_the_cache() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            Connection::open(path).unwrap().execute_batch(ORDERS).unwrap();
        }
    }

    /// What becomes of the database when nobody disturbs it.
    pub(crate) fn undisturbed(self) -> Undisturbed {
        let mut all = Undisturbed::default();
        for count in 0..=STEPS.len() {
            let dir = directory();
            let path = dir.path().join("cache.db");
            self.prepare(&path);
            let (cache, hands) = steps::open(self.options(&path));
            all.said.clear();
            for (name, step) in &STEPS[..count] {
                all.said.push(step(&cache, &hands).unwrap_or_else(|e| panic!("{name}: {e}")));
            }
            all.rows.push(if count == 0 { Vec::new() } else { self.rows(&path) });
            assert_eq!(steps::afterwards(&cache).unwrap(), steps::WORKS);
            all.rows_afterwards.push(self.rows(&path));
        }
        all
    }

    /// The rows; none before the first write, since reading makes neither the file nor the table.
    fn rows(self, path: &Path) -> Rows {
        if !path.exists() {
            return Rows::new();
        }
        let sql = match self {
            Self::Native => {
                "SELECT concat_ws(' ', key, kind, codec, expires, hex(value)) FROM cache ORDER BY key"
            }
            #[cfg(feature = "django")]
            _ => "SELECT concat_ws(' ', cache_key, expires, value) FROM cache ORDER BY cache_key",
        };
        let conn = Connection::open(path).unwrap();
        if !has_table(&conn, "cache") {
            return Rows::new();
        }
        let mut rows = conn.prepare(sql).unwrap();
        let rows = rows.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// What is wrong with what a worker left behind, if anything is. The rows must be one of `either`.
    pub(crate) fn problem(self, path: &Path, either: &[Rows]) -> Option<String> {
        let suffixes = ["", "-wal", "-shm", "-journal"].iter().filter(|_| self.is_of_the_cache());
        for file in suffixes.map(|suffix| format!("{}{suffix}", path.display())) {
            if let Ok(meta) = fs::symlink_metadata(&file)
                && meta.mode() & 0o077 != 0
            {
                return Some(format!("{file} has mode {:o}", meta.mode()));
            }
        }
        let (cache, _) = steps::open(self.options(path));
        // The first call on the files that the crash left.
        if let Err(e) = cache.has_key("a") {
            return Some(format!("the next call failed: {e} {e:?}"));
        }
        let rows = self.rows(path);
        if !either.contains(&rows) {
            let at =
                |rows: &Rows| rows.iter().map(|row| row.chars().take(40).collect()).collect::<Vec<String>>();
            return Some(format!(
                "{:?} is none of {:?}",
                at(&rows),
                either.iter().map(at).collect::<Vec<_>>()
            ));
        }
        // Reading makes nothing: the file is still to come.
        if !path.exists() {
            return None;
        }
        let conn = Connection::open(path).unwrap();
        let whole: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        let counted: i64 = match self {
            Self::Native if has_table(&conn, "cache~state") => {
                conn.query_row("SELECT entries FROM \"cache~state\"", [], |row| row.get(0)).unwrap()
            }
            Self::Native => 0,
            #[cfg(feature = "django")]
            _ => rows.len() as i64,
        };
        if whole != "ok" || counted != rows.len() as i64 {
            return Some(format!("integrity_check: {whole}; {} rows, counted {counted}", rows.len()));
        }
        if !self.is_of_the_cache() {
            let sum: i64 = conn.query_row("SELECT sum(id) FROM orders", [], |row| row.get(0)).unwrap();
            let mode: String = conn.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
            if (sum, mode.as_str()) != (6, "delete") {
                return Some(format!("the application's table or settings: {sum} {mode}"));
            }
        }
        let works = cache.set("next", &1, Timeout::Never).and_then(|()| cache.incr("next"));
        match works {
            Ok(2) => None,
            other => Some(format!("the next write: {other:?}")),
        }
    }
}

/// A new directory, in memory where that can be had: nobody here waits for a disk.
pub(crate) fn directory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// The rows of a cache's table as text.
pub(crate) type Rows = Vec<String>;

#[derive(Debug, Default)]
pub(crate) struct Undisturbed {
    /// What each step says.
    pub(crate) said: Vec<String>,
    /// The rows before the first step and after each.
    pub(crate) rows: Vec<Rows>,
    /// The same with [`steps::afterwards`] behind it, which may cull.
    pub(crate) rows_afterwards: Vec<Rows>,
}

const ORDERS: &str = "CREATE TABLE orders (id INTEGER PRIMARY KEY); INSERT INTO orders VALUES (1), (2), (3)";

impl FromStr for Store {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|store| format!("{store:?}") == name).ok_or_else(|| name.to_owned())
    }
}

fn has_table(conn: &Connection, name: &str) -> bool {
    let sql = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?1";
    conn.query_row(sql, [name], |row| row.get::<_, i64>(0)).unwrap() > 0
}
