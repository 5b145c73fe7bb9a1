//! [`Capabilities`]: what a backend says of itself.

use std::time::Duration;

/// What a backend can do, declared by the backend itself. The cache in front reads the key and
/// payload rules from it; the conformance suite picks the checks that apply.
///
/// ```
/// use cache_core::Capabilities;
///
/// let file_like = Capabilities { persistent: true, cross_process: true, ..Capabilities::DEFAULT };
/// assert!(file_like.stores && file_like.persistent);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// What is set can be read again. False for a backend that stores nothing.
    pub stores: bool,
    /// Entries survive closing and reopening the location.
    pub persistent: bool,
    /// Several processes share a location and see each other's writes at once.
    pub cross_process: bool,
    /// Holds at most `max_entries` entries and culls when a new key finds it full. A limit of 0 is
    /// [`InvalidCacheBackend`](crate::ErrorKind::InvalidCacheBackend) when the cache is built.
    pub evicting: bool,
    /// Culls the least recently used entries first. Only with `evicting`.
    pub lru: bool,
    /// The largest value in bytes; `None` where only memory or disk is the limit.
    pub max_value_size: Option<usize>,
    /// An entry may be readable for this long after its deadline; never before it is it gone.
    pub ttl_resolution: Duration,
    /// The store cannot take a key that breaks memcached's rules: such keys are always refused.
    pub strict_keys: bool,
    /// The store keeps [`Text`](crate::Payload::Text), [`Bytes`](crate::Payload::Bytes) and
    /// [`Encoded`](crate::Payload::Encoded) apart. Without it text and bytes go through the
    /// cache's codec too, and the backend gives back everything that is no integer as `Encoded`
    /// with [`CodecId::UNKNOWN`](crate::CodecId::UNKNOWN).
    pub keeps_kinds: bool,
    /// `rename` is atomic: at every moment a reader finds the value under one of the two keys.
    pub atomic_rename: bool,
}

impl Capabilities {
    /// A store in the memory of one process, without a limit.
    pub const DEFAULT: Self = Self {
        stores: true,
        persistent: false,
        cross_process: false,
        evicting: false,
        lru: false,
        max_value_size: None,
        ttl_resolution: Duration::ZERO,
        strict_keys: false,
        keeps_kinds: true,
        atomic_rename: true,
    };
}

impl Default for Capabilities {
    fn default() -> Self {
        Self::DEFAULT
    }
}
