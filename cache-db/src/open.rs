//! Opening a connection: the directories and the file as they must be, then SQLite's settings.

use std::ffi::{OsStr, OsString};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cache_core::{Error, ErrorKind, PerProcess};
use cache_fs::{Directory, FileId, LockFile, Rule};
use rusqlite::{Connection, OpenFlags, ffi};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::errors::{Fault, io};
use crate::layout::Table;
use crate::opened::Opened;
use crate::options::Settings;
use crate::schema::Sql;

/// A page of a new database in bytes. A set writes two or three pages, and 2 KiB made a set of
/// 100 B a quarter faster than SQLite's 4 KiB; reads cost the same.
const PAGE_SIZE: u32 = 2_048;

/// After so many pages (16 MiB) the WAL is written back into the database. SQLite's 1,000 makes
/// sets slower by a quarter, and more gains nothing.
const WAL_PAGES: u32 = 8_192;

/// More statements than this crate has.
const STATEMENTS: usize = 32;

/// What SQLite has beside a database, by the end of the name.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// How often to open the lock's file again when it vanishes in between.
const ATTEMPTS: u32 = 100;

/// Held while a file is made and opened. Closing any descriptor of a file drops the locks that
/// this process has on it, SQLite's too, so nobody may open what is still being made.
static OPENING: PerProcess<Mutex<()>> = PerProcess::new();

/// A connection, ready to use.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) conn: Connection,
    pub(crate) file: Opened,
}

/// A new connection to the database of the settings. `None` where the file or the schema of `table` is not there;
/// with `create` they are made, the directories too.
///
/// # Errors
/// When the file system refuses, somebody else may write to the file or exchange it, something else is in the place
/// of the file or of a table, or the process that forked this one has the file open.
pub(crate) fn open(
    settings: &Settings,
    table: &Table,
    deadline: Instant,
    create: bool,
) -> Result<Option<Ready>, Fault> {
    let path = &settings.path;
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Fault::Final(Error::storage(format!("the path {} names no file", path.display()))));
    };
    let rule = Rule::file().group(settings.trusted_group);
    let Some(dir) = Directory::open(dir, rule, create).map_err(Fault::Final)? else { return Ok(None) };
    let (conn, file, is_new) = {
        let _one_at_a_time = OPENING.get().lock().unwrap_or_else(PoisonError::into_inner);
        judge_companions(&dir, name)?;
        let is_new = match dir.file(name).map_err(Fault::Final)? {
            Some(_) => false,
            None if create => make(&dir, name, deadline)?,
            None => return Ok(None),
        };
        let Some(before) = dir.file(name).map_err(Fault::Final)? else { return Err(moved()) };
        let file = Opened::new(before, path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let conn = Connection::open_with_flags(dir.path().join(name), flags)?;
        if FileId::at(path) != Some(before) {
            // Removed or replaced meanwhile: which of the files this is cannot be said.
            return Err(moved());
        }
        (conn, file, is_new)
    };
    // Waiting is done in one place for all kinds of locks, with the clock read anew each time.
    conn.busy_timeout(Duration::ZERO)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    conn.execute_batch("PRAGMA cache_size = -16000; PRAGMA trusted_schema = OFF")?;
    if !table.prepare(&conn, is_new, create)? {
        return Ok(None);
    }
    // SQLite opens them by their names, in between.
    judge_companions(&dir, name)?;
    Ok(Some(Ready { conn, file }))
}

/// The path leads to another file than it did: a further attempt finds that.
pub(crate) fn moved() -> Fault {
    Fault::Sqlite(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None))
}

fn beside(name: &OsStr, suffix: &str) -> OsString {
    let mut beside = name.to_owned();
    beside.push(suffix);
    beside
}

fn judge_companions(dir: &Directory, name: &OsStr) -> Result<(), Fault> {
    COMPANIONS.iter().try_for_each(|suffix| dir.file(&beside(name, suffix)).map(drop)).map_err(Fault::Final)
}

/// Makes an empty file with mode 0600, which SQLite gives to -wal and -shm too. False: another
/// process was faster.
///
/// What an older database of this name left beside it goes first: its -shm, still mapped by
/// another process, would mislead the new one. A lock keeps two processes from removing what the
/// other has just made.
fn make(dir: &Directory, name: &OsStr, deadline: Instant) -> Result<bool, Fault> {
    let _lock = MakersLock::take(dir, name, deadline)?;
    if dir.file(name).map_err(Fault::Final)?.is_some() {
        return Ok(false);
    }
    for suffix in COMPANIONS {
        let left = beside(name, suffix);
        match rustix::fs::unlinkat(dir, &left, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => {
                let left = dir.path().join(left);
                return Err(io(errno.into(), "removing what an older database left behind,", &left));
            }
        }
    }
    Ok(dir.create_file(name).map_err(Fault::Final)?.is_some())
}

/// The lock of those who make a database: on a file beside it, which others cannot open, and which goes with it.
#[derive(Debug)]
struct MakersLock<'a> {
    dir: &'a Directory,
    name: OsString,
    _held: LockFile,
}

impl<'a> MakersLock<'a> {
    fn take(dir: &'a Directory, database: &OsStr, deadline: Instant) -> Result<Self, Fault> {
        let name = beside(database, "-lock");
        let path = dir.path().join(&name);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        for _ in 0..ATTEMPTS {
            let (file, is_made) = if dir.file(&name).map_err(Fault::Final)?.is_some() {
                match rustix::fs::openat(dir, &name, flags, Mode::empty()) {
                    Err(Errno::NOENT) => continue,
                    opened => (opened.map_err(|errno| io(errno.into(), "opening the lock", &path))?, false),
                }
            } else {
                match dir.create_file(&name).map_err(Fault::Final)? {
                    Some(made) => (made, true),
                    None => continue,
                }
            };
            let held = LockFile::new(file);
            let left = deadline.saturating_duration_since(Instant::now());
            if let Err(e) = held.lock(&path, left) {
                if is_made && e.kind() == ErrorKind::Storage {
                    // A file system without locks: of no use to anybody.
                    let _ = rustix::fs::unlinkat(dir, &name, AtFlags::empty());
                }
                return Err(Fault::Final(e));
            }
            let stat = rustix::fs::fstat(&held);
            if stat.is_ok_and(|stat| stat.st_nlink > 0) {
                return Ok(Self { dir, name, _held: held });
            }
            // Who had it has removed it: others lock another one.
        }
        Err(moved())
    }
}

impl Drop for MakersLock<'_> {
    fn drop(&mut self) {
        // Before it is unlocked, so that nobody who comes later shares it with one who waits.
        let _ = rustix::fs::unlinkat(self.dir, &self.name, AtFlags::empty());
    }
}

/// Gives the file a write-ahead log, which stays with it, and makes the schema of this crate's own
/// layout. False where it is missing and not to be made, and then nothing is changed.
pub(crate) fn prepare_own(conn: &Connection, sql: &Sql, create: bool) -> Result<bool, Fault> {
    sql.told.look_again();
    conn.execute_batch(&format!("PRAGMA page_size = {PAGE_SIZE}"))?;
    // Before anything is changed: the journal mode stays with the file.
    let is_complete = sql.is_complete(conn)?;
    if !is_complete && !create && !sql.is_begun(conn)? {
        return Ok(false);
    }
    use_wal(conn)?;
    conn.execute_batch(&format!(
        "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = {WAL_PAGES}; \
         PRAGMA journal_size_limit = {}",
        PAGE_SIZE * WAL_PAGES
    ))?;
    if !is_complete {
        let completed = sql.ensure(conn);
        // An older version knows fewer companions: its rows can be read without.
        if create {
            completed?;
        } else if !conn.is_autocommit() {
            conn.execute_batch("ROLLBACK")?;
        }
    }
    Ok(true)
}

/// Sets the journal mode of the file for good.
pub(crate) fn use_wal(conn: &Connection) -> Result<(), Fault> {
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode.eq_ignore_ascii_case("wal") {
        return Ok(());
    }
    Err(Fault::Final(Error::storage(format!(
        "the database {} cannot use a write-ahead log (its journal mode stays {mode:?}); put it on a \
         local disk where this process may write",
        conn.path().unwrap_or_default()
    ))))
}

/// Writes what is in the write-ahead log back into the database, as far as readers let it. The next
/// write then begins the log anew, over what is in it.
pub(crate) fn write_back(conn: &Connection) -> Result<(), Fault> {
    Ok(conn.query_row("PRAGMA wal_checkpoint", [], |_| Ok(()))?)
}
