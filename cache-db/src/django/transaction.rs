//! [`write`]: a write transaction, in a database that may have no write-ahead log.

use std::time::{Duration, Instant};

use cache_core::Error;

use crate::error::{Remedy, SqlError, SqlResult, remedy, with_code};
use crate::sql::Session;

/// How long a commit waits for readers while it keeps new ones out. After that it lets others go on and
/// starts the write again.
const LONGEST_COMMIT: Duration = Duration::from_millis(100);

/// Runs `work` in a transaction that takes the write lock first, so that what it read is still so when it
/// writes. Where it fails, nothing has changed.
pub(super) fn write<T>(db: Session<'_>, work: impl FnOnce() -> SqlResult<T>) -> SqlResult<T> {
    db.execute("BEGIN IMMEDIATE", [])?;
    let done = work().and_then(|done| commit(db).map(|()| done));
    if done.is_err() && !db.conn.is_autocommit() {
        // If it fails, the pool closes the connection.
        drop(db.execute("ROLLBACK", []));
    }
    done
}

/// Commits. Where the database has no write-ahead log, readers hold a commit up.
fn commit(db: Session<'_>) -> SqlResult<()> {
    let deadline = Instant::now() + db.config.busy_timeout.min(LONGEST_COMMIT);
    loop {
        match db.execute("COMMIT", []) {
            Err(SqlError::Sqlite(e)) if remedy(&e) == Remedy::Wait && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(1));
            }
            // Without a write-ahead log even the release of a lock can fail, after the change is made: a
            // second attempt could count twice.
            Err(SqlError::Sqlite(e)) if db.conn.is_autocommit() && remedy(&e) == Remedy::Reopen => {
                let file = db.config.path.display();
                let message = format!(
                    "the database {file} failed while a change was committed: it may or may not have happened"
                );
                return Err(with_code(Error::outcome_unknown(message), &e).into());
            }
            done => return done.map(drop),
        }
    }
}
