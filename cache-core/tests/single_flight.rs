//! Single flight, whatever becomes of the leader and wherever: in its function, in the store, before or after.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use cache_core::{
    AsyncCache, AsyncWay, BaseCache, Cache, Error, Expiry, Info, Key, Payload, Presence, Result, Timeout,
};
use cache_locmem::LocMemCache;
use common::inner_calls;
use conformance_tests::faults::{effort, record};
use futures_lite::future::{block_on, or, yield_now};
use futures_timer::Delay;

const MINUTE: Duration = Duration::from_secs(60);
const WAITERS: usize = 4;

/// A memory store whose async half suspends before and after each call, as a network does.
#[derive(Debug, Default)]
struct Suspends(LocMemCache);

/// The same call between two suspensions.
async fn between<T>(call: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    yield_now().await;
    let done = call();
    yield_now().await;
    done
}

impl BaseCache for Suspends {
    inner_calls!();
    fn as_async(&self) -> AsyncWay<'_> {
        AsyncWay::Native(self)
    }
}

#[async_trait::async_trait]
impl AsyncCache for Suspends {
    async fn get(&self, key: Key<'_>) -> Result<Option<Payload>> {
        between(|| self.0.get(key)).await
    }
    async fn set(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<()> {
        between(|| self.0.set(key, value, expiry)).await
    }
    async fn add(&self, key: Key<'_>, value: Payload, expiry: Expiry) -> Result<bool> {
        between(|| self.0.add(key, value, expiry)).await
    }
    async fn touch(&self, key: Key<'_>, expiry: Expiry) -> Result<bool> {
        between(|| self.0.touch(key, expiry)).await
    }
    async fn delete(&self, key: Key<'_>) -> Result<bool> {
        between(|| self.0.delete(key)).await
    }
    async fn incr(&self, key: Key<'_>, delta: i64) -> Result<i64> {
        between(|| self.0.incr(key, delta)).await
    }
    async fn rename(&self, from: Key<'_>, to: Key<'_>) -> Result<bool> {
        between(|| self.0.rename(from, to)).await
    }
    async fn clear(&self) -> Result<()> {
        between(|| self.0.clear()).await
    }
    async fn has_key(&self, key: Key<'_>) -> Result<bool> {
        between(|| self.0.has_key(key)).await
    }
    async fn get_many(&self, keys: &[Key<'_>]) -> Result<Vec<Option<Payload>>> {
        between(|| self.0.get_many(keys)).await
    }
    async fn set_many(&self, entries: &[(Key<'_>, Payload)], expiry: Expiry) -> Result<Vec<usize>> {
        between(|| self.0.set_many(entries, expiry)).await
    }
    async fn delete_many(&self, keys: &[Key<'_>]) -> Result<()> {
        between(|| self.0.delete_many(keys)).await
    }
    async fn close(&self) -> Result<()> {
        between(|| self.0.close()).await
    }
    async fn ping(&self) -> Result<Presence> {
        between(|| self.0.ping()).await
    }
    async fn info(&self) -> Result<Info> {
        between(|| self.0.info()).await
    }
    async fn purge_expired(&self) -> Result<Option<u64>> {
        between(|| self.0.purge_expired()).await
    }
}

#[derive(Clone, Copy, Debug)]
enum End {
    Error,
    Panic,
    AsyncError,
    AsyncPanic,
    /// Dropped at this poll, counted from its first.
    Cancelled(usize),
}

/// One leads and ends in this way while the waiters wait, or are just coming: an error says what went wrong.
fn round(cache: &Cache<Suspends>, key: &str, end: End) -> Result<(), String> {
    let computed = Arc::new(AtomicUsize::new(0));
    let (said, hear) = mpsc::channel();
    let threads: Vec<_> = (0..WAITERS)
        .map(|number| {
            let (cache, key, computed, said) =
                (cache.clone(), key.to_owned(), Arc::clone(&computed), said.clone());
            thread::spawn(move || {
                let work = || {
                    thread::yield_now();
                    computed.fetch_add(1, Ordering::SeqCst)
                };
                let got = if number % 2 == 0 {
                    cache.get_or_set(&key, MINUTE, work)
                } else {
                    block_on(cache.aget_or_set(&key, MINUTE, || async { work() }))
                };
                // Nobody listens after a deadlock.
                let _ = said.send(got.map_err(|e| e.to_string()));
            })
        })
        .collect();
    lead(cache, key, end);
    let mut got = Vec::new();
    for _ in 0..WAITERS {
        got.push(hear.recv_timeout(MINUTE / 2).map_err(|_| "a waiter waits for ever".to_owned())??);
    }
    for thread in threads {
        thread.join().map_err(|_| "a waiter panicked")?;
    }
    let stored = cache.get::<usize>(key).map_err(|e| e.to_string())?;
    match computed.load(Ordering::SeqCst) {
        // The leader was cancelled when its value was stored already.
        0 | 1 if got.iter().all(|value| Some(*value) == stored) => Ok(()),
        times => Err(format!("computed {times} times, got {got:?}, stored {stored:?}")),
    }
}

/// The value of a leader that is cancelled too late.
const LEADERS: usize = 77;

fn lead(cache: &Cache<Suspends>, key: &str, end: End) {
    let error = || Error::key_not_found("planned");
    match end {
        End::Error => {
            // The caller that came first leads, and this one gets its value.
            let _ = cache.try_get_or_set::<usize, Error, _>(key, MINUTE, || Err(error()));
        }
        End::Panic => {
            let call = || {
                cache.try_get_or_set::<usize, Error, _>(key, MINUTE, || resume_unwind(Box::new("planned")))
            };
            let _ = catch_unwind(AssertUnwindSafe(call));
        }
        End::AsyncError => {
            let call = cache.try_aget_or_set::<usize, Error, _, _>(key, MINUTE, || async {
                yield_now().await;
                Err(error())
            });
            let _ = block_on(call);
        }
        End::AsyncPanic => {
            let call = cache.try_aget_or_set::<usize, Error, _, _>(key, MINUTE, || async {
                yield_now().await;
                resume_unwind(Box::new("planned"))
            });
            let _ = catch_unwind(AssertUnwindSafe(|| block_on(call)));
        }
        End::Cancelled(at) => {
            let mut call = pin!(cache.aget_or_set(key, MINUTE, || async {
                yield_now().await;
                LEADERS
            }));
            for _ in 0..at {
                if call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                    break;
                }
                thread::yield_now();
            }
        }
    }
}

/// Before and in each call of the store (a miss, a second look, an add) and in the function.
const POLLS: usize = 9;

#[test]
fn the_next_waiter_leads_whatever_became_of_the_leader() {
    let ends = [End::Error, End::Panic, End::AsyncError, End::AsyncPanic].into_iter();
    let ends: Vec<End> = ends.chain((0..POLLS).map(End::Cancelled)).collect();
    let cache = Cache::builder(Suspends::default()).single_flight_timeout(MINUTE).build().unwrap();
    let (rounds, mut failed) = (effort(40, 800), Vec::new());
    let tried = rounds * ends.len() as u64;
    for round_number in 0..rounds {
        for (number, &end) in ends.iter().enumerate() {
            let key = format!("k{round_number}-{number}");
            if let Err(why) = round(&cache, &key, end) {
                failed.push(format!("{end:?}: {why}"));
            }
            cache.delete(&key).unwrap();
        }
        if !failed.is_empty() {
            break;
        }
    }
    record(21, "core", tried, failed.len() as u64, "leaders that fail, panic, are cancelled: 0 deadlocks");
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn a_leader_that_hangs_holds_nobody_longer_than_the_wait() {
    const WAIT: Duration = Duration::from_millis(20);
    let cache = Cache::builder(Suspends::default()).single_flight_timeout(WAIT).build().unwrap();
    let rounds = effort(20, 400);
    let (longest, failures) = (AtomicU64::new(0), AtomicUsize::new(0));
    for number in 0..rounds {
        let key = format!("k{number}");
        let mut leader = pin!(cache.aget_or_set::<usize, _, _>(&key, MINUTE, pending));
        // Until it is in its function.
        for _ in 0..POLLS {
            let polled = leader.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(polled.is_pending());
        }
        // The first of the tasks goes away before its time is up.
        let mut gone = Box::pin(cache.aget_or_set(&key, MINUTE, || async { 1 }));
        (0..POLLS).for_each(|_| _ = gone.as_mut().poll(&mut Context::from_waker(Waker::noop())));
        thread::scope(|scope| {
            for waiter in 0..WAITERS {
                let (cache, key, longest, failures) = (&cache, &key, &longest, &failures);
                scope.spawn(move || {
                    thread::sleep(WAIT / 4 * waiter as u32);
                    let begun = Instant::now();
                    let got = if waiter == 0 {
                        cache.get_or_set(key, MINUTE, || 1).ok()
                    } else {
                        let waits = async { cache.aget_or_set(key, MINUTE, || async { 1 }).await.ok() };
                        let for_ever = async {
                            Delay::new(Duration::from_secs(10)).await;
                            None
                        };
                        block_on(or(waits, for_ever))
                    };
                    let took = begun.elapsed();
                    longest.fetch_max(took.as_millis() as u64, Ordering::SeqCst);
                    failures.fetch_add(usize::from(got != Some(1)), Ordering::SeqCst);
                });
            }
            thread::sleep(WAIT / 2);
            drop(gone);
        });
        if failures.load(Ordering::SeqCst) > 0 {
            break;
        }
    }
    let (longest, failures) = (longest.into_inner(), failures.into_inner());
    let figure = format!("a leader that hangs: longest wait {longest} ms where {WAIT:?} is allowed");
    record(21, "core", WAITERS as u64 * rounds, failures as u64, &figure);
    assert_eq!(failures, 0);
    // A busy machine is late; one that waits for the leader would never be here.
    assert!(longest < 5_000, "{figure}");
}

/// What a task's executor does when the task is woken.
struct Executor {
    wakes: AtomicUsize,
    panics: bool,
}

impl Wake for Executor {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::SeqCst);
        if self.panics {
            resume_unwind(Box::new("a waker panics"));
        }
    }
}

#[test]
fn a_waker_that_panics_leaves_nobody_asleep() {
    let cache = Cache::builder(LocMemCache::default()).single_flight_timeout(MINUTE).build().unwrap();
    let computing = || async {
        yield_now().await;
        1
    };
    let mut leader = pin!(cache.aget_or_set("key", MINUTE, computing));
    assert!(leader.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let executors =
        [true, false, true, false].map(|panics| Arc::new(Executor { wakes: AtomicUsize::new(0), panics }));
    let mut tasks = Vec::new();
    for executor in &executors {
        let mut task = Box::pin(cache.aget_or_set("key", MINUTE, || async { 2 }));
        let waker = Waker::from(Arc::clone(executor));
        assert!(task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        tasks.push(task);
    }
    let ended = thread::scope(|scope| {
        let waiter = scope.spawn(|| cache.get_or_set("key", MINUTE, || 3));
        let ended =
            catch_unwind(AssertUnwindSafe(|| leader.as_mut().poll(&mut Context::from_waker(Waker::noop()))));
        assert_eq!(waiter.join().unwrap().unwrap(), 1);
        ended
    });
    let wakes = executors.each_ref().map(|executor| executor.wakes.load(Ordering::SeqCst));
    assert_eq!(wakes, [1; 4], "a waiter waits for ever");
    assert!(ended.is_err(), "the caller learns of it");
    for task in &mut tasks {
        let polled = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(Ok(1))), "{polled:?}");
    }
}

#[test]
fn a_waiter_that_goes_away_takes_nobody_with_it() {
    let cache = Cache::builder(Suspends::default()).single_flight_timeout(MINUTE).build().unwrap();
    let rounds = effort(100, 4_000);
    let mut failures = 0;
    for number in 0..rounds {
        let key = format!("k{number}");
        let mut leader = pin!(cache.aget_or_set(&key, MINUTE, || async {
            (0..6).for_each(|_| thread::yield_now());
            yield_now().await;
            1
        }));
        let _ = leader.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let got = thread::scope(|scope| {
            let waiter = scope.spawn(|| cache.get_or_set(&key, MINUTE, || 2));
            for polls in 0..4 {
                let mut gone = pin!(cache.aget_or_set(&key, Timeout::Never, || async { 3 }));
                for _ in 0..polls {
                    let _ = gone.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                }
            }
            let led = block_on(leader);
            (led, waiter.join().unwrap())
        });
        let stored = cache.get::<i32>(&key).unwrap();
        failures += u64::from(got.0.ok() != stored || got.1.ok() != stored);
    }
    record(21, "core", rounds, failures, "waiters that are cancelled: all others get the value");
    assert_eq!(failures, 0);
}

#[test]
fn a_call_within_a_call_has_the_size_of_both() {
    let cache = Cache::new(Suspends::default());
    let inner = || cache.aget_or_set("inner", MINUTE, || async { 1 });
    let both = cache.aget_or_set("outer", MINUTE, async || inner().await.unwrap());
    let (one, two) = (size_of_val(&inner()), size_of_val(&both));
    assert!(2 * two <= 5 * one, "{one} bytes, and one within another {two}");
}
