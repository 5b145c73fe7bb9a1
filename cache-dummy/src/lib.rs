//! The backend that stores nothing: Django's `DummyCache`, for development and tests.
//!
//! It still validates keys, so that a bad key shows before a real cache sees it.
//!
//! ```
//! use cache_core::{Cache, DEFAULT_TIMEOUT};
//! use cache_dummy::DummyCache;
//!
//! let cache = Cache::new(DummyCache);
//! cache.set("k", &1, DEFAULT_TIMEOUT)?;
//! assert_eq!(cache.get::<i64>("k")?, None);
//! assert_eq!(cache.get_or_set("k", DEFAULT_TIMEOUT, || 2)?, 2);
//! # Ok::<(), cache_core::Error>(())
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backend;
#[cfg(feature = "settings")]
mod settings;

pub use self::backend::DummyCache;
