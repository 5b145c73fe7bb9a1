//! [`Table`]: the entries of one shard, and their deadlines in order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use cache_core::Payload;
use hashbrown::HashTable;

use crate::entry::{Entry, NEVER, Use};
use crate::removed::Removed;
use crate::s3_fifo::Queues;

/// What came of a look at the earliest deadlines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reaped {
    pub(crate) looked_at: usize,
    pub(crate) removed: usize,
}

#[derive(Default)]
pub(crate) struct Table {
    entries: HashTable<Box<Entry>>,
    /// (moment, hash) for every entry that expires, soonest first: its deadline, or a moment before it. Who
    /// moves a deadline on leaves the pair as it is, and [`Table::reap`] puts it right when its moment
    /// comes; the pair of an entry that is gone stays until then.
    deadlines: BinaryHeap<Reverse<(u64, u64)>>,
    /// Which entry goes next, where that is not the least recently used.
    queues: Option<Queues>,
    /// How many entries had to make room.
    evicted: u64,
}

impl Table {
    /// Makes a shard that holds about `share` entries when the store is full, and evicts by S3-FIFO.
    pub(crate) fn s3_fifo(share: usize) -> Self {
        Self { queues: Some(Queues::new(share)), ..Self::default() }
    }

    /// Makes a use of now, in an LRU by the next tick.
    #[inline]
    pub(crate) fn use_now(&self, tick: impl FnOnce() -> u64) -> Use {
        self.queues.as_ref().map_or_else(|| Use::Tick(tick()), |queues| Use::Read(queues.clock()))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    #[inline]
    pub(crate) fn find(&self, hash: u64, key: &str) -> Option<&Entry> {
        self.entries.find(hash, |entry| entry.key == key).map(Box::as_ref)
    }

    pub(crate) fn find_mut(&mut self, hash: u64, key: &str) -> Option<&mut Entry> {
        self.entries.find_mut(hash, |entry| entry.key == key).map(Box::as_mut)
    }

    /// Adds an entry whose key is not there.
    pub(crate) fn insert(&mut self, hash: u64, key: &str, payload: Payload, deadline: u64, at: Use) {
        let place = self.queues.as_mut().map_or(0, |queues| queues.admit(hash));
        let entry = Entry::new(hash, key, payload, deadline, at, place);
        self.entries.insert_unique(hash, Box::new(entry), |entry| entry.hash);
        self.expires(hash, NEVER, deadline);
    }

    pub(crate) fn remove(&mut self, hash: u64, key: &str) -> Option<Box<Entry>> {
        let found = self.entries.find_entry(hash, |entry| entry.key == key).ok()?;
        let removed = found.remove().0;
        if let Some(queues) = &mut self.queues {
            queues.remove(removed.place);
        }
        Some(removed)
    }

    /// Notes that the deadline of the entry with this hash was `old` and is `new`.
    pub(crate) fn expires(&mut self, hash: u64, old: u64, new: u64) {
        if new == NEVER || old != NEVER && old <= new {
            return;
        }
        // Pairs left behind must not outgrow the entries.
        if self.deadlines.len() > 2 * self.entries.len() + 64 {
            let expiring = self.entries.iter().filter(|entry| entry.deadline != NEVER);
            self.deadlines = expiring.map(|entry| Reverse((entry.deadline, entry.hash))).collect();
        } else {
            self.deadlines.push(Reverse((new, hash)));
        }
    }

    /// Returns the earliest deadline, or one before it; [`NEVER`] for none.
    pub(crate) fn soonest(&self) -> u64 {
        self.deadlines.peek().map_or(NEVER, |Reverse((deadline, _))| *deadline)
    }

    /// Moves expired entries to `removed`, looking at no more than `most` deadlines.
    pub(crate) fn reap(&mut self, now: u64, most: usize, removed: &mut Removed) -> Reaped {
        let mut reaped = Reaped::default();
        while reaped.looked_at < most {
            match self.deadlines.peek() {
                Some(&Reverse((moment, hash))) if moment <= now => {
                    self.deadlines.pop();
                    reaped.looked_at += 1;
                    if let Some(entry) = self.reap_one(hash, now) {
                        removed.entry(entry);
                        reaped.removed += 1;
                    }
                }
                _ => break,
            }
        }
        reaped
    }

    /// Removes an expired entry with this hash. If none has expired, notes the deadlines of the others again.
    fn reap_one(&mut self, hash: u64, now: u64) -> Option<Box<Entry>> {
        if let Ok(entry) = self.entries.find_entry(hash, |entry| entry.hash == hash && !entry.is_live(now)) {
            let entry = entry.remove().0;
            if let Some(queues) = &mut self.queues {
                queues.remove(entry.place);
            }
            return Some(entry);
        }
        let later =
            self.entries.iter_hash(hash).filter(|entry| entry.hash == hash && entry.deadline != NEVER);
        self.deadlines.extend(later.map(|entry| Reverse((entry.deadline, hash))));
        None
    }

    /// Returns whether [`Table::evict`] can choose.
    pub(crate) const fn has_queues(&self) -> bool {
        self.queues.is_some()
    }

    /// Takes out the entry that has to make room for a new one, by S3-FIFO.
    pub(crate) fn evict(&mut self, newcomer: Option<u64>) -> Option<Box<Entry>> {
        let evicted = self.queues.as_mut()?.evict(&mut self.entries, newcomer);
        self.made_room(usize::from(evicted.is_some()));
        evicted
    }

    /// Counts entries that had to make room.
    pub(crate) const fn made_room(&mut self, evicted: usize) {
        self.evicted += evicted as u64;
    }

    pub(crate) const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Moves the `victims` entries that are to go first to `removed`; returns how many.
    pub(crate) fn take_victims(&mut self, victims: usize, removed: &mut Removed) -> usize {
        let before = self.entries.len();
        if self.has_queues() {
            (0..victims).map_while(|_| self.evict(None)).for_each(|entry| removed.entry(entry));
        } else if victims >= before {
            self.take_all(removed);
        } else if let Some(last) = victims.checked_sub(1) {
            let mut ticks: Vec<u64> = self.entries.iter().map(|entry| entry.used()).collect();
            let (_, &mut newest_victim, _) = ticks.select_nth_unstable(last);
            // Two readers may have left the same tick: those beyond the number stay.
            let oldest = self.entries.extract_if(|entry| entry.used() <= newest_victim);
            oldest.take(victims).for_each(|entry| removed.entry(entry));
        }
        let taken = before - self.entries.len();
        // With queues each eviction has counted itself.
        if !self.has_queues() {
            self.made_room(taken);
        }
        taken
    }

    /// Moves all entries to `removed`; returns how many.
    pub(crate) fn take_all(&mut self, removed: &mut Removed) -> usize {
        let queues = self.queues.as_ref().map(Queues::emptied);
        let taken = std::mem::replace(self, Self { queues, evicted: self.evicted, ..Self::default() });
        let len = taken.len();
        removed.all(taken.entries);
        len
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::entry::MOST_READS;

    fn hash(n: u64) -> u64 {
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn insert(table: &mut Table, n: u64, deadline: u64) {
        let at = table.use_now(|| 0);
        table.insert(hash(n), &n.to_string(), Payload::Int(0), deadline, at);
    }

    fn reap(table: &mut Table, now: u64) -> usize {
        table.reap(now, 64, &mut Removed::default()).removed
    }

    fn queued(table: &Table) -> usize {
        table.queues.as_ref().unwrap().len()
    }

    #[test]
    fn an_eviction_looks_at_few_entries_whatever_was_read() {
        let mut table = Table::s3_fifo(1_000);
        (0..1_000).for_each(|n| insert(&mut table, n, NEVER));
        for newcomer in 1_000..1_100 {
            for entry in &table.entries {
                (0..MOST_READS + 1).for_each(|_| entry.use_at(table.use_now(|| 0)));
                assert_eq!(entry.reads(), MOST_READS);
            }
            assert!(table.evict(Some(hash(newcomer))).is_some());
            let looked_at = table.entries.iter().filter(|entry| entry.reads() < MOST_READS).count();
            assert!((1..=33).contains(&looked_at), "{looked_at} entries were looked at");
            insert(&mut table, newcomer, NEVER);
        }
        assert_eq!((table.len(), queued(&table)), (1_000, 1_000));
    }

    #[test]
    fn an_entry_gives_way_to_a_ghost_that_is_clearly_younger() {
        let mut table = Table::s3_fifo(10);
        let evict = |table: &mut Table, newcomer: Option<u64>| table.evict(newcomer.map(hash)).unwrap().key;
        (0..11).for_each(|n| insert(&mut table, n, NEVER));
        for n in 0..9 {
            table.find(hash(n), &n.to_string()).unwrap().use_at(table.use_now(|| 0));
        }
        // Those nine move to the main queue. The others pass through the small one.
        for n in 9..30 {
            assert_eq!(evict(&mut table, None), n.to_string());
            insert(&mut table, n + 2, NEVER);
        }
        // Main's entries are idle for 21 departures.
        assert_eq!(evict(&mut table, Some(14)), "30", "away for 16, a ghost is about as old");
        insert(&mut table, 14, NEVER);
        assert_eq!(evict(&mut table, Some(18)), "1", "away for 13, it is younger");
    }

    #[test]
    fn the_queues_hold_what_the_table_holds() {
        let mut table = Table::s3_fifo(100);
        for n in 0..2_000 {
            if table.len() == 100 {
                assert!(table.evict(Some(hash(n))).is_some());
            }
            insert(&mut table, n, if n % 3 == 0 { n } else { NEVER });
            if n % 5 == 0 {
                drop(table.remove(hash(n - n / 9), &(n - n / 9).to_string()));
            }
            if n % 50 == 0 {
                reap(&mut table, n.saturating_sub(20));
            }
            assert_eq!(queued(&table), table.len());
        }
        let mut removed = Removed::default();
        assert_eq!(table.take_victims(10, &mut removed), 10);
        assert_eq!(queued(&table), table.len());
        assert!(table.take_all(&mut removed) > 0, "the entries are handed over");
        assert_eq!((table.len(), queued(&table)), (0, 0));
        (0..100).for_each(|n| insert(&mut table, n, NEVER));
        assert_eq!(table.take_victims(usize::MAX, &mut removed), 100);
        assert_eq!(queued(&table), 0);
    }

    /// Moves a deadline as the store does.
    fn move_deadline(table: &mut Table, n: u64, deadline: u64) {
        let entry = table.find_mut(hash(n), &n.to_string()).unwrap();
        let before = std::mem::replace(&mut entry.deadline, deadline);
        table.expires(hash(n), before, deadline);
    }

    #[test]
    fn a_deadline_that_moves_is_found_where_it_is() {
        let mut table = Table::default();
        insert(&mut table, 1, 10);
        // On, again and again: the heap does not grow.
        (11..=1_000).for_each(|deadline| move_deadline(&mut table, 1, deadline));
        assert_eq!(table.deadlines.len(), 1);
        assert_eq!((reap(&mut table, 999), table.soonest()), (0, 1_000));
        assert_eq!((reap(&mut table, 1_000), table.len()), (1, 0));
        // Back, to never, and to a number again.
        insert(&mut table, 2, 5_000);
        move_deadline(&mut table, 2, 2_000);
        assert_eq!(table.soonest(), 2_000);
        move_deadline(&mut table, 2, NEVER);
        assert_eq!((reap(&mut table, 9_000), table.len(), table.soonest()), (0, 1, NEVER));
        move_deadline(&mut table, 2, 9_500);
        assert_eq!((reap(&mut table, 9_500), table.len()), (1, 0));
        // What a removed entry left behind touches no other of the same key.
        insert(&mut table, 3, 20_000);
        assert!(table.remove(hash(3), "3").is_some());
        insert(&mut table, 3, 30_000);
        assert_eq!((reap(&mut table, 25_000), table.len()), (0, 1));
        assert_eq!((reap(&mut table, 30_000), table.len()), (1, 0));
    }
}
