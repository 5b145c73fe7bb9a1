//! [`Capacity`]: makes room in a full table: the expired rows go, and if that is not enough the oldest.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::statements::Statements;
use super::sweep::drop_expired;
use crate::error::SqlResult;
use crate::layout::WINDOW;
use crate::sql::{Session, as_i64, as_u64};

/// Up to this limit every new key counts the rows, which takes some microseconds.
const COUNTED: i64 = 512;

/// Above it, a count is good for a 64th of the limit in new keys of this handle.
const TRUSTED_SHARE: i64 = 64;

/// What this handle knows of the number of rows.
#[derive(Debug, Default)]
pub(super) struct Capacity {
    /// How many more new keys this handle stores before it counts the rows again.
    trusted: AtomicI64,
    /// How many rows this handle removed to make room.
    evicted: AtomicU64,
}

impl Capacity {
    /// Takes one of the new keys that need no count; returns false if none is left.
    fn take_trusted(&self) -> bool {
        self.trusted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n > 0).then(|| n - 1)).is_ok()
    }

    fn trust(&self, keys: i64) {
        self.trusted.store(keys, Ordering::Relaxed);
    }

    /// Returns `None` before the first: nothing here remembers those of others, and a 0 would say that nobody evicts.
    pub(super) fn evictions(&self) -> Option<u64> {
        Some(self.evicted.load(Ordering::Relaxed)).filter(|&rows| rows > 0)
    }

    /// Makes room for one new key: where the table is full the expired go, and if that is not enough
    /// the oldest. Within a transaction.
    pub(super) fn make_room(&self, sql: &Statements, db: Session<'_>) -> SqlResult<()> {
        let culling = db.config.culling;
        let Some(limit) = culling.limit().map(as_i64) else { return Ok(()) };
        if limit > COUNTED && self.take_trusted() {
            return Ok(());
        }
        let entries = count(sql, db)?;
        if entries < limit {
            self.trust((limit - entries - 1).min(limit / TRUSTED_SHARE));
            return Ok(());
        }
        // In a large table a few free places would not pay for having counted.
        let wanted = if limit > COUNTED { limit / TRUSTED_SHARE } else { 1 };
        let expired = drop_expired(sql, db, WINDOW.max(wanted))?;
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
            let gone = db.execute(&sql.drop_oldest, [victims])?;
            self.evicted.fetch_add(gone as u64, Ordering::Relaxed);
        }
        self.trust((limit - (left - victims) - 1).clamp(0, limit / TRUSTED_SHARE));
        Ok(())
    }
}

/// Counts the rows: SQLite goes through an index for it.
pub(super) fn count(sql: &Statements, db: Session<'_>) -> SqlResult<i64> {
    Ok(db.last_row(&sql.count, [], |row| row.get(0))?.unwrap_or(0))
}
