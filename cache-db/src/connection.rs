//! [`DbConnection`]: a connection to the file that is at the path of the settings.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cache_core::{Error, PerProcess};
use cache_fs::{Directory, FileId, Rule};
use rusqlite::{Connection, OpenFlags};

use crate::config::Config;
use crate::database_file;
use crate::deadline::Deadline;
use crate::error::{SqlError, SqlResult};
use crate::fork_guard::ForkGuard;
use crate::layout::Table;
use crate::path_watcher::{PathWatcher, WatchedFile};

/// More statements than this crate has.
const STATEMENTS: usize = 32;

/// Held while a file is made and opened. Closing any descriptor of a file drops the locks that
/// this process has on it, SQLite's too, so nobody may open what is still being made.
static OPENING: PerProcess<Mutex<()>> = PerProcess::new();

/// A connection, ready to use.
#[derive(Debug)]
pub(crate) struct DbConnection {
    pub(crate) sqlite: Connection,
    pub(crate) file: WatchedFile,
    _guard: ForkGuard,
}

impl DbConnection {
    /// Opens a new connection to the database of `config`. Returns `None` if the file or the schema of `table`
    /// does not exist; with `create` they are made, the directories too.
    ///
    /// # Errors
    /// When the file system refuses, somebody else may write to the file or exchange it, something else is in the
    /// place of the file or of a table, or the process that forked this one has the file open.
    pub(crate) fn open(
        config: &Config,
        table: &dyn Table,
        create: bool,
        deadline: &Deadline,
        watcher: &PathWatcher,
    ) -> SqlResult<Option<Self>> {
        let path = &config.path;
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(SqlError::Final(Error::storage(format!(
                "the path {} names no file",
                path.display()
            ))));
        };
        let rule = Rule::file().group(config.trusted_group);
        let Some(dir) = Directory::open(dir, rule, create)? else { return Ok(None) };
        let (sqlite, guard, file, is_new) = {
            let _one_at_a_time = OPENING.get().lock().unwrap_or_else(PoisonError::into_inner);
            let Some((file, is_new)) = database_file::find(&dir, name, create, deadline)? else {
                return Ok(None);
            };
            let guard = ForkGuard::new(file, path)?;
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
                | OpenFlags::SQLITE_OPEN_NO_MUTEX
                | OpenFlags::SQLITE_OPEN_NOFOLLOW;
            let sqlite = Connection::open_with_flags(dir.path().join(name), flags)?;
            if FileId::at(path) != Some(file) {
                // Removed or replaced meanwhile: which of the files this is cannot be said.
                return Err(SqlError::moved());
            }
            (sqlite, guard, file, is_new)
        };
        // Waiting is done in one place for all kinds of locks, with the clock read again each time.
        sqlite.busy_timeout(Duration::ZERO)?;
        sqlite.set_prepared_statement_cache_capacity(STATEMENTS);
        sqlite.execute_batch("PRAGMA cache_size = -16000; PRAGMA trusted_schema = OFF")?;
        if !table.prepare(&sqlite, is_new, create)? {
            return Ok(None);
        }
        // SQLite opens them by their names, in between.
        database_file::judge_companions(&dir, name)?;
        Ok(Some(Self { sqlite, file: watcher.watch(path, file), _guard: guard }))
    }

    /// Rolls an open transaction back. Returns false if that fails.
    pub(crate) fn end_transaction(&self) -> bool {
        self.sqlite.is_autocommit() || self.sqlite.execute_batch("ROLLBACK").is_ok()
    }
}
