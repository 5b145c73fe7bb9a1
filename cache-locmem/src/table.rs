//! One shard: the entries, and their deadlines in order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU64, Ordering};

use cache_core::Payload;
use hashbrown::HashTable;

/// The deadline of an entry that does not expire.
pub(crate) const NEVER: u64 = u64::MAX;

#[derive(Debug)]
pub(crate) struct Entry {
    hash: u64,
    key: Box<str>,
    pub(crate) payload: Payload,
    /// Monotonic nanoseconds; [`NEVER`] for none.
    pub(crate) deadline: u64,
    /// When it was last used, in ticks of its shard: what the cull goes by.
    used: AtomicU64,
}

impl Entry {
    pub(crate) const fn is_live(&self, now: u64) -> bool {
        now < self.deadline
    }
}

#[derive(Debug, Default)]
pub(crate) struct Table {
    entries: HashTable<Entry>,
    /// (deadline, hash) of every entry that expires, soonest first. An entry that was removed
    /// or got another deadline leaves its old pair behind; [`Table::reap`] skips it.
    deadlines: BinaryHeap<Reverse<(u64, u64)>>,
}

impl Table {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    #[inline]
    pub(crate) fn find(&self, hash: u64, key: &str) -> Option<&Entry> {
        self.entries.find(hash, |entry| &*entry.key == key)
    }

    pub(crate) fn find_mut(&mut self, hash: u64, key: &str) -> Option<&mut Entry> {
        self.entries.find_mut(hash, |entry| &*entry.key == key)
    }

    /// Adds an entry whose key is not there.
    pub(crate) fn insert(&mut self, hash: u64, key: &str, payload: Payload, deadline: u64, used: u64) {
        let entry = Entry { hash, key: key.into(), payload, deadline, used: AtomicU64::new(used) };
        self.entries.insert_unique(hash, entry, |entry| entry.hash);
        self.expires(hash, deadline);
    }

    pub(crate) fn remove(&mut self, hash: u64, key: &str) -> Option<Entry> {
        let found = self.entries.find_entry(hash, |entry| &*entry.key == key).ok()?;
        Some(found.remove().0)
    }

    /// Notes that the entry with this hash has got this deadline.
    pub(crate) fn expires(&mut self, hash: u64, deadline: u64) {
        if deadline == NEVER {
            return;
        }
        // Pairs left behind must not outgrow the entries.
        if self.deadlines.len() > 2 * self.entries.len() + 64 {
            let expiring = self.entries.iter().filter(|entry| entry.deadline != NEVER);
            self.deadlines = expiring.map(|entry| Reverse((entry.deadline, entry.hash))).collect();
        } else {
            self.deadlines.push(Reverse((deadline, hash)));
        }
    }

    /// The earliest deadline, or one before it; [`NEVER`] for none.
    pub(crate) fn soonest(&self) -> u64 {
        self.deadlines.peek().map_or(NEVER, |Reverse((deadline, _))| *deadline)
    }

    /// Removes expired entries, looking at no more than `most` deadlines; returns how many.
    pub(crate) fn reap(&mut self, now: u64, most: usize) -> usize {
        let mut removed = 0;
        for _ in 0..most {
            match self.deadlines.peek() {
                Some(&Reverse((deadline, hash))) if deadline <= now => {
                    self.deadlines.pop();
                    if let Ok(entry) = self.entries.find_entry(hash, |entry| entry.deadline == deadline) {
                        entry.remove();
                        removed += 1;
                    }
                }
                _ => break,
            }
        }
        removed
    }

    /// Removes the `victims` entries that were used longest ago; returns how many.
    pub(crate) fn drop_least_used(&mut self, victims: usize) -> usize {
        if victims >= self.entries.len() {
            return self.take_all().len();
        }
        let Some(last) = victims.checked_sub(1) else { return 0 };
        let mut ticks: Vec<u64> =
            self.entries.iter().map(|entry| entry.used.load(Ordering::Relaxed)).collect();
        let (_, &mut newest_victim, _) = ticks.select_nth_unstable(last);
        let before = self.entries.len();
        // Two readers may have left the same tick: those beyond the number stay.
        let mut left = victims;
        self.entries.retain(|entry| {
            let goes = left > 0 && entry.used.load(Ordering::Relaxed) <= newest_victim;
            left -= usize::from(goes);
            !goes
        });
        before - self.entries.len()
    }

    /// Empties the table and hands the old one over, to be freed outside the lock.
    pub(crate) fn take_all(&mut self) -> Self {
        std::mem::take(self)
    }
}

impl Entry {
    /// A popular entry's cache line is not written to again and again, for all cores to fetch.
    #[inline]
    pub(crate) fn use_at(&self, tick: u64) {
        if self.used.load(Ordering::Relaxed) != tick {
            self.used.store(tick, Ordering::Relaxed);
        }
    }
}
