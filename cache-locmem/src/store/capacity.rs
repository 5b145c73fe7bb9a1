//! The bound of a store: reserving places, and making room in a full one.

use std::sync::atomic::Ordering;

use super::shards::ONE_SHARD;
use super::{Shard, Store};
use crate::entry::NEVER;
use crate::removed::Removed;
use crate::table::{Reaped, Table};

/// A full store looks at this many deadlines at a time: a set must not stop for all that expired at once.
const REAP_PER_CULL: usize = 64;

/// A full store that finds nothing expired looks at no more deadlines than this, and then culls. It is the most
/// that entries which were set again or touched leave behind in a store of one shard.
const LOOKS_PER_CULL: usize = 2 * ONE_SHARD as usize + 256;

impl Store {
    /// Takes a place for one more entry. Returns false if the store is full.
    pub(super) fn reserve(&self) -> bool {
        let one_more = |count: usize| (count < self.limit).then_some(count + 1);
        self.count.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_ok()
    }

    /// Gives places back, while the shard is locked: otherwise a full store could be found with nothing in
    /// it to drop.
    pub(super) fn release(&self, places: usize) {
        if places > 0 {
            self.count.fetch_sub(places, Ordering::AcqRel);
        }
    }

    fn evict_all(&self, table: &mut Table, removed: &mut Removed) {
        table.made_room(table.len());
        self.empty(table, removed);
    }

    pub(super) fn empty(&self, table: &mut Table, removed: &mut Removed) {
        self.release(table.take_all(removed));
    }

    /// Takes an entry out of a full store's shard, by S3-FIFO, so that a new one gets its place at once.
    /// Returns false if [`Store::cull`] has to find room.
    pub(super) fn exchange(&self, table: &mut Table, newcomer: u64, now: u64, removed: &mut Removed) -> bool {
        let one_goes = !self.culling.drops_all() && self.culling.victims(table.len() as u64) == 1;
        let here = table.has_queues() && one_goes && table.len() >= self.share && !self.may_expire(now);
        let evicted = if here { table.evict(Some(newcomer)) } else { None };
        evicted.map(|entry| removed.entry(entry)).is_some()
    }

    /// Makes room: removes expired entries anywhere, else evicts a share of the entries that are next.
    pub(super) fn cull(&self, home: &Shard, now: u64) {
        if self.may_expire(now) && self.reap(now) {
            return;
        }
        // A shard that holds less than others would otherwise do so for ever: what it gives up for
        // each new key is its own.
        let large = self.shards.iter().filter(|shard| shard.read().len() > self.share);
        let large = large.take(if home.read().len() < self.share { usize::MAX } else { 0 });
        let mut removed = Removed::default();
        for shard in large.chain(std::iter::once(home)).chain(&self.shards) {
            let mut table = shard.write();
            // Of several that found the store full one makes room, and the others look again.
            if self.len() < self.limit {
                return;
            }
            if self.culling.drops_all() {
                self.evict_all(&mut table, &mut removed);
                drop(table);
                let others = self.shards.iter().filter(|other| !std::ptr::eq(*other, shard));
                return others.for_each(|other| self.evict_all(&mut other.write(), &mut removed));
            }
            let victims = self.culling.victims(table.len() as u64);
            let taken = table.take_victims(usize::try_from(victims).unwrap_or(usize::MAX), &mut removed);
            self.release(taken);
            if taken > 0 {
                return;
            }
        }
    }

    /// Removes expired entries of one shard that has some. Returns false if none was found.
    fn reap(&self, now: u64) -> bool {
        let mut looks = LOOKS_PER_CULL;
        for shard in &self.shards {
            if shard.read().soonest() > now {
                continue;
            }
            let mut gone = Removed::default();
            let mut table = shard.write();
            while table.soonest() <= now {
                let Reaped { looked_at, removed } = table.reap(now, REAP_PER_CULL.min(looks), &mut gone);
                self.release(removed);
                if removed > 0 {
                    return true;
                }
                looks -= looked_at;
                if looks == 0 {
                    return false;
                }
                // At the last moment of the clock no deadline at all looks like one that has passed.
                if looked_at == 0 {
                    break;
                }
            }
        }
        // Nothing has expired, so nobody misses what this hides for a moment: the deadlines are
        // gathered again, and one that comes meanwhile is noted by its writer.
        self.soonest.store(NEVER, Ordering::Relaxed);
        self.shards.iter().for_each(|shard| self.note(shard.read().soonest()));
        false
    }

    fn may_expire(&self, now: u64) -> bool {
        self.soonest.load(Ordering::Relaxed) <= now
    }

    /// Notes a deadline, while its shard is locked.
    pub(super) fn note(&self, deadline: u64) {
        if deadline < self.soonest.load(Ordering::Relaxed) {
            self.soonest.fetch_min(deadline, Ordering::Relaxed);
        }
    }
}
