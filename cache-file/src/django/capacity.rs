//! The bound of a store: counting entries, and making room for a new one.

use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

use super::DjangoStore;
use super::entry::{Lookup, role};
use crate::entry_dir::EntryDir;
use crate::error::FsError;
use crate::read::Depth;

/// Up to this limit every new key counts by listing, as Django does on every write.
const EXACT: u64 = 512;

/// Above it, a handle lists the directory again after a number of new keys: the limit, or without one the
/// number of entries, divided by this.
const SHARE: u64 = 64;

/// Without a limit, a handle writes at least this many new keys between two looks for what has
/// expired.
const SELDOM: u64 = 256;

/// The most entries that go at once where there are more than the limit, because it was lowered.
const STEP: u64 = 1_024;

/// What a handle knows of the number of entries.
#[derive(Debug)]
pub(super) struct Count {
    entries: u64,
    /// How many more new keys to write before listing again.
    credit: u64,
}

impl Count {
    /// Makes the count of a handle that has not listed yet. Without a limit it need not soon: the chance is
    /// such that programs which write a few keys and end take their part in looking.
    pub(super) fn unknown(limit: Option<u64>) -> Self {
        Self { entries: 0, credit: if limit.is_some() { 0 } else { fastrand::u64(..SELDOM) } }
    }

    pub(super) const fn removed(&mut self, entries: u64) {
        self.entries = self.entries.saturating_sub(entries);
    }
}

impl DjangoStore {
    pub(super) fn count(&self) -> MutexGuard<'_, Count> {
        self.known().count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists the entries, and removes what killed writers left.
    pub(super) fn list(&self, dir: &EntryDir<'_>) -> Result<Vec<String>, FsError> {
        let listing = dir.list(role)?;
        dir.remove_temporary(&listing.temporary)?;
        Ok(listing.entries)
    }

    /// Makes room for one new key, where there is a limit. Under the lock.
    pub(super) fn make_room(&self, dir: &EntryDir<'_>) -> Result<(), FsError> {
        let Some(limit) = self.culling.limit() else { return Ok(()) };
        {
            let count = self.count();
            if count.credit > 0 && count.entries < limit {
                return Ok(());
            }
        }
        let names = self.list(dir)?;
        let mut left = names.len() as u64;
        if left >= limit {
            left = self.cull(dir, names, limit)?;
        }
        *self.count() = Count { entries: left, credit: if limit > EXACT { limit / SHARE } else { 0 } };
        Ok(())
    }

    /// Removes what has expired, else a share. Returns how many are left. Where there are far more than the
    /// limit, it is some of them, chosen at random: the next new keys go on.
    fn cull(&self, dir: &EntryDir<'_>, names: Vec<String>, limit: u64) -> Result<u64, FsError> {
        let all = names.len() as u64;
        // More than several handles add between two listings.
        let step = STEP.max(limit / SHARE * 2);
        if all.saturating_sub(limit) >= step && !self.culling.drops_all() {
            for name in fastrand::choose_multiple(names, usize::try_from(step).unwrap_or(usize::MAX)) {
                self.evict(dir, &name)?;
            }
            return Ok(all - step);
        }
        let before = names.len();
        let live = self.remove_expired(dir, names)?;
        let left = live.len() as u64;
        // A few expired ones of very many would not pay for having looked at all.
        let wanted = if limit > EXACT { limit / SHARE } else { 1 };
        let over = (left + wanted).saturating_sub(limit);
        let victims = if live.len() < before { over } else { self.culling.victims(left).max(over) };
        let chosen = fastrand::choose_multiple(live, usize::try_from(victims).unwrap_or(usize::MAX));
        for name in &chosen {
            self.evict(dir, name)?;
        }
        Ok(left - chosen.len() as u64)
    }

    fn evict(&self, dir: &EntryDir<'_>, name: &str) -> Result<(), FsError> {
        let gone = dir.unlink(name)?;
        self.known().evicted.fetch_add(gone.into(), Ordering::Relaxed);
        Ok(())
    }

    /// Removes those of the names whose entries have expired or are damaged, and gives the others.
    /// Waits for nobody, since the directory is locked.
    fn remove_expired(&self, dir: &EntryDir<'_>, names: Vec<String>) -> Result<Vec<String>, FsError> {
        let mut live = Vec::with_capacity(names.len());
        for name in names {
            match self.look_once(dir, &name, Depth::Head, false)? {
                Lookup::Live(_) | Lookup::Unclear => live.push(name),
                Lookup::Expired | Lookup::Damaged => drop(dir.unlink(&name)?),
                Lookup::Absent => {}
            }
        }
        Ok(live)
    }

    /// Counts a new key that was written. A failure here is not a failure of the write.
    pub(super) fn added(&self, dir: &EntryDir<'_>) {
        {
            let mut count = self.count();
            count.entries += 1;
            if count.credit > 0 {
                count.credit -= 1;
                return;
            }
        }
        if self.culling.limit().is_none()
            && let Err(FsError::Failed(error)) = self.look_for_expired(dir)
        {
            tracing::warn!(target: "cache_file", %error, "a sweep failed");
        }
    }

    /// Removes expired entries without a limit, from a sample of twice the number of new keys before the next
    /// look. So at least about half of all entries are live.
    fn look_for_expired(&self, dir: &EntryDir<'_>) -> Result<(), FsError> {
        let names = self.list(dir)?;
        let entries = names.len() as u64;
        let credit = SELDOM.max(entries / SHARE);
        let some = usize::try_from(credit * 2).unwrap_or(usize::MAX);
        self.remove_expired(dir, fastrand::choose_multiple(names, some))?;
        *self.count() = Count { entries, credit };
        Ok(())
    }
}
