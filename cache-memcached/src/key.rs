//! [`check_key`]: which keys memcached accepts.

use cache_core::django::{MEMCACHE_MAX_KEY_LENGTH, memcache_key_warnings};
use cache_core::{Error, Key, Result};

/// Refuses a key that would break the protocol: the crate would send such a key in base64, and no other
/// client would find it. A cache over this backend has checked the key already.
pub(crate) fn check_key(key: Key<'_>) -> Result<()> {
    let bytes = key.as_bytes();
    if bytes.is_empty() {
        return Err(Error::invalid_cache_key(key.as_str(), "memcached does not accept an empty key"));
    }
    if bytes.len() > MEMCACHE_MAX_KEY_LENGTH || bytes.iter().any(|&b| b <= 0x20 || b == 0x7f) {
        let reasons: Vec<String> =
            memcache_key_warnings(key.as_str()).map(|warning| warning.to_string()).collect();
        return Err(Error::invalid_cache_key(key.as_str(), reasons.join("; ")));
    }
    Ok(())
}
