//! Which entry goes next, by S3-FIFO (Yang et al., "FIFO queues are all you need for cache
//! eviction", SOSP 2023) with two additions.
//!
//! New entries wait in a small queue. Entries that are read there move on to the main queue; the others are
//! evicted and leave a ghost. The main queue is a clock: an entry at its front that was read goes to its back,
//! with one read less.
//!
//! - **A ghost has to win its place.** In plain S3-FIFO whatever returns enters main, so a loop
//!   that is larger than the store drives out what is read. Here it enters only where the entry at
//!   main's front has no reads left and was idle for clearly longer than the ghost was away. An entry
//!   there that was not read since the ghost left pays with a read, so nothing holds a place by its
//!   past alone.
//! - **The small queue's room adapts**, as in ARC: a hit on a ghost that has just left a queue
//!   says that this queue is too small.

mod ghosts;
mod list;

use hashbrown::HashTable;

use self::ghosts::{Ghosts, Origin};
use self::list::{Lists, Queue};
use crate::entry::Entry;

/// How many looks at the queues' fronts an eviction makes before it takes the entry at the front. This bounds a
/// set's work.
const TURNS: u32 = 32;

/// The room of the small queue at the beginning, the least and the most, in thousandths of the share.
const FIRST_ROOM: usize = 100;
const LEAST_ROOM: usize = 2;
const MOST_ROOM: usize = 900;

/// Ghosts are kept for this many departures from the small queue, in thousandths of the share.
const KEPT: usize = 2_000;

/// A ghost that left within this many thousandths of the share changes the small queue's room.
const CLOSE: usize = 50;

/// An entry loses to a ghost if it was idle for more than this many thousandths of the ghost's age. If both are
/// about as old, the resident entry stays.
const IDLE: usize = 1_400;

/// The room moves by parts of an entry: what is one entry's room, what a ghost of the small queue adds,
/// and what one of main takes.
const ENTRY: usize = 2;
const GROW: usize = 2;
const SHRINK: usize = 3;

/// The queues of one shard.
#[derive(Debug)]
pub(crate) struct Queues {
    lists: Lists,
    ghosts: Ghosts,
    /// How many entries the shard holds in a full store.
    share: usize,
    /// How many of them may wait in the small queue, times [`ENTRY`].
    room: usize,
}

impl Queues {
    /// Makes the queues of a shard that holds about `share` entries when the store is full.
    pub(crate) fn new(share: usize) -> Self {
        let share = share.max(1);
        Self {
            lists: Lists::default(),
            ghosts: Ghosts::new(share),
            share,
            room: ENTRY * part(share, FIRST_ROOM),
        }
    }

    /// Makes empty queues of the same share.
    pub(crate) fn emptied(&self) -> Self {
        Self::new(self.share)
    }

    /// Returns the time that entries' reads are stamped with: how many have left the small queue for good.
    #[inline]
    pub(crate) const fn clock(&self) -> u32 {
        self.ghosts.departures(Origin::Small)
    }

    /// Makes a place for a new entry: in the main queue if it returns as a ghost, which [`Queues::evict`]
    /// forgets where it lost.
    pub(crate) fn admit(&mut self, hash: u64) -> u32 {
        let queue = if self.ghosts.take(hash).is_some() { Queue::Main } else { Queue::Small };
        self.lists.push(queue, hash)
    }

    /// Frees the place of an entry that is gone.
    pub(crate) fn remove(&mut self, place: u32) {
        self.lists.remove(place);
    }

    /// Takes out the entry that has to make room for `newcomer`, or for nobody in particular.
    pub(crate) fn evict(
        &mut self,
        entries: &mut HashTable<Box<Entry>>,
        newcomer: Option<u64>,
    ) -> Option<Box<Entry>> {
        let won = newcomer.is_some_and(|hash| self.returns(entries, hash));
        let place = if won && self.lists.len(Queue::Main) + self.room / ENTRY >= self.share {
            self.lists.front(Queue::Main)?
        } else {
            self.next(entries)?
        };
        let (queue, hash) = self.lists.remove(place)?;
        self.ghosts.leave(hash, if queue == Queue::Main { Origin::Main } else { Origin::Small });
        let found = entries.find_entry(hash, |entry| entry.place == place).ok()?;
        Some(found.remove().0)
    }

    /// Returns whether `hash` is a ghost that wins a place in main. Where it is one, the room adapts.
    fn returns(&mut self, entries: &HashTable<Box<Entry>>, hash: u64) -> bool {
        let Some((origin, age)) = self.ghosts.find(hash) else { return false };
        let close = age <= part(self.share, CLOSE);
        let won = match origin {
            Origin::Small => {
                if close {
                    self.room = (self.room + GROW).min(ENTRY * part(self.share, MOST_ROOM));
                }
                self.duel(entries, age)
            }
            Origin::Main => {
                if close {
                    self.room = self.room.saturating_sub(SHRINK).max(ENTRY * part(self.share, LEAST_ROOM));
                }
                // Its age counts another queue's departures, and is small while it is kept.
                self.duel(entries, 0)
            }
        };
        if !won {
            self.ghosts.take(hash);
        }
        won
    }

    /// Returns whether the entry at main's front has to give way to a ghost that left `age` departures ago.
    fn duel(&mut self, entries: &HashTable<Box<Entry>>, age: usize) -> bool {
        let now = self.clock();
        let Some((place, entry)) = self.at_front(entries, Queue::Main) else { return true };
        let idle = now.wrapping_sub(entry.read_at()) as usize;
        if entry.reads() == 0 && idle > age.saturating_mul(IDLE) / 1_000 {
            return true;
        }
        if idle > age {
            entry.take_read();
        }
        self.lists.move_to_back(place, Queue::Main);
        false
    }

    /// Chooses the place of the entry that goes next.
    fn next(&mut self, entries: &HashTable<Box<Entry>>) -> Option<u32> {
        for _ in 0..TURNS {
            let queue = self.queue_to_shorten();
            let (place, entry) = self.at_front(entries, queue)?;
            if entry.reads() == 0 {
                return Some(place);
            }
            match queue {
                Queue::Small => entry.forget_reads(),
                Queue::Main => entry.take_read(),
            }
            self.lists.move_to_back(place, Queue::Main);
        }
        // Main is full of what was read: better one of the new than one of those.
        self.lists.front(Queue::Small).or_else(|| self.lists.front(Queue::Main))
    }

    #[cfg(test)]
    pub(crate) const fn len(&self) -> usize {
        self.lists.len(Queue::Small) + self.lists.len(Queue::Main)
    }

    fn queue_to_shorten(&self) -> Queue {
        let small = self.lists.len(Queue::Small);
        if ENTRY * small > self.room || self.lists.len(Queue::Main) == 0 { Queue::Small } else { Queue::Main }
    }

    fn at_front<'a>(&self, entries: &'a HashTable<Box<Entry>>, queue: Queue) -> Option<(u32, &'a Entry)> {
        let place = self.lists.front(queue)?;
        let entry = entries.find(self.lists.hash(place)?, |entry| entry.place == place)?;
        Some((place, entry))
    }
}

/// Returns this many thousandths of `share`, at least one.
fn part(share: usize, thousandths: usize) -> usize {
    (share.saturating_mul(thousandths) / 1_000).max(1)
}
