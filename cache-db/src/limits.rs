//! The limits that the table remembers, so that a handle which names none adopts them.

use std::sync::atomic::{AtomicBool, Ordering};

use cache_core::Culling;
use rusqlite::params;

use crate::cull;
use crate::errors::Fault;
use crate::ops::{Ops, execute, last_row};

/// What a handle has done about the limits of its table.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The table is known to remember limits: a new connection may lead to another file.
    is_settled: AtomicBool,
    /// This handle has said what it names. Once: afterwards it follows the table, as others do.
    has_spoken: AtomicBool,
}

impl Told {
    /// Has the next write look again whether the table remembers limits.
    pub(crate) fn look_again(&self) {
        self.is_settled.store(false, Ordering::Relaxed);
    }
}

/// The row of the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remembered {
    /// There is no row: an older version made the table, or a handle that names no limit and has no default.
    Nothing,
    Damaged,
    Limits(Culling),
}

impl Remembered {
    pub(crate) const fn limits(self) -> Option<Culling> {
        match self {
            Self::Limits(limits) => Some(limits),
            Self::Nothing | Self::Damaged => None,
        }
    }
}

/// What makes a flipped bit known: it could otherwise empty a table.
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

impl Ops<'_> {
    pub(crate) fn remembered(&self) -> Result<Remembered, Fault> {
        let row =
            last_row(self.conn, &self.sql.limits, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        Ok(match row? {
            None => Remembered::Nothing,
            Some((max_entries, frequency, sum)) => {
                read(max_entries, frequency, sum).map_or(Remembered::Damaged, Remembered::Limits)
            }
        })
    }

    /// What the table has to remember once this handle writes; `None`: it leaves the table as it is.
    fn wanted(&self, remembered: Remembered, speaks: bool) -> Result<Option<Culling>, Fault> {
        let named = self.settings.named;
        let base = match remembered.limits() {
            Some(_) if !speaks => return Ok(None),
            Some(limits) => limits,
            None if named.names_max_entries() || self.settings.has_default_limit => {
                Culling::of_silent_store(cull::entries(self)?)
            }
            None => return Ok(None),
        };
        let wanted = named.over(base).map_err(Fault::Final)?;
        Ok((remembered.limits() != Some(wanted)).then_some(wanted))
    }

    /// Before a new entry: has the table remember limits, those that this handle names where it has not
    /// yet said so. Outside a transaction.
    #[inline]
    pub(crate) fn settle_limits(&self) -> Result<(), Fault> {
        if self.sql.told.is_settled.load(Ordering::Relaxed) { Ok(()) } else { self.settle_now() }
    }

    #[cold]
    fn settle_now(&self) -> Result<(), Fault> {
        let told = &self.sql.told;
        let speaks = !told.has_spoken.load(Ordering::Relaxed);
        // Most handles find what they name, and then nobody waits for a lock.
        if self.wanted(self.remembered()?, speaks)?.is_some() {
            self.write(|| self.remember(speaks))?;
        }
        told.is_settled.store(true, Ordering::Relaxed);
        told.has_spoken.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Within a transaction.
    fn remember(&self, speaks: bool) -> Result<(), Fault> {
        let before = self.remembered()?;
        let Some(limits) = self.wanted(before, speaks)? else { return Ok(()) };
        self.record(limits)?;
        let (file, table) = (self.settings.path.display(), &self.settings.table);
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

    /// Has the table remember `limits`. Within a transaction.
    pub(crate) fn record(&self, limits: Culling) -> Result<(), Fault> {
        // What SQLite's numbers do not hold is no limit.
        let max_entries = limits.limit().and_then(|most| i64::try_from(most).ok());
        let row = params![max_entries, limits.frequency(), sum(max_entries, limits.frequency())];
        execute(self.conn, &self.sql.remember, row).map(drop)
    }

    /// The limits of the table now, after a look whether they are whole. Within a transaction.
    pub(crate) fn limits(&self) -> Result<Culling, Fault> {
        if self.remembered()? == Remembered::Damaged {
            self.remember(true)?;
        }
        Ok(match self.remembered()? {
            Remembered::Limits(limits) => limits,
            Remembered::Nothing | Remembered::Damaged => {
                // Nobody here names any: nothing goes until somebody does.
                execute(self.conn, &self.sql.forget_limits, [])?;
                Culling::DEFAULT.unlimited()
            }
        })
    }

    /// For people: the limits that a new entry would find.
    pub(crate) fn limits_shown(&self) -> Result<Culling, Fault> {
        let remembered = self.remembered()?;
        let wanted = self.wanted(remembered, false)?;
        Ok(remembered.limits().or(wanted).unwrap_or_else(|| Culling::DEFAULT.unlimited()))
    }
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
