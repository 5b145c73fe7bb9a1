//! [`Eviction`]: which entries go when a store is full.

use std::fmt;

/// Which entries a full store gives up. What has expired goes first with either, and the value that
/// was just set stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Eviction {
    /// The least recently used, `1/cull_frequency` of them at once: as Django.
    #[default]
    Lru,
    /// One at a time, by S3-FIFO with adaptive queues: more hits than an LRU where some keys are
    /// asked for again and again, and where many are asked for once. An entry that nobody has read
    /// may go soon after it was set, also before older ones that were read.
    S3Fifo,
}

/// As the settings call it.
impl fmt::Display for Eviction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lru => "lru",
            Self::S3Fifo => "s3fifo",
        })
    }
}
