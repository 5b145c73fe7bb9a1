//! Makes room in a full table: the expired rows go, and if that is not enough the oldest.

use super::statements::Statements;
use super::sweep::{START, row_after, sweep};
use super::{limits, state};
use crate::error::SqlResult;
use crate::layout::WINDOW;
use crate::sql::{Session, as_i64, as_u64};

/// Makes room for one entry. Where the table holds more than its limit, because the limit was lowered, it goes down
/// step by step: then two rows go at the least and a [`WINDOW`] of them at the most. Within a transaction.
pub(super) fn make_room(sql: &Statements, db: Session<'_>) -> SqlResult<()> {
    let culling = limits::current(sql, db)?;
    let Some(limit) = culling.limit().map(as_i64) else { return Ok(()) };
    let state = state::read(sql, db)?;
    if state.entries < limit {
        return Ok(());
    }
    let from = if state.entries > WINDOW { state.hand } else { START };
    let (expired, _) = sweep(sql, db, from, WINDOW)?;
    let mut left = state.entries - expired;
    loop {
        if left < limit {
            return Ok(());
        }
        let share =
            if culling.drops_all() { left } else { as_i64(culling.victims(as_u64(left.min(WINDOW)))) };
        let count = share.max((left - limit + 1).min(WINDOW));
        if let Some(last) = row_after(sql, db, START, count)? {
            return evict(sql, db, last);
        }
        // Somebody altered the count: the rows say what it is.
        state::recount(sql, db)?;
        let counted = state::read(sql, db)?.entries;
        if counted >= left {
            return evict(sql, db, i64::MAX);
        }
        left = counted;
    }
}

/// Removes the rows up to `last`, and counts them in the row of the limits: one page more in a write of several.
fn evict(sql: &Statements, db: Session<'_>, last: i64) -> SqlResult<()> {
    let gone = db.execute(&sql.drop_oldest, [last])?;
    db.execute(&sql.count_evicted, [i64::try_from(gone).unwrap_or(i64::MAX)]).map(drop)
}

/// How many rows went to make room, since the table was made.
pub(super) fn evictions(sql: &Statements, db: Session<'_>) -> SqlResult<u64> {
    let evicted = db.last_row(&sql.evicted, [], |row| row.get(0))?;
    Ok(evicted.map_or(0, as_u64))
}
