//! [`Stored`]: what a layout is.

use std::fmt::Debug;
use std::path::Path;
use std::time::Duration;

use cache_core::{BaseCache, Capabilities, Culling, Result};

use crate::cull::Swept;

/// A backend over a directory, in one of the layouts.
pub(crate) trait Stored: BaseCache + Debug {
    /// The directory, as an absolute path.
    fn dir(&self) -> &Path;

    /// Removes what has expired or is damaged, and what killed writers left.
    fn sweep(&self) -> Result<Swept>;
}

/// What every layout can do.
pub(crate) fn capabilities(culling: Culling) -> Capabilities {
    Capabilities {
        persistent: true,
        cross_process: true,
        evicting: culling.limit().is_some(),
        // A deadline in microseconds, rounded up, of a clock that was rounded down.
        ttl_resolution: Duration::from_micros(2),
        ..Capabilities::DEFAULT
    }
}
