//! Storing a value: [`Store::put`].

use std::sync::atomic::Ordering;

use cache_core::{Expiry, Key, Payload};

use super::{Shard, Store};
use crate::removed::Removed;
use crate::table::Table;

/// Each write frees up to this many expired entries of its shard in passing.
const REAP_PER_WRITE: usize = 2;

/// How often a write makes room that others then take. After that it writes while nobody else does.
const TRIES: usize = 64;

/// What is to be stored.
struct New<'a> {
    hash: u64,
    key: &'a str,
    payload: Payload,
    deadline: u64,
    over: Over,
    /// The time at the beginning of the call.
    now: u64,
}

/// What a write does where a live entry is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    Replace,
    Keep,
}

impl Store {
    /// Stores `payload`, and returns whether it did.
    pub(crate) fn put(&self, key: Key<'_>, payload: Payload, expiry: Expiry, over: Over) -> bool {
        let (hash, home) = self.place(key);
        let (now, deadline) = self.times(expiry);
        let mut new = New { hash, key: key.as_str(), payload: shareable(payload), deadline, over, now };
        for _ in 0..TRIES {
            let mut removed = Removed::default();
            let mut table = home.write();
            self.release(table.reap(now, REAP_PER_WRITE, &mut removed).removed);
            match self.put_in(&mut table, home, new, &mut removed) {
                Ok(stored) => return stored,
                Err(full) => new = full,
            }
            drop(table);
            // Before others look for room: what it holds may be large.
            drop(removed);
            self.cull(home, now);
        }
        self.put_alone(home, new)
    }

    /// Stores a new value in the shard that is its home. Gives the value back where the store is full.
    fn put_in<'a>(
        &self,
        table: &mut Table,
        home: &Shard,
        new: New<'a>,
        removed: &mut Removed,
    ) -> std::result::Result<bool, New<'a>> {
        let used = home.use_now(table);
        if let Some(entry) = table.find_mut(new.hash, new.key) {
            if new.over == Over::Keep && self.is_live(entry.deadline) {
                removed.value(new.payload);
                return Ok(false);
            }
            entry.use_at(used);
            removed.value(std::mem::replace(&mut entry.payload, new.payload));
            let before = std::mem::replace(&mut entry.deadline, new.deadline);
            table.expires(new.hash, before, new.deadline);
        } else if self.reserve() || self.exchange(table, new.hash, new.now, removed) {
            table.insert(new.hash, new.key, new.payload, new.deadline, used);
        } else {
            return Err(new);
        }
        self.note(new.deadline);
        Ok(true)
    }

    /// Stores a new value while nobody else writes: others took the room each time that some was made. One
    /// entry goes, so this ends.
    #[cold]
    fn put_alone(&self, home: &Shard, new: New<'_>) -> bool {
        let mut removed = Removed::default();
        // In the order of their places, as everywhere.
        let mut tables: Vec<_> = self.shards.iter().map(Shard::write).collect();
        // Every place counted now belongs to a stored entry.
        self.count.store(tables.iter().map(|table| table.len()).sum(), Ordering::Release);
        let at_home = self.shards.iter().position(|shard| std::ptr::eq(shard, home)).unwrap_or_default();
        let known = tables[at_home].find(new.hash, new.key).is_some();
        if !known && self.len() >= self.limit {
            // At home, as each new key of a large store; else where there is one.
            let places = std::iter::once(at_home).chain(0..tables.len());
            let gone = places.map(|place| tables[place].take_victims(1, &mut removed)).find(|&gone| gone > 0);
            self.release(gone.unwrap_or_default());
        }
        match self.put_in(&mut tables[at_home], home, new, &mut removed) {
            Ok(stored) => stored,
            // A store has room for one entry at least.
            Err(refused) => {
                removed.value(refused.payload);
                false
            }
        }
    }
}

/// Clones the value once: `Bytes` made from an exact vector allocates when it is first cloned, which is then
/// not the first reader's work.
fn shareable(payload: Payload) -> Payload {
    drop(payload.clone());
    payload
}
