//! The caches of the tests.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use cache_core::{BaseCache, Cache, Clock, Error, Expiry, Key, ManualClock, Payload, Result};
use cache_file::FileCache;
use cache_locmem::LocMemCache;
use tempfile::TempDir;

/// Counts the calls of a function's body.
#[derive(Debug, Default)]
pub(crate) struct Calls(AtomicUsize);

impl Calls {
    /// Counts a call and returns its number.
    pub(crate) fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// A cache in memory, and the hands of its clock.
pub(crate) fn memory() -> (Cache, ManualClock) {
    let (clock, hands) = Clock::manual();
    (Cache::new(LocMemCache::builder().clock(clock).build().unwrap()).erase(), hands)
}

/// A cache in files, and their directory.
pub(crate) fn files() -> (Cache, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = FileCache::builder(dir.path().join("cache")).build().unwrap();
    (Cache::new(store).erase(), dir)
}

/// Runs a test on memory and on files.
pub(crate) fn on_both(test: impl Fn(&Cache)) {
    test(&memory().0);
    let (cache, _dir) = files();
    test(&cache);
}

/// A cache in memory whose calls fail where it is told so.
#[derive(Debug, Default)]
pub(crate) struct Failing {
    store: LocMemCache,
    pub(crate) reads: AtomicBool,
    pub(crate) writes: AtomicBool,
}

impl Failing {
    fn read(&self) -> Result<()> {
        answer(&self.reads)
    }

    fn write(&self) -> Result<()> {
        answer(&self.writes)
    }
}

fn answer(fails: &AtomicBool) -> Result<()> {
    if fails.load(Ordering::SeqCst) { Err(Error::unavailable("the test's store is down")) } else { Ok(()) }
}

impl BaseCache for Failing {
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        self.read()?;
        self.store.get(key)
    }

    fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        self.write()?;
        self.store.set(key, value, expiry)
    }

    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        self.write()?;
        self.store.add(key, value, expiry)
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        self.write()?;
        self.store.touch(key, expiry)
    }

    fn delete(&self, key: Key<'_>) -> Result<bool> {
        self.write()?;
        self.store.delete(key)
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        self.write()?;
        self.store.incr(key, delta)
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        self.write()?;
        self.store.rename(from, to)
    }

    fn clear(&self) -> Result<()> {
        self.write()?;
        self.store.clear()
    }
}
