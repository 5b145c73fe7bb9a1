//! The layout of our own as a backend.

use std::path::Path;

use cache_core::{BaseCache, Capabilities, Expiry, Info, Key, Payload, Presence, Result};

use crate::cull::Swept;
use crate::read::Depth;
use crate::store::Store;
use crate::stored::{self, Stored};

impl Stored for Store {
    fn dir(&self) -> &Path {
        &self.dir
    }

    fn sweep(&self) -> Result<Swept> {
        self.sweep_shards()
    }
}

impl BaseCache for Store {
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        Ok(self.find(key, Depth::Whole)?.map(|found| found.payload))
    }

    fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        self.put(key, &value, expiry, false).map(drop)
    }

    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        self.put(key, &value, expiry, true)
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        self.renew(key, expiry)
    }

    fn delete(&self, key: Key<'_>) -> Result<bool> {
        self.remove(key)
    }

    fn delete_many(&self, keys: &[Key<'_>]) -> Result<()> {
        self.remove_many(keys)
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        self.count_on(key, delta)
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        self.move_entry(from, to)
    }

    fn clear(&self) -> Result<()> {
        self.clear_all()
    }

    /// Reads up to 64 KiB: of a larger entry the header and the key only.
    fn has_key(&self, key: Key<'_>) -> Result<bool> {
        Ok(self.find(key, Depth::Head)?.is_some())
    }

    fn close(&self) -> Result<()> {
        self.forget_location();
        Ok(())
    }

    fn entries(&self) -> Result<Option<u64>> {
        self.number_of_entries().map(Some)
    }

    fn ping(&self) -> Result<Presence> {
        self.lock_state()
    }

    fn info(&self) -> Result<Info> {
        let entries = self.number_of_entries()?;
        let info = Info {
            entries: Some(entries),
            max_entries: self.limits_shown(entries)?.limit(),
            bytes: Some(self.bytes()?),
            evictions: self.evictions()?,
            ..Info::default()
        };
        Ok(info.with("directory", self.dir.display().to_string()))
    }

    fn purge_expired(&self) -> Result<Option<u64>> {
        let swept = self.sweep_shards()?;
        Ok(Some(swept.expired + swept.damaged))
    }

    fn capabilities(&self) -> Capabilities {
        stored::capabilities(self.limits.of_new_store())
    }
}
