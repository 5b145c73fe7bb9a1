//! The core of the cache framework: Django's low-level cache API for Rust services.
//!
//! - [`Cache`] is the handle people use: typed values, versions, prefixes, timeouts, key rules,
//!   single flight, sync and async.
//! - [`BaseCache`] is what a backend author implements: bytes under a final key. Its page has a
//!   whole custom backend.
//! - `Caches` (feature `settings`) are caches by alias, from TOML, JSON, URLs or the environment.
//! - [`Codec`] is how values become bytes; [`Error`] is everything that can go wrong.
//!
//! The backends are crates of their own: `cache-locmem`, `cache-file`, `cache-db`, `cache-memcached`, `cache-redis`,
//! `cache-dummy`. The suite in `conformance-tests` proves that they all mean the same.
//!
//! Types of other crates in public signatures are re-exported: [`Bytes`], [`erased_serde`] for a [`Codec`], and the
//! attribute [`macro@async_trait`] for an [`AsyncCache`]. Values need `serde`: a program depends on it to derive its
//! traits.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backend;
mod cache;
mod capabilities;
mod clock;
mod codec;
mod culling;
pub mod django;
mod error;
mod info;
mod key;
mod key_part;
mod location;
mod mode;
mod payload;
mod process;
#[cfg(feature = "settings")]
mod settings;
mod shown;
mod sync;
mod timeout;
mod value;
#[cfg(feature = "zlib")]
mod zlib;

/// What the code that `#[cached]` (crate `cache-macros`) writes calls. It changes with the macro.
#[doc(hidden)]
pub mod __cached {
    pub use crate::cache::cached::{Cacheable, Entry, MayBeNone, Output, Plain, TimeoutSetting, seconds};
    pub use crate::key_part::{KeyPart, KeyText, Part, TextPart};
}

#[doc(no_inline)]
pub use async_trait::async_trait;
pub use backend::{AsyncCache, AsyncWay, BaseCache, MAX_BATCH_LEN};
#[doc(no_inline)]
pub use bytes::Bytes;
#[cfg(feature = "metrics")]
pub use cache::SECONDS_BUCKETS;
pub use cache::{Cache, CacheBuilder, CacheConfig, OnError, Stats};
pub use capabilities::Capabilities;
pub use clock::{Clock, ManualClock};
pub use codec::{Codec, CodecError, MessagePack, PublicError, Visit};
#[cfg(feature = "json")]
pub use codec::{Json, json_numbers};
pub use culling::{Culling, NamedLimits};
#[doc(no_inline)]
pub use erased_serde;
pub use error::{Error, ErrorKind, Result};
pub use info::{Info, Presence};
pub use key::{Key, KeyBuf, KeyFunction, KeyPolicy, KeyValidator};
pub use location::{Location, refuse_url};
#[doc(hidden)]
pub use mode::{Mode, poll_now};
pub use payload::{CodecId, Kind, Payload};
pub use process::PerProcess;
#[cfg(feature = "settings")]
pub use settings::{
    BackendSettings, CacheUrl, Caches, CachesBuilder, Compat, DEFAULT_CACHE_ALIAS, FromSettings, MaxEntries,
    Setting,
};
pub use shown::{printable, server_text};
pub use timeout::{DEFAULT_TIMEOUT, DEFAULT_TIMEOUT_SECONDS, Expiry, Timeout};
#[cfg(feature = "zlib")]
pub use zlib::Zlib;
