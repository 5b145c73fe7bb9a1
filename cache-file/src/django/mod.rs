//! [`DjangoStore`]: a directory that Django's `FileBasedCache` reads and writes too.
//!
//! Our writers exclude each other by `flock` on the directory. Django takes no such lock. What it
//! does is a rename, with one exception: its `touch` writes into the entry's file, which it locks.
//! It lets go of the lock before all is written, so damage in a file that was written a moment ago
//! is a miss, once waiting does not help, and stays: only old damage is removed.

mod capacity;
mod change;
mod entry;
mod get;
mod put;
mod sweep;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use cache_core::{
    Capabilities, Clock, Codec, Culling, Error, ErrorKind, Expiry, Info, Key, Payload, PerProcess, Presence,
    Result,
};
use cache_fs::{Directory, can_be_made};

use self::capacity::Count;
use self::entry::role;
use crate::entry_dir::EntryDir;
use crate::error::{FsError, retry};
use crate::fs;
use crate::layout::{self, Over, Store, Swept};
use crate::read::Depth;

#[derive(Debug)]
pub(crate) struct DjangoStore {
    dir: PathBuf,
    clock: Clock,
    lock_timeout: Duration,
    culling: Culling,
    /// The most bytes of a pickle.
    most: usize,
    known: PerProcess<Known>,
}

/// What a process knows of the directory.
#[derive(Debug)]
struct Known {
    /// Found on the first use, and again after it vanished or was exchanged.
    root: RwLock<Option<Arc<Directory>>>,
    count: Mutex<Count>,
    /// Entries that this handle removed to make room.
    evicted: AtomicU64,
}

impl DjangoStore {
    /// Values are pickles of at most `most` bytes.
    pub(crate) fn new(
        dir: PathBuf,
        clock: Clock,
        lock_timeout: Duration,
        culling: Culling,
        most: usize,
    ) -> Self {
        Self { dir, clock, lock_timeout, culling, most, known: PerProcess::new() }
    }

    fn known(&self) -> &Known {
        let limit = self.culling.limit();
        self.known.get_or_make(|| Known {
            root: RwLock::default(),
            count: Mutex::new(Count::unknown(limit)),
            evicted: AtomicU64::new(0),
        })
    }

    fn now(&self) -> i64 {
        self.clock.wall_us()
    }

    fn forget_root(&self) {
        *self.known().root.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn retry<T>(&self, op: impl FnMut() -> Result<T, FsError>) -> Result<T> {
        retry(&self.dir, || self.forget_root(), op)
    }

    /// Opens the directory. Returns `None` if it does not exist and is not to be made.
    fn root(&self, create: bool) -> Result<Option<Arc<Directory>>, FsError> {
        let known = &self.known().root;
        let held = known.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(root) = held.filter(|root| root.is_in_place()) {
            return Ok(Some(root));
        }
        self.forget_root();
        let Some(root) = fs::settle_root(&self.dir, create)?.map(Arc::new) else { return Ok(None) };
        *known.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&root));
        Ok(Some(root))
    }

    /// Returns how many entries this handle evicted, from the first one on: nothing here remembers those of others,
    /// and a 0 would say that nobody evicts.
    fn evictions(&self) -> Option<u64> {
        Some(self.known().evicted.load(Ordering::Relaxed)).filter(|&evicted| evicted > 0)
    }

    /// Makes the error about a value that Django wrote.
    fn too_long(&self, key: Key<'_>) -> Error {
        let what = format!(
            "the value is longer than max_inflated, which is {} bytes: raise it, or delete the key",
            self.most
        );
        Error::new(ErrorKind::Decode, what).with_key(key.as_str())
    }

    /// Runs `op` in the directory, unlocked. Returns `absent` where there is none.
    fn in_dir<T: Copy>(&self, absent: T, op: impl Fn(&EntryDir<'_>) -> Result<T, FsError>) -> Result<T> {
        self.retry(|| {
            let Some(root) = self.root(false)? else { return Ok(absent) };
            if root.is_removed() {
                // The next try opens the root again and finds it absent.
                return Err(FsError::Gone(None));
            }
            op(&EntryDir::root(&root, self.lock_timeout))
        })
    }

    /// Runs `op` in the directory, unlocked. Makes the directory where there is none.
    fn in_made_dir<T>(&self, mut op: impl FnMut(&EntryDir<'_>) -> Result<T, FsError>) -> Result<T> {
        self.retry(|| {
            let root = self.root(true)?.ok_or(FsError::Gone(None))?;
            op(&EntryDir::root(&root, self.lock_timeout))
        })
    }
}

impl Store for DjangoStore {
    fn dir(&self) -> &Path {
        &self.dir
    }

    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        let Some(found) = self.find(key, Depth::Whole)? else { return Ok(None) };
        let pickle = found.pickle.ok_or_else(|| self.too_long(key))?;
        Ok(Some(cache_pickle::to_payload(pickle)))
    }

    /// Reads the head of the file only.
    fn has_key(&self, key: Key<'_>) -> Result<bool> {
        Ok(self.find(key, Depth::Head)?.is_some())
    }

    fn put(&self, key: Key<'_>, value: &Payload, expiry: Expiry, over: Over) -> Result<bool> {
        self.store(key, value, expiry, over)
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        let touched = self.replace(key, |found| match found.pickle {
            Some(_) => Ok((self.head(expiry), found.body().to_vec(), ())),
            None => Err(self.too_long(key)),
        })?;
        Ok(touched.is_some())
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        let counted = self.replace(key, |found| {
            let number = match found.pickle.clone().map(cache_pickle::to_payload) {
                Some(Payload::Int(number)) => number,
                _ => return Err(Error::not_an_integer(key.as_str())),
            };
            let sum = number.checked_add(delta).ok_or_else(|| Error::overflow(key.as_str()))?;
            let pickle = cache_pickle::from_payload(key, &Payload::Int(sum))?;
            Ok((found.head().to_vec(), entry::body(&pickle), sum))
        })?;
        counted.ok_or_else(|| Error::key_not_found(key.as_str()))
    }

    fn delete(&self, keys: &[Key<'_>]) -> Result<u64> {
        self.remove(keys)
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        self.move_entry(from, to)
    }

    fn clear(&self) -> Result<()> {
        self.clear_all()
    }

    fn close(&self) {
        self.forget_root();
    }

    /// Lists under the lock: without it a listing may see both an entry and the one that took its place.
    fn entries(&self) -> Result<u64> {
        self.in_dir(0, |dir| {
            dir.lock_if_there()?;
            Ok(dir.list(role)?.entries.len() as u64)
        })
    }

    /// Locks the directory as a write would. Where there is none, checks whether it could be made.
    fn ping(&self) -> Result<Presence> {
        if self.in_dir(false, |dir| dir.lock_if_there().map(|()| true))? {
            return Ok(Presence::Exists);
        }
        can_be_made(&self.dir).map(|()| Presence::NotYet)
    }

    fn info(&self) -> Result<Info> {
        let info = Info::default()
            .with_entries(self.entries()?)
            .with_max_entries(self.culling.limit())
            .with_bytes(self.in_dir(0, |dir| Ok(dir.bytes_of(&dir.list(role)?.entries)))?)
            .with_evictions(self.evictions());
        Ok(info.with_detail("directory", self.dir.display().to_string()).with_detail("layout", "django"))
    }

    fn purge(&self) -> Result<Swept> {
        self.sweep_all()
    }

    fn capabilities(&self) -> Capabilities {
        layout::capabilities(self.culling).with_preserves_type_tags(false).with_max_value_size(self.most)
    }

    fn codec(&self) -> Option<Arc<dyn Codec>> {
        Some(Arc::new(cache_pickle::Pickle::default()))
    }
}
