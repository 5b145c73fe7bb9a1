//! How many shards a store has.

use crate::eviction::Eviction;

/// Up to this limit a store is one shard, and its culling exact: the least recently used of all.
/// Above it the least recently used of one shard go, so that no write ever stops for long.
pub(super) const ONE_SHARD: u64 = 1_024;

/// Above [`ONE_SHARD`] a shard of an LRU holds about this many entries at most, so that culling one of them
/// is short work in the processor's own cache; powers of two.
const SHARD: usize = 1_024;
const FEWEST: usize = 64;
/// With S3-FIFO, which takes one out at a time and chooses better among more.
const SHARD_OF_QUEUES: usize = 4_096;
const FEWEST_OF_QUEUES: usize = 16;
const MOST: usize = 4_096;
/// A store without a limit has the shards of one with 262,144 entries.
const SHARDS_UNLIMITED: usize = 256;

/// Returns how many shards a store with this limit has: a power of two.
pub(crate) fn shards_of(limit: Option<u64>, eviction: Eviction) -> usize {
    let (shard, fewest) = match eviction {
        Eviction::Lru => (SHARD, FEWEST),
        Eviction::S3Fifo => (SHARD_OF_QUEUES, FEWEST_OF_QUEUES),
    };
    match limit {
        Some(limit) if limit <= ONE_SHARD => 1,
        Some(limit) => {
            let wanted = usize::try_from(limit).unwrap_or(usize::MAX).div_ceil(shard);
            wanted.checked_next_power_of_two().unwrap_or(usize::MAX).clamp(fewest, MOST)
        }
        None => SHARDS_UNLIMITED,
    }
}
