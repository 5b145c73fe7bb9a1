//! [`Eviction`]: which entries a full store evicts.

use std::fmt;

/// Which entries a full store evicts. Expired entries are removed first with either policy, and the value
/// that was just set stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Eviction {
    /// The least recently used, `1/cull_frequency` of them at once, like Django.
    #[default]
    Lru,
    /// One at a time, by S3-FIFO with adaptive queues: more hits than an LRU if some keys are read again and
    /// again, or if many are read only once. An entry that nobody has read may be evicted soon after it was
    /// set, even before older ones that were read.
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
