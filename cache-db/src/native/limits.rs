//! The limits that the table remembers, so that a handle which names none adopts them.

use std::sync::atomic::{AtomicBool, Ordering};

use cache_core::Culling;
use rusqlite::params;

use super::state;
use super::statements::Statements;
use crate::error::SqlResult;
use crate::sql::Session;

/// Whether the limits of this handle and its table have been settled.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// The table is known to remember limits: a new connection may lead to another file.
    is_settled: AtomicBool,
    /// This handle has announced what it names. Once: afterwards it follows the table, as others do.
    has_announced: AtomicBool,
}

impl Settled {
    /// Makes the next write look again whether the table remembers limits.
    pub(super) fn look_again(&self) {
        self.is_settled.store(false, Ordering::Relaxed);
    }

    /// Makes the table remember limits before a new entry: the ones this handle names, if it has not announced
    /// them yet. Call it outside a transaction.
    #[inline]
    pub(super) fn settle(&self, sql: &Statements, db: Session<'_>) -> SqlResult<()> {
        if self.is_settled.load(Ordering::Relaxed) { Ok(()) } else { self.settle_now(sql, db) }
    }

    #[cold]
    fn settle_now(&self, sql: &Statements, db: Session<'_>) -> SqlResult<()> {
        let announces = !self.has_announced.load(Ordering::Relaxed);
        // Most handles find what they name, and then nobody waits for a lock.
        if wanted(sql, db, remembered(sql, db)?, announces)?.is_some() {
            db.write(|| remember(sql, db, announces))?;
        }
        self.is_settled.store(true, Ordering::Relaxed);
        self.has_announced.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// The row of the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remembered {
    /// No row: an older version made the table, or a handle that names no limit and has no default.
    Nothing,
    Damaged,
    Limits(Culling),
}

impl Remembered {
    pub(super) const fn limits(self) -> Option<Culling> {
        match self {
            Self::Limits(limits) => Some(limits),
            Self::Nothing | Self::Damaged => None,
        }
    }
}

/// The checksum of the row: a flipped bit could otherwise empty a table.
fn sum(max_entries: Option<i64>, frequency: u32) -> i64 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&max_entries.unwrap_or(-1).to_le_bytes());
    sum.update(&frequency.to_le_bytes());
    sum.finalize().into()
}

fn read(max_entries: Option<i64>, frequency: i64, stored_sum: i64) -> Option<Culling> {
    let frequency = u32::try_from(frequency).ok()?;
    let culling = Culling::DEFAULT.cull_frequency(frequency);
    if stored_sum != sum(max_entries, frequency) {
        return None;
    }
    match max_entries {
        None => Some(culling.unlimited()),
        Some(most) => culling.max_entries(u64::try_from(most).ok()?).ok(),
    }
}

/// Reads what the table remembers.
pub(super) fn remembered(sql: &Statements, db: Session<'_>) -> SqlResult<Remembered> {
    let row = db.last_row(&sql.limits, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(match row {
        None => Remembered::Nothing,
        Some((max_entries, frequency, sum)) => {
            read(max_entries, frequency, sum).map_or(Remembered::Damaged, Remembered::Limits)
        }
    })
}

/// What the table has to remember once this handle writes; `None`: it leaves the table as it is.
fn wanted(
    sql: &Statements,
    db: Session<'_>,
    remembered: Remembered,
    announces: bool,
) -> SqlResult<Option<Culling>> {
    let named = db.config.named;
    let base = match remembered.limits() {
        Some(_) if !announces => return Ok(None),
        Some(limits) => limits,
        None if named.names_max_entries() || db.config.has_default_limit => {
            Culling::of_silent_store(state::entries(sql, db)?)
        }
        None => return Ok(None),
    };
    let wanted = named.over(base)?;
    Ok((remembered.limits() != Some(wanted)).then_some(wanted))
}

/// Makes the table remember what it has to, and logs the change. Within a transaction.
fn remember(sql: &Statements, db: Session<'_>, announces: bool) -> SqlResult<()> {
    let before = remembered(sql, db)?;
    let Some(limits) = wanted(sql, db, before, announces)? else { return Ok(()) };
    record(sql, db, limits)?;
    let (file, table) = (db.config.path.display(), &db.config.table);
    match before {
        Remembered::Nothing => {}
        Remembered::Damaged => {
            tracing::warn!(target: "cache_db", %file, table, now = %limits, "the record of the limits was damaged");
        }
        Remembered::Limits(before) => {
            tracing::info!(target: "cache_db", %file, table, %before, now = %limits, "this program changes the limits");
        }
    }
    Ok(())
}

/// Makes the table remember `limits`.
pub(super) fn record(sql: &Statements, db: Session<'_>, limits: Culling) -> SqlResult<()> {
    // What SQLite's numbers do not hold is not a limit.
    let max_entries = limits.limit().and_then(|most| i64::try_from(most).ok());
    let row = params![max_entries, limits.frequency(), sum(max_entries, limits.frequency())];
    db.execute(&sql.remember, row).map(drop)
}

/// Reads the limits of the table, and mends them if they are damaged. Within a transaction.
pub(super) fn current(sql: &Statements, db: Session<'_>) -> SqlResult<Culling> {
    if remembered(sql, db)? == Remembered::Damaged {
        remember(sql, db, true)?;
    }
    Ok(match remembered(sql, db)? {
        Remembered::Limits(limits) => limits,
        Remembered::Nothing | Remembered::Damaged => {
            // Nobody here names any: nothing goes until somebody does.
            db.execute(&sql.forget_limits, [])?;
            Culling::DEFAULT.unlimited()
        }
    })
}

/// For people: the limits that a new entry would find.
pub(super) fn shown(sql: &Statements, db: Session<'_>) -> SqlResult<Culling> {
    let remembered = remembered(sql, db)?;
    let wanted = wanted(sql, db, remembered, false)?;
    Ok(remembered.limits().or(wanted).unwrap_or_else(|| Culling::DEFAULT.unlimited()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_bit_is_no_limit() {
        let good = (Some(100_000_i64), 3_i64, sum(Some(100_000), 3));
        assert_eq!(read(good.0, good.1, good.2).unwrap().limit(), Some(100_000));
        assert_eq!(read(None, 0, sum(None, 0)).unwrap().limit(), None);
        for bit in 0..64 {
            assert_eq!(read(Some(100_000 ^ (1 << bit)), good.1, good.2), None, "{bit}");
            assert_eq!(read(good.0, good.1 ^ (1 << bit), good.2), None, "{bit}");
            assert_eq!(read(good.0, good.1, good.2 ^ (1 << bit)), None, "{bit}");
        }
        assert_eq!(read(None, good.1, good.2), None);
        assert_eq!(read(Some(0), 3, sum(Some(0), 3)), None, "no table holds nothing");
    }
}
