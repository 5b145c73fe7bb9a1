//! Removes expired rows, which SQLite finds by Django's index.

use rusqlite::params;

use super::statements::Statements;
use crate::error::SqlResult;
use crate::layout::{SWEEP_EVERY, SWEEP_ROWS};
use crate::sql::Session;

/// Removes some of the expired rows where the row just inserted is one in [`SWEEP_EVERY`]. Within a
/// transaction.
pub(super) fn sweep_if_due(sql: &Statements, db: Session<'_>) -> SqlResult<()> {
    if db.conn.last_insert_rowid() % SWEEP_EVERY == 0 {
        drop_expired(sql, db, SWEEP_ROWS)?;
    }
    Ok(())
}

/// Removes up to `most` expired rows; returns how many went.
pub(super) fn drop_expired(sql: &Statements, db: Session<'_>, most: i64) -> SqlResult<i64> {
    let removed = db.execute(&sql.drop_expired, params![most, db.config.clock.wall_ms()])?;
    Ok(i64::try_from(removed).unwrap_or(i64::MAX))
}
