//! A small store of two shards, and the way to run models of it.

use std::ops::Deref;
use std::panic::{RefUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use cache_core::{BaseCache, Cache, Clock, Culling, Expiry, Key, ManualClock, Payload, Result, Timeout};
use conformance_tests::faults::{effort, record};

use crate::eviction::Eviction;
use crate::store::{Over, Store};

/// Both evictions.
pub(crate) const EVICTIONS: [Eviction; 2] = [Eviction::Lru, Eviction::S3Fifo];

/// Runs the threads of `model` in many orders: at random, and with few but badly placed changes from
/// one to another, which finds what takes a long run of one thread. Records the row of the table of
/// faults with `figure`.
pub(crate) fn check(row: u8, figure: &str, model: impl Fn() + Send + Sync + Copy + RefUnwindSafe + 'static) {
    let orders = effort(400, 10_000);
    let each = usize::try_from(orders).unwrap();
    let run = catch_unwind(|| {
        shuttle::check_random(model, each);
        shuttle::check_pct(model, each, 3);
    });
    record(row, "locmem", 2 * orders, u64::from(run.is_err()), &format!("orders under shuttle: {figure}"));
    if let Err(panic) = run {
        resume_unwind(panic);
    }
}

/// What a `LocMemCache` is, over a [`Store`] under the model.
#[derive(Debug)]
pub(crate) struct Modelled(Store);

/// A cache on one, for several threads.
#[derive(Clone)]
pub(crate) struct Model {
    cache: Cache<Modelled>,
    pub(crate) time: ManualClock,
}

impl Model {
    /// A store of two shards and at most `max_entries` entries; culling evicts `1/cull_frequency` of a shard at
    /// once.
    pub(crate) fn new(eviction: Eviction, max_entries: u64, cull_frequency: u32) -> Self {
        Self::with_shards(2, eviction, max_entries, cull_frequency)
    }

    /// The same with `shards` shards.
    pub(crate) fn with_shards(
        shards: usize,
        eviction: Eviction,
        max_entries: u64,
        cull_frequency: u32,
    ) -> Self {
        let culling = Culling::DEFAULT.max_entries(max_entries).unwrap().cull_frequency(cull_frequency);
        let (clock, time) = Clock::manual();
        let store = Store::with_shards(shards, culling, eviction, clock);
        Self { cache: Cache::new(Modelled(store)), time }
    }

    /// How many entries the store counts, including ones that are being added.
    pub(crate) fn counted(&self) -> u64 {
        self.cache.backend().0.len() as u64
    }

    pub(crate) fn set(&self, key: &str, value: i64) {
        self.cache.set(key, &value, Timeout::Never).unwrap();
    }

    pub(crate) fn set_for_a_second(&self, key: &str) {
        self.cache.set(key, &0, Duration::from_secs(1)).unwrap();
    }

    pub(crate) fn value(&self, key: &str) -> Option<i64> {
        self.cache.get(key).unwrap()
    }

    /// Runs `threads` of `body` to their end.
    pub(crate) fn race(&self, threads: usize, body: impl Fn(usize, &Self) + Send + Sync + 'static) {
        let body = Arc::new(body);
        let threads: Vec<_> = (0..threads)
            .map(|number| {
                let (model, body) = (self.clone(), Arc::clone(&body));
                shuttle::thread::spawn(move || body(number, &model))
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    }
}

impl Deref for Model {
    type Target = Cache<Modelled>;

    fn deref(&self) -> &Cache<Modelled> {
        &self.cache
    }
}

impl BaseCache for Modelled {
    fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        Ok(self.0.get(key))
    }

    fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        self.0.put(key, value, expiry, Over::Replace);
        Ok(())
    }

    fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        Ok(self.0.put(key, value, expiry, Over::Keep))
    }

    fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        Ok(self.0.touch(key, expiry))
    }

    fn delete(&self, key: Key<'_>) -> Result<bool> {
        Ok(self.0.delete(key))
    }

    fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        self.0.incr(key, delta)
    }

    fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        Ok(self.0.rename(from, to))
    }

    fn clear(&self) -> Result<()> {
        self.0.clear();
        Ok(())
    }
}
