//! [`Entry`]: a key with its value, its deadline and its last use.

use std::sync::atomic::{AtomicU64, Ordering};

use cache_core::Payload;
use smol_str::SmolStr;

/// The deadline of an entry that does not expire.
pub(crate) const NEVER: u64 = u64::MAX;

/// The highest number of reads that an entry counts: even an entry that was read often must be forgotten
/// in the end.
pub(crate) const MOST_READS: u64 = 5;

/// The bits of [`Entry::used`] that count the reads.
const READS: u64 = 7;

/// Holds all of an entry in one allocation, a short key included: a hit waits for memory twice, for the
/// table's pointer and for this.
pub(crate) struct Entry {
    pub(crate) hash: u64,
    pub(crate) key: SmolStr,
    pub(crate) payload: Payload,
    /// Monotonic nanoseconds; [`NEVER`] for none.
    pub(crate) deadline: u64,
    /// When it was last used, in ticks of its shard: what the cull goes by. With S3-FIFO the time
    /// of its last read, and in the lowest bits how often it was read.
    used: AtomicU64,
    /// Its place in the queues of S3-FIFO.
    pub(crate) place: u32,
}

/// A use of an entry, as its store notes it.
#[derive(Clone, Copy)]
pub(crate) enum Use {
    /// The latest of all.
    Tick(u64),
    /// One more, at this time of the queues.
    Read(u32),
}

/// Two readers at the same moment may leave the mark of one: a read is lost, and nothing else.
impl Entry {
    #[inline]
    pub(crate) fn new(hash: u64, key: &str, payload: Payload, deadline: u64, at: Use, place: u32) -> Self {
        // A set does not count as a read.
        let used = match at {
            Use::Tick(tick) => tick,
            Use::Read(clock) => mark(clock, 0),
        };
        Self { hash, key: key.into(), payload, deadline, used: AtomicU64::new(used), place }
    }

    pub(crate) const fn is_live(&self, now: u64) -> bool {
        now < self.deadline
    }

    /// Notes a use. Writes nothing if nothing changes: a popular entry's cache line is otherwise written
    /// again and again, for all cores to fetch.
    #[inline]
    pub(crate) fn use_at(&self, at: Use) {
        let used = match at {
            Use::Tick(tick) => tick,
            Use::Read(clock) => mark(clock, (self.reads() + 1).min(MOST_READS)),
        };
        if self.used() != used {
            self.used.store(used, Ordering::Relaxed);
        }
    }

    #[inline]
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Returns how often it was read, by S3-FIFO's count.
    #[inline]
    pub(crate) fn reads(&self) -> u64 {
        self.used() & READS
    }

    /// Returns the clock of the queues at its last read.
    pub(crate) fn read_at(&self) -> u32 {
        (self.used() >> 3) as u32
    }

    pub(crate) fn forget_reads(&self) {
        self.used.store(mark(self.read_at(), 0), Ordering::Relaxed);
    }

    pub(crate) fn take_read(&self) {
        self.used.store(mark(self.read_at(), self.reads().saturating_sub(1)), Ordering::Relaxed);
    }
}

const fn mark(clock: u32, reads: u64) -> u64 {
    (clock as u64) << 3 | reads
}
