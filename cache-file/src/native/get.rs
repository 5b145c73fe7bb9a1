//! Reading an entry: [`NativeStore::find`].

use cache_core::{Key, Result};
use rustix::fs::{AtFlags, OFlags};
use rustix::io::Errno;

use super::NativeStore;
use super::lookup::{self, Found, Lookup};
use super::paths::{EntryName, Location};
use crate::entry_dir::is_no_entry;
use crate::error::FsError;
use crate::fs;
use crate::read::Depth;

impl NativeStore {
    /// Finds the live entry of a key. Takes no lock, unless the entry looks damaged.
    pub(super) fn find(&self, key: Key<'_>, depth: Depth) -> Result<Option<Found>> {
        let name = EntryName::of(key.as_bytes());
        self.retry(|| {
            let Some(location) = self.location(false)? else { return Ok(None) };
            let index = location.shard_of(&name);
            let below = location.entry_path(index, &name);
            let file = match fs::open_to_read(&location.root, &below) {
                Ok(file) => file,
                Err(Errno::NOENT) => {
                    let shard = location.shard_name(index);
                    if rustix::fs::statat(&*location.root, shard, AtFlags::SYMLINK_NOFOLLOW).is_err() {
                        Self::check_current(&location)?;
                    }
                    return Ok(None);
                }
                Err(errno) if is_no_entry(errno) => return Ok(None),
                Err(errno) => return Err(FsError::new(errno, "open", &location.root.path().join(below))),
            };
            match lookup::entry(&file, key.as_bytes(), self.now(), depth) {
                Ok(Lookup::Live(found)) => Ok(Some(found)),
                Ok(Lookup::Damaged) => Ok(self.look_again(&location, &name, key, depth)),
                Ok(_) => Ok(None),
                Err(errno) => Err(FsError::new(errno, "read", &location.root.path().join(below))),
            }
        })
    }

    /// Looks again under the lock: without it a reader may see a `touch` half-way. What is damaged then is
    /// removed. A failure on the way leaves the entry to others, and is a miss as damage is.
    fn look_again(&self, location: &Location, name: &EntryName, key: Key<'_>, depth: Depth) -> Option<Found> {
        let shard = self.open_shard(location, location.shard_of(name), false).ok()??;
        shard.dir.lock().ok()?;
        match shard.look(name, key.as_bytes(), self.now(), depth, OFlags::RDONLY).ok()? {
            Lookup::Live((_, found)) => return Some(found),
            Lookup::Damaged => {
                let removed = shard.remove(name).is_ok();
                tracing::warn!(target: "cache_file", file = name.as_str(), removed, "a damaged entry");
            }
            Lookup::Absent | Lookup::Expired => {}
        }
        None
    }
}
