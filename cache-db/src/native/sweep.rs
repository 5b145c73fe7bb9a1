//! Removes expired rows. No step looks at more than [`WINDOW`] rows, so that a write costs the same in a
//! table of any size.

use rusqlite::params;

use super::statements::Statements;
use super::{limits, state};
use crate::error::SqlResult;
use crate::layout::{SWEEP_EVERY, SWEEP_ROWS, WINDOW};
use crate::sql::{Session, as_u64};

/// No row comes before it: rowids begin at 1.
pub(super) const START: i64 = 0;

/// Whether the row just inserted, if one was, is the one in [`SWEEP_EVERY`] that sweeps.
pub(super) const fn is_due(last_before: i64, last_now: i64) -> bool {
    last_before != last_now && last_now % SWEEP_EVERY == 0
}

/// Removes the expired of the next few rows. Within a transaction.
pub(super) fn sweep_next(sql: &Statements, db: Session<'_>) -> SqlResult<()> {
    // A limit that damage has made larger would let the table grow for ever.
    limits::current(sql, db)?;
    let hand = state::read(sql, db)?.hand;
    sweep(sql, db, hand, SWEEP_ROWS).map(drop)
}

/// Removes the expired of the [`WINDOW`] after `from`, in a transaction of its own. Returns how many went, and where
/// to go on; `None` after the last window.
pub(super) fn purge(sql: &Statements, db: Session<'_>, from: i64) -> SqlResult<(u64, Option<i64>)> {
    let (removed, next) = db.write(|| sweep(sql, db, from, WINDOW))?;
    Ok((as_u64(removed), next))
}

/// Removes the expired of the `count` rows after `from`, and moves the hand behind them. Returns
/// how many went, and the last row looked at; `None` if that is the last of all.
pub(super) fn sweep(
    sql: &Statements,
    db: Session<'_>,
    from: i64,
    count: i64,
) -> SqlResult<(i64, Option<i64>)> {
    let last = row_after(sql, db, from, count)?;
    let range = params![from, last.unwrap_or(i64::MAX), db.config.clock.wall_us()];
    let removed = db.execute(&sql.drop_expired, range)?;
    db.execute(&sql.set_hand, [last.unwrap_or(START)])?;
    Ok((i64::try_from(removed).unwrap_or(i64::MAX), last))
}

/// Returns the `count`-th row after `from`, if it exists.
pub(super) fn row_after(sql: &Statements, db: Session<'_>, from: i64, count: i64) -> SqlResult<Option<i64>> {
    db.last_row(&sql.boundary, [from, count - 1], |row| row.get(0))
}
