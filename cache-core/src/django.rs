//! The rules that Django has for keys, under Django's names.

use std::fmt;

/// The longest key that memcached takes, in bytes of the made key.
pub const MEMCACHE_MAX_KEY_LENGTH: usize = 250;

/// Makes a key as Django's default key function does: `prefix:version:key`, byte for byte.
///
/// ```
/// assert_eq!(cache_core::django::default_key_func("user:1", "app", 2), "app:2:user:1");
/// assert_eq!(cache_core::django::default_key_func("user:1", "", 1), ":1:user:1");
/// ```
#[must_use]
pub fn default_key_func(key: &str, key_prefix: &str, version: i64) -> String {
    format!("{key_prefix}:{version}:{key}")
}

/// The name of [`default_key_func`] in Django's settings.
pub(crate) const DEFAULT_KEY_FUNCTION: &str = "django.core.cache.backends.base.default_key_func";

/// A reason why memcached would refuse a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheKeyWarning {
    /// The made key is longer than [`MEMCACHE_MAX_KEY_LENGTH`] bytes.
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// The made key has a byte 0x00–0x20 or 0x7f.
    Character {
        /// The first such byte.
        byte: u8,
    },
}

impl fmt::Display for CacheKeyWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes } => write!(
                f,
                "the key has {bytes} bytes, prefix and version included, and memcached takes at \
                 most {MEMCACHE_MAX_KEY_LENGTH}"
            ),
            Self::Character { byte } => write!(
                f,
                "the key has the byte 0x{byte:02x}, and memcached accepts no spaces or control characters"
            ),
        }
    }
}

/// Lists why memcached would refuse this made key. A good key gives an empty iterator.
///
/// The rules are memcached's: at most 250 bytes, no byte 0x00–0x20, no 0x7f.
///
/// ```
/// use cache_core::django::{CacheKeyWarning, memcache_key_warnings};
///
/// assert_eq!(memcache_key_warnings(":1:good").next(), None);
/// assert_eq!(
///     memcache_key_warnings(":1:not good").next(),
///     Some(CacheKeyWarning::Character { byte: 0x20 })
/// );
/// ```
pub fn memcache_key_warnings(key: &str) -> impl Iterator<Item = CacheKeyWarning> {
    let bytes = key.len();
    let long = (bytes > MEMCACHE_MAX_KEY_LENGTH).then_some(CacheKeyWarning::TooLong { bytes });
    let byte = key.bytes().find(|&b| is_refused(b)).map(|byte| CacheKeyWarning::Character { byte });
    long.into_iter().chain(byte)
}

/// Whether memcached refuses keys that contain `byte`.
pub(crate) const fn is_refused(byte: u8) -> bool {
    byte <= 0x20 || byte == 0x7f
}
