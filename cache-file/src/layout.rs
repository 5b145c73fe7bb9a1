//! [`Layout`]: how entries are laid out in a directory; and [`Store`], what the backend asks of a layout.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cache_core::{Capabilities, Codec, Culling, Expiry, Info, Key, Payload, Presence, Result};

/// How entries are laid out in the directory. Handles of different layouts do not see each other's entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// This crate's own: whole keys, checksums, an exact bound at any size.
    #[default]
    Native,
    /// The layout of Django's `FileBasedCache`, to share the directory with it. See the [crate's
    /// documentation](crate#sharing-a-directory-with-django).
    #[cfg(feature = "django")]
    Django,
}

/// A store of entries in a directory, in one of the layouts. The methods mean what those of
/// [`BaseCache`](cache_core::BaseCache) mean.
pub(crate) trait Store: Debug + Send + Sync {
    /// Returns the directory, as an absolute path.
    fn dir(&self) -> &Path;

    fn get(&self, key: Key<'_>) -> Result<Option<Payload>>;

    fn has_key(&self, key: Key<'_>) -> Result<bool>;

    /// Stores `value`, and returns whether it did.
    fn put(&self, key: Key<'_>, value: &Payload, expiry: Expiry, over: Over) -> Result<bool>;

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool>;

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64>;

    /// Removes entries, and returns how many of them were live.
    fn delete(&self, keys: &[Key<'_>]) -> Result<u64>;

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool>;

    fn clear(&self) -> Result<()>;

    /// Closes the directory. The next call opens it again.
    fn close(&self);

    /// Counts the entries, expired ones included.
    fn entries(&self) -> Result<u64>;

    fn ping(&self) -> Result<Presence>;

    fn info(&self) -> Result<Info>;

    /// Removes what has expired or is damaged, and what killed writers left.
    fn purge(&self) -> Result<Swept>;

    fn capabilities(&self) -> Capabilities;

    fn codec(&self) -> Option<Arc<dyn Codec>> {
        None
    }
}

/// What a write does if a live entry exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    Replace,
    Keep,
}

/// How many files a sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Swept {
    pub(crate) expired: u64,
    pub(crate) damaged: u64,
    /// Temporary files that killed writers had left.
    pub(crate) temporary: u64,
}

impl Swept {
    /// Returns how many entries went.
    pub(crate) const fn entries(self) -> u64 {
        self.expired + self.damaged
    }
}

impl std::ops::AddAssign for Swept {
    fn add_assign(&mut self, other: Self) {
        self.expired += other.expired;
        self.damaged += other.damaged;
        self.temporary += other.temporary;
    }
}

/// Returns what every layout can do.
pub(crate) fn capabilities(culling: Culling) -> Capabilities {
    Capabilities::DEFAULT
        .with_persistent(true)
        .with_cross_process(true)
        .with_evicting(culling.limit().is_some())
        // A deadline in microseconds, rounded up, of a clock that was rounded down.
        .with_ttl_resolution(Duration::from_micros(2))
}
