//! [`Config`]: the settings of a cache.

use std::path::PathBuf;
use std::time::Duration;

use cache_core::{Clock, Culling, NamedLimits};

/// The settings of a cache. [`build`](crate::DatabaseCacheBuilder::build) checks them before a store gets them.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Absolute, so that a later change of the working directory moves nothing.
    pub(crate) path: PathBuf,
    pub(crate) table: String,
    /// The limits of this handle where the table remembers none.
    pub(crate) culling: Culling,
    pub(crate) named: NamedLimits,
    /// Whether a table that remembers no limits gets Django's from this handle.
    pub(crate) has_default_limit: bool,
    pub(crate) busy_timeout: Duration,
    pub(crate) clock: Clock,
    pub(crate) trusted_group: Option<u32>,
}
