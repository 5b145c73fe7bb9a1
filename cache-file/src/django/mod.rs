//! [`DjangoStore`]: a directory that Django's `FileBasedCache` reads and writes too.
//!
//! Our writers exclude each other by `flock` on the directory. Django takes no such lock. What it
//! does is a rename, with one exception: its `touch` writes into the entry's file, which it locks.
//! It lets go of the lock before all is written, so damage in a file that was written a moment ago
//! is a miss, once waiting does not help, and stays: only old damage is removed.

mod entry;
mod ops;
mod room;
mod tidy;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use cache_core::{
    BaseCache, Capabilities, Clock, Codec, Culling, Error, ErrorKind, Expiry, Info, Key, Payload, PerProcess,
    Presence, Result,
};
use cache_fs::Directory;

use crate::cull::Swept;
use crate::dir::Dir;
use crate::fs::{self, Fault};
use crate::options::FileOptions;
use crate::read::Depth;
use crate::stored::Stored;
use room::Count;

#[derive(Debug)]
pub(crate) struct DjangoStore {
    dir: PathBuf,
    culling: Culling,
    clock: Clock,
    lock_timeout: Duration,
    /// The most bytes of a pickle.
    most: usize,
    here: PerProcess<Here>,
}

/// What a process knows of the directory.
#[derive(Debug)]
struct Here {
    /// Found on the first use, and again after it vanished or was exchanged.
    root: RwLock<Option<Arc<Directory>>>,
    count: Mutex<Count>,
    /// Entries that this handle removed to make room.
    evicted: AtomicU64,
}

impl DjangoStore {
    pub(crate) fn new(options: FileOptions, culling: Culling) -> Self {
        let FileOptions { dir, clock, lock_timeout, max_inflated, .. } = options;
        Self { dir, culling, clock, lock_timeout, most: max_inflated, here: PerProcess::new() }
    }

    fn here(&self) -> &Here {
        let limit = self.culling.limit();
        self.here.get_or_make(|| Here {
            root: RwLock::default(),
            count: Mutex::new(Count::unknown(limit)),
            evicted: AtomicU64::new(0),
        })
    }

    fn now(&self) -> i64 {
        self.clock.wall_us()
    }

    fn forget_root(&self) {
        *self.here().root.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn retry<T>(&self, op: impl FnMut() -> Result<T, Fault>) -> Result<T> {
        fs::retry(&self.dir, || self.forget_root(), op)
    }

    /// The directory; `None` where it is not there and not to be made.
    fn root(&self, create: bool) -> Result<Option<Arc<Directory>>, Fault> {
        let known = &self.here().root;
        let held = known.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(root) = held.filter(|root| root.is_in_place()) {
            return Ok(Some(root));
        }
        self.forget_root();
        let Some(root) = fs::settle_root(&self.dir, create)?.map(Arc::new) else { return Ok(None) };
        *known.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&root));
        Ok(Some(root))
    }

    /// Those of this handle, once there is one: nothing here remembers those of others, and a 0 would say that
    /// nobody evicts.
    fn evictions(&self) -> Option<u64> {
        Some(self.here().evicted.load(Ordering::Relaxed)).filter(|&evicted| evicted > 0)
    }

    /// The error about a value that Django wrote.
    fn too_long(&self, key: Key<'_>) -> Error {
        let what = format!(
            "the value is longer than max_inflated, which is {} bytes: raise it, or delete the key",
            self.most
        );
        Error::new(ErrorKind::Decode, what).with_key(key.as_str())
    }

    /// Runs `op` in the directory, unlocked; gives `absent` where there is none.
    fn in_dir<T: Copy>(&self, absent: T, op: impl Fn(&Dir<'_>) -> Result<T, Fault>) -> Result<T> {
        self.retry(|| {
            let Some(root) = self.root(false)? else { return Ok(absent) };
            if root.is_removed() {
                // Settled anew, it is absent.
                return Err(Fault::Gone(None));
            }
            op(&Dir::root(&root, self.lock_timeout))
        })
    }

    /// The same in a directory that is made where there is none.
    fn in_made_dir<T>(&self, op: impl Fn(&Dir<'_>) -> Result<T, Fault>) -> Result<T> {
        self.retry(|| {
            let root = self.root(true)?.ok_or(Fault::Gone(None))?;
            op(&Dir::root(&root, self.lock_timeout))
        })
    }
}

impl Stored for DjangoStore {
    fn dir(&self) -> &Path {
        &self.dir
    }

    fn sweep(&self) -> Result<Swept> {
        self.sweep_all()
    }
}

impl BaseCache for DjangoStore {
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        let Some(found) = self.find(key, Depth::Whole)? else { return Ok(None) };
        let pickle = found.pickle.ok_or_else(|| self.too_long(key))?;
        Ok(Some(cache_pickle::to_payload(pickle)))
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

    /// Reads the head of the file only.
    fn has_key(&self, key: Key<'_>) -> Result<bool> {
        Ok(self.find(key, Depth::Head)?.is_some())
    }

    fn close(&self) -> Result<()> {
        self.forget_root();
        Ok(())
    }

    fn entries(&self) -> Result<Option<u64>> {
        self.number_of_entries().map(Some)
    }

    fn ping(&self) -> Result<Presence> {
        self.lock_once()
    }

    fn info(&self) -> Result<Info> {
        let info = Info {
            entries: Some(self.number_of_entries()?),
            max_entries: self.culling.limit(),
            bytes: Some(self.bytes()?),
            evictions: self.evictions(),
            ..Info::default()
        };
        Ok(info.with("directory", self.dir.display().to_string()).with("layout", "django"))
    }

    fn purge_expired(&self) -> Result<Option<u64>> {
        let swept = self.sweep_all()?;
        Ok(Some(swept.expired + swept.damaged))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            keeps_kinds: false,
            max_value_size: Some(self.most),
            ..crate::stored::capabilities(self.culling)
        }
    }

    fn codec(&self) -> Option<Arc<dyn Codec>> {
        Some(Arc::new(cache_pickle::Pickle::default()))
    }
}
