//! Finding the directories of a store, and opening its shards.

use std::sync::{Arc, PoisonError, RwLock};

use cache_core::Result;
use cache_fs::make_dir;
use rustix::io::Errno;

use super::NativeStore;
use super::entry::NEVER;
use super::paths::{self, Location};
use super::shard::Shard;
use super::state::{self, State};
use crate::error::{FsError, retry};
use crate::fs;

/// What a process knows of the directory.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Found on the first use, and again after the directory vanished or was exchanged.
    location: RwLock<Option<Arc<Location>>>,
}

impl NativeStore {
    pub(super) fn forget_location(&self) {
        *self.known.get().location.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Runs `op` until no directory vanishes underneath.
    pub(super) fn retry<T>(&self, op: impl FnMut() -> Result<T, FsError>) -> Result<T> {
        retry(&self.dir, || self.forget_location(), op)
    }

    /// Finds where the entries are. Returns `None` if no store exists and none is to be made.
    pub(super) fn location(&self, create: bool) -> Result<Option<Arc<Location>>, FsError> {
        let known = &self.known.get().location;
        let held = known.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(location) = held.filter(|location| location.root.is_in_place()) {
            return Ok(Some(location));
        }
        self.forget_location();
        let Some(root) = fs::settle_root(&self.dir, create)?.map(Arc::new) else { return Ok(None) };
        let shards = match state::shards(&root)? {
            Some(shards) => shards,
            None if create => {
                let limit = self.limits.of_new_store().limit();
                state::create(&root, paths::shards_for(limit), self.lock_timeout)?
            }
            None => match paths::shards_by_name(&root)? {
                Some(shards) => shards,
                None => return Ok(None),
            },
        };
        let location = Arc::new(Location { root, shards });
        *known.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&location));
        Ok(Some(location))
    }

    /// Fails with `Gone` where the store has another number of shards than we know, or has vanished: another
    /// process may have made it again.
    pub(super) fn check_current(location: &Location) -> Result<(), FsError> {
        let shards = match state::shards(&location.root)? {
            None => paths::shards_by_name(&location.root)?,
            known => known,
        };
        if shards == Some(location.shards) { Ok(()) } else { Err(FsError::Gone(None)) }
    }

    /// Opens a shard, unlocked. Returns `None` if it does not exist and is not to be made.
    pub(super) fn open_shard<'a>(
        &self,
        location: &'a Location,
        index: u32,
        create: bool,
    ) -> Result<Option<Shard<'a>>, FsError> {
        let name = location.shard_name(index);
        let opened = match fs::open_dir(&location.root, &name) {
            Err(Errno::NOENT) => {
                Self::check_current(location)?;
                if !create {
                    return Ok(None);
                }
                make_dir(&*location.root, name.as_str(), location.root.heir())
            }
            opened => opened,
        };
        match opened {
            Ok(dir) => Ok(Some(Shard::new(location, index, dir, self.lock_timeout))),
            Err(errno) => Err(FsError::new(errno, "open the directory", &location.shard_path(index))),
        }
    }

    /// Runs `op` with a shard that is locked. A shard that does not exist is empty.
    pub(super) fn with_shard<T: Default>(
        &self,
        location: &Location,
        index: u32,
        op: impl FnOnce(&Shard<'_>) -> Result<T, FsError>,
    ) -> Result<T, FsError> {
        match self.open_shard(location, index, false)? {
            Some(shard) => {
                shard.dir.lock()?;
                op(&shard)
            }
            // Removed underneath: nothing is in it.
            None => {
                State::open(location, self.lock_timeout)?.listed(index, 0, Some(NEVER))?;
                Ok(T::default())
            }
        }
    }
}
