//! [`FileCache`]: the backend over a directory, in any layout.

use std::path::Path;
use std::sync::Arc;

use cache_core::{AsyncWay, BaseCache, Capabilities, Codec, Expiry, Info, Key, Payload, Presence, Result};

use crate::layout::{Over, Store, Swept};

/// A cache in a directory. Clones share what they know about it; any number of handles, in any number of
/// processes, share the directory itself.
#[derive(Clone, Debug)]
pub struct FileCache {
    store: Arc<dyn Store>,
}

impl FileCache {
    pub(crate) const fn over(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Returns the directory, as an absolute path.
    ///
    /// ```
    /// # use cache_file::FileCache;
    /// let backend = FileCache::new("/var/cache/app/files");
    /// assert!(backend.dir().ends_with("app/files"));
    /// ```
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.store.dir()
    }
}

impl BaseCache for FileCache {
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        self.store.get(key)
    }

    fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        self.store.put(key, &value, expiry, Over::Replace).map(drop)
    }

    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        self.store.put(key, &value, expiry, Over::Keep)
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        self.store.touch(key, expiry)
    }

    fn delete(&self, key: Key<'_>) -> Result<bool> {
        self.store.delete(&[key]).map(|removed| removed > 0)
    }

    /// Locks each directory of entries once for up to 64 of the keys.
    fn delete_many(&self, keys: &[Key<'_>]) -> Result<()> {
        self.store.delete(keys).map(drop)
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        self.store.incr(key, delta)
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        self.store.rename(from, to)
    }

    fn clear(&self) -> Result<()> {
        self.store.clear()
    }

    /// Reads up to 64 KiB: of a larger entry only the header and the key. In Django's layout only the expiry.
    fn has_key(&self, key: Key<'_>) -> Result<bool> {
        self.store.has_key(key)
    }

    fn close(&self) -> Result<()> {
        self.store.close();
        Ok(())
    }

    /// Reads the state file: the cost does not depend on the number. Django's layout has none, and the
    /// directory is listed.
    fn entries(&self) -> Result<Option<u64>> {
        self.store.entries().map(Some)
    }

    fn ping(&self) -> Result<Presence> {
        self.store.ping()
    }

    /// Looks at the file of every entry, to add up their bytes.
    fn info(&self) -> Result<Info> {
        self.store.info()
    }

    /// Removes damaged entries too, and counts them; also removes the temporary files of killed writers. Reads
    /// every file, and lets other writers in between. Calling it is optional: writes sweep as they go.
    fn purge_expired(&self) -> Result<Option<u64>> {
        let swept = self.store.purge()?;
        let Swept { expired, damaged, temporary } = swept;
        tracing::info!(target: "cache_file", dir = %self.dir().display(), expired, damaged, temporary, "purged");
        Ok(Some(swept.entries()))
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    /// Returns the pickle codec in Django's layout.
    fn codec(&self) -> Option<Arc<dyn Codec>> {
        self.store.codec()
    }

    fn as_async(&self) -> AsyncWay<'_> {
        AsyncWay::ThreadPool
    }
}
