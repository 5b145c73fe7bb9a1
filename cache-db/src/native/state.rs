//! The companion `~state`: how many entries the table has, and where the next sweep begins.

use super::statements::Statements;
use crate::error::SqlResult;
use crate::sql::{Session, as_u64};

/// The row of the companion.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub(super) entries: i64,
    /// The number of the row behind which the next sweep begins.
    pub(super) hand: i64,
}

/// Reads the state. Counts the rows where it is missing.
pub(super) fn read(sql: &Statements, db: Session<'_>) -> SqlResult<State> {
    let read = || db.last_row(&sql.state, [], |row| Ok(State { entries: row.get(0)?, hand: row.get(1)? }));
    if let Some(state) = read()? {
        return Ok(state);
    }
    recount(sql, db)?;
    Ok(read()?.unwrap_or(State { entries: 0, hand: 0 }))
}

/// Counts the rows, where somebody altered the count.
pub(super) fn recount(sql: &Statements, db: Session<'_>) -> SqlResult<()> {
    db.execute(&sql.recount, []).map(drop)
}

/// How many entries the table has.
pub(super) fn entries(sql: &Statements, db: Session<'_>) -> SqlResult<u64> {
    read(sql, db).map(|state| as_u64(state.entries))
}
