//! Removing rows: the expired, and the oldest when a table is full. No step looks at more than
//! [`WINDOW`] rows, so that a write costs the same in a table of any size.

use rusqlite::params;

use crate::errors::Fault;
use crate::ops::{Ops, execute, last_row};

/// The most rows that one step looks at. A table of up to so many is looked at whole.
pub(crate) const WINDOW: i64 = 1_000;

/// Every so many new keys some rows are looked at, for the expired ones.
const SWEEP_EVERY: i64 = 64;

/// So many rows: four for each new key, so that at most a third as many expired rows as live
/// ones stay behind, however large the table.
const SWEEP_ROWS: i64 = 4 * SWEEP_EVERY;

/// No row comes before it: rowids begin at 1.
pub(crate) const START: i64 = 0;

/// Whether the row just inserted, if one was, is the one in [`SWEEP_EVERY`] that sweeps.
pub(crate) const fn sweep_is_due(last_before: i64, last_now: i64) -> bool {
    last_before != last_now && last_now % SWEEP_EVERY == 0
}

/// Removes the expired of the next few rows. Within a transaction.
pub(crate) fn sweep_some(ops: &Ops<'_>, now: i64) -> Result<(), Fault> {
    // A limit that damage has made larger would let the table grow for ever.
    ops.limits()?;
    let (_, hand) = state(ops)?;
    sweep(ops, hand, SWEEP_ROWS, now).map(drop)
}

/// Makes room for one entry: the expired go, and if that is not enough the oldest. Where the table holds
/// more than its limit, because the limit was lowered, it goes down step by step: then two rows go at the least and
/// a [`WINDOW`] of them at the most. Within a transaction.
pub(crate) fn make_room(ops: &Ops<'_>, now: i64) -> Result<(), Fault> {
    let culling = ops.limits()?;
    let Some(limit) = culling.limit().map(as_i64) else { return Ok(()) };
    let (entries, hand) = state(ops)?;
    if entries < limit {
        return Ok(());
    }
    let from = if entries > WINDOW { hand } else { START };
    let (expired, _) = sweep(ops, from, WINDOW, now)?;
    let mut left = entries - expired;
    loop {
        if left < limit {
            return Ok(());
        }
        let share =
            if culling.drops_all() { left } else { as_i64(culling.victims(as_u64(left.min(WINDOW)))) };
        let count = share.max((left - limit + 1).min(WINDOW));
        if let Some(last) = row_after(ops, START, count)? {
            return evict(ops, last);
        }
        // Somebody altered the count: the rows say what it is.
        execute(ops.conn, &ops.sql.recount, [])?;
        let (counted, _) = state(ops)?;
        if counted >= left {
            return evict(ops, i64::MAX);
        }
        left = counted;
    }
}

/// Removes the rows up to `last`, and counts them in the row of the limits: one page more in a write of several.
fn evict(ops: &Ops<'_>, last: i64) -> Result<(), Fault> {
    let gone = execute(ops.conn, &ops.sql.drop_oldest, [last])?;
    execute(ops.conn, &ops.sql.count_evicted, [i64::try_from(gone).unwrap_or(i64::MAX)]).map(drop)
}

/// How many rows went to make room, since the table was made.
pub(crate) fn evictions(ops: &Ops<'_>) -> Result<u64, Fault> {
    let evicted = last_row(ops.conn, &ops.sql.evicted, [], |row| row.get(0))?;
    Ok(evicted.map_or(0, as_u64))
}

/// Removes all expired rows, a window at a time and each in its own transaction. Returns how
/// many went from `from` on, and where to go on; `None` after the last window.
pub(crate) fn purge(ops: &Ops<'_>, from: i64) -> Result<(u64, Option<i64>), Fault> {
    let now = ops.settings.clock.wall_us();
    let (removed, next) = ops.write(|| sweep(ops, from, WINDOW, now))?;
    Ok((as_u64(removed), next))
}

/// How many entries there are.
pub(crate) fn entries(ops: &Ops<'_>) -> Result<u64, Fault> {
    state(ops).map(|(entries, _)| as_u64(entries))
}

/// Removes the expired of the `count` rows after `from`, and moves the hand behind them. Returns
/// how many went, and the last row looked at; `None` if that is the last of all.
fn sweep(ops: &Ops<'_>, from: i64, count: i64, now: i64) -> Result<(i64, Option<i64>), Fault> {
    let last = row_after(ops, from, count)?;
    let range = params![from, last.unwrap_or(i64::MAX), now];
    let removed = execute(ops.conn, &ops.sql.drop_expired, range)?;
    execute(ops.conn, &ops.sql.set_hand, [last.unwrap_or(START)])?;
    Ok((i64::try_from(removed).unwrap_or(i64::MAX), last))
}

/// The `count`-th row after `from`, if there are so many.
fn row_after(ops: &Ops<'_>, from: i64, count: i64) -> Result<Option<i64>, Fault> {
    last_row(ops.conn, &ops.sql.boundary, [from, count - 1], |row| row.get(0))
}

/// The count of the entries, and the hand.
fn state(ops: &Ops<'_>) -> Result<(i64, i64), Fault> {
    let read = || last_row(ops.conn, &ops.sql.state, [], |row| Ok((row.get(0)?, row.get(1)?)));
    match read()? {
        Some(state) => Ok(state),
        None => {
            execute(ops.conn, &ops.sql.recount, [])?;
            Ok(read()?.unwrap_or((0, START)))
        }
    }
}

fn as_u64(n: i64) -> u64 {
    n.max(0).unsigned_abs()
}

fn as_i64(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
