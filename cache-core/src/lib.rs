//! core
mod backend;
mod capabilities;
mod clock;
mod error;
mod key;
mod payload;
mod timeout;

pub use backend::{AsyncCache, AsyncWay, BATCH, BaseCache};
pub use bytes::Bytes;
pub use capabilities::Capabilities;
pub use clock::{Clock, ManualClock};
pub use error::{Error, ErrorKind, Result};
pub use key::{
    CacheKeyWarning, Key, KeyFunction, KeyPolicy, KeyValidator, MEMCACHE_MAX_KEY_LENGTH, MadeKey,
    default_key_func, memcache_key_warnings,
};
pub use payload::{CodecId, Kind, Payload};
pub use timeout::{DEFAULT_TIMEOUT, DEFAULT_TIMEOUT_SECONDS, Expiry, Timeout};
