//! Removing rows: the expired, and the oldest when the table is full.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use rusqlite::params;

use super::ops::Ops;
use crate::cull::WINDOW;
use crate::errors::Fault;
use crate::ops::{execute, last_row};

/// Up to this limit every new key counts the rows, which takes some microseconds.
const COUNTED: i64 = 512;

/// Above it, a count is good for a 64th of the limit in new keys of this handle.
const TRUSTED_SHARE: i64 = 64;

/// A new row whose number is a multiple of this removes some expired ones.
const SWEEP_EVERY: i64 = 64;

/// So many: four for each new key.
const SWEEP_ROWS: i64 = 4 * SWEEP_EVERY;

/// How many more new keys this handle stores before it counts the rows again.
#[derive(Debug, Default)]
pub(super) struct Trust(AtomicI64);

impl Trust {
    /// Takes one of them; false if there is none.
    fn take(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n > 0).then(|| n - 1)).is_ok()
    }

    fn set(&self, keys: i64) {
        self.0.store(keys, Ordering::Relaxed);
    }
}

/// How many rows this handle removed to make room.
#[derive(Debug, Default)]
pub(super) struct Evicted(AtomicU64);

impl Evicted {
    fn add(&self, rows: u64) {
        self.0.fetch_add(rows, Ordering::Relaxed);
    }

    /// `None` before the first: nothing here remembers those of others, and a 0 would say that nobody evicts.
    pub(super) fn so_far(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|&rows| rows > 0)
    }
}

/// Makes room for one new key: where the table is full the expired go, and if that is not enough
/// the oldest. Within a transaction.
pub(super) fn make_room(ops: &Ops<'_>) -> Result<(), Fault> {
    let culling = ops.settings.culling;
    let Some(limit) = culling.limit().map(as_i64) else { return Ok(()) };
    let trust = &ops.table.trust;
    if limit > COUNTED && trust.take() {
        return Ok(());
    }
    let entries = count(ops)?;
    if entries < limit {
        trust.set((limit - entries - 1).min(limit / TRUSTED_SHARE));
        return Ok(());
    }
    // In a large table a few free places would not pay for having counted.
    let wanted = if limit > COUNTED { limit / TRUSTED_SHARE } else { 1 };
    let expired = drop_expired(ops, WINDOW.max(wanted))?;
    let left = entries - expired;
    // Also where somebody with another limit filled the table.
    // Where it was lowered by much, the next new keys go on.
    let over = (left + wanted - limit).clamp(0, WINDOW.max(wanted));
    let victims = match expired {
        0 if culling.drops_all() => left,
        0 => over.max(as_i64(culling.victims(as_u64(left.min(WINDOW))))),
        _ => over,
    };
    if victims > 0 {
        let gone = execute(ops.conn, &ops.table.drop_oldest, [victims])?;
        ops.table.evicted.add(gone as u64);
    }
    trust.set((limit - (left - victims) - 1).clamp(0, limit / TRUSTED_SHARE));
    Ok(())
}

/// Removes some of the expired rows where the row just inserted is one in [`SWEEP_EVERY`]. Within a
/// transaction.
pub(super) fn sweep(ops: &Ops<'_>) -> Result<(), Fault> {
    if ops.conn.last_insert_rowid() % SWEEP_EVERY == 0 {
        drop_expired(ops, SWEEP_ROWS)?;
    }
    Ok(())
}

/// Removes up to [`WINDOW`] expired rows. Returns how many, and whether there may be more.
pub(super) fn purge(ops: &Ops<'_>) -> Result<(u64, bool), Fault> {
    let removed = ops.write(|| drop_expired(ops, WINDOW))?;
    Ok((as_u64(removed), removed == WINDOW))
}

/// How many rows there are: SQLite goes through an index for it.
pub(super) fn count(ops: &Ops<'_>) -> Result<i64, Fault> {
    let count = last_row(ops.conn, &ops.table.count, [], |row| row.get(0))?;
    Ok(count.unwrap_or(0))
}

fn drop_expired(ops: &Ops<'_>, most: i64) -> Result<i64, Fault> {
    let removed = execute(ops.conn, &ops.table.drop_expired, params![most, ops.now()])?;
    Ok(i64::try_from(removed).unwrap_or(i64::MAX))
}

pub(super) fn as_u64(n: i64) -> u64 {
    n.max(0).unsigned_abs()
}

fn as_i64(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
