//! [`Capabilities`]: what a backend declares about itself.

use std::time::Duration;

/// What a backend can do, declared by the backend itself. The cache in front reads the key and
/// payload rules from it; the conformance suite picks the checks that apply.
///
/// ```
/// use cache_core::Capabilities;
///
/// const FILE_LIKE: Capabilities = Capabilities::DEFAULT.with_persistent(true).with_cross_process(true);
/// assert!(FILE_LIKE.stores && FILE_LIKE.persistent);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
    /// The largest value in bytes; `None` if only memory or disk is the limit.
    pub max_value_size: Option<usize>,
    /// How long after its deadline an entry may still be returned. Entries never expire early.
    pub ttl_resolution: Duration,
    /// The store cannot take a key that breaks memcached's rules. Such keys are always refused.
    pub strict_keys: bool,
    /// The store keeps [`Text`](crate::Payload::Text), [`Bytes`](crate::Payload::Bytes) and
    /// [`Encoded`](crate::Payload::Encoded) apart. Without it, text and bytes go through the cache's codec
    /// too, and the backend returns everything except integers as `Encoded` with
    /// [`CodecId::UNKNOWN`](crate::CodecId::UNKNOWN).
    pub preserves_type_tags: bool,
    /// `rename` is atomic: at every moment a reader finds the value under one of the two keys.
    pub atomic_rename: bool,
}

/// Methods that set one field each: the struct may grow, so other crates cannot write it out.
macro_rules! setters {
    ($(#[$doc:meta] $setter:ident($field:ident: $type:ty);)*) => {$(
        #[$doc]
        #[must_use]
        pub const fn $setter(mut self, $field: $type) -> Self {
            self.$field = $field;
            self
        }
    )*};
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
        preserves_type_tags: true,
        atomic_rename: true,
    };

    setters! {
        /// Sets [`Capabilities::stores`].
        with_stores(stores: bool);
        /// Sets [`Capabilities::persistent`].
        with_persistent(persistent: bool);
        /// Sets [`Capabilities::cross_process`].
        with_cross_process(cross_process: bool);
        /// Sets [`Capabilities::evicting`].
        with_evicting(evicting: bool);
        /// Sets [`Capabilities::lru`].
        with_lru(lru: bool);
        /// Sets [`Capabilities::ttl_resolution`].
        with_ttl_resolution(ttl_resolution: Duration);
        /// Sets [`Capabilities::strict_keys`].
        with_strict_keys(strict_keys: bool);
        /// Sets [`Capabilities::preserves_type_tags`].
        with_preserves_type_tags(preserves_type_tags: bool);
        /// Sets [`Capabilities::atomic_rename`].
        with_atomic_rename(atomic_rename: bool);
    }

    /// Sets [`Capabilities::max_value_size`], in bytes.
    #[must_use]
    pub const fn with_max_value_size(mut self, bytes: usize) -> Self {
        self.max_value_size = Some(bytes);
        self
    }
}

impl Default for Capabilities {
    fn default() -> Self {
        Self::DEFAULT
    }
}
