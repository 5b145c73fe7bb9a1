//! Checks `get_or_set` while another caller removes or writes the key that is being computed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use cache_core::ErrorKind;

use super::{computing, sleep, until};
use crate::checks::MINUTE;
use crate::context::TestContext;
use crate::outcome::{Outcome, Stop};
use crate::test_cache::TestCache;
use crate::watched_backend::{Act, Watched};

/// A call that removes a key.
#[derive(Clone, Copy, Debug)]
enum Removal {
    Delete,
    DeleteMany,
    SetForNoTime,
    SetBytesForNoTime,
    SetManyForNoTime,
    TouchForNoTime,
    IncrVersion,
    DecrVersion,
    Clear,
}

impl Removal {
    /// The calls that remove one key.
    const OF_A_KEY: [Self; 8] = [
        Self::Delete,
        Self::DeleteMany,
        Self::SetForNoTime,
        Self::SetBytesForNoTime,
        Self::SetManyForNoTime,
        Self::TouchForNoTime,
        Self::IncrVersion,
        Self::DecrVersion,
    ];

    async fn call(self, cache: &TestCache, key: &str) -> Outcome {
        // There need not be an entry to move.
        let moved = |answer: cache_core::Result<i64>| match answer {
            Err(e) if e.kind() != ErrorKind::KeyNotFound => Err(e),
            _ => Ok(()),
        };
        match self {
            Self::Delete => drop(cache.delete(key).await?),
            Self::DeleteMany => cache.delete_many(["other", key]).await?,
            Self::SetForNoTime => cache.set(key, &9, Duration::ZERO).await?,
            Self::SetBytesForNoTime => cache.set_bytes(key, vec![9], Duration::ZERO).await?,
            Self::SetManyForNoTime => drop(cache.set_many([("other", 9), (key, 9)], Duration::ZERO).await?),
            Self::TouchForNoTime => drop(cache.touch(key, Duration::ZERO).await?),
            Self::IncrVersion => moved(cache.incr_version(key).await)?,
            Self::DecrVersion => moved(cache.decr_version(key).await)?,
            Self::Clear => cache.clear().await?,
        }
        Ok(())
    }
}

/// What was computed before the removal is not there after it; what is computed then is.
async fn is_gone(cache: &TestCache, key: &str, after: impl std::fmt::Debug) -> Outcome {
    ensure_eq!(cache.get::<i64>(key).await?, None, "what is stored after {after:?}");
    ensure_eq!(cache.get_or_set(key, MINUTE, || 2).await?, 2, "the next call after {after:?}");
    ensure_eq!(cache.get::<i64>(key).await?, Some(2), "what is stored by the next call after {after:?}");
    Ok(())
}

pub(super) async fn delete_during_computation(t: &TestContext) -> Outcome {
    let cache = t.cache();
    // Through the handle itself, the other half of its API, and one that has been to another version.
    let handles = [cache.clone(), cache.other_mode(), cache.with_version(2).with_version(1)];
    for (number, handle) in handles.iter().enumerate() {
        for removal in Removal::OF_A_KEY {
            let key = format!("{removal:?}{number}");
            let work = async {
                removal.call(handle, &key).await?;
                Ok(1)
            };
            ensure_eq!(computing(&cache, &key, work).await?, 1, "what the caller gets after {removal:?}");
            is_gone(&cache, &key, removal).await?;
        }
    }
    // Another version's key is another key.
    let work = async {
        Removal::Delete.call(&cache.with_version(2), "k").await?;
        Ok(1)
    };
    ensure_eq!(computing(&cache, "k", work).await?, 1);
    ensure_eq!(
        cache.get::<i64>("k").await?,
        Some(1),
        "what is stored where another version's key is removed"
    );
    Ok(())
}

/// The removal comes when the value is on its way to the store: it waits, and removes it.
pub(super) async fn delete_while_storing(t: &TestContext) -> Outcome {
    /// How long the store takes if the removal waits for it.
    const LONG: Duration = Duration::from_millis(100);

    for removal in [Removal::Delete, Removal::DeleteMany, Removal::SetForNoTime, Removal::Clear] {
        let state = Arc::new((AtomicBool::new(false), AtomicBool::new(false)));
        let shared = Arc::clone(&state);
        let slow = Watched::over(t.cache().cache.backend(), move |method, _| {
            let (storing, removed) = (&shared.0, &shared.1);
            if method == "add" && !storing.swap(true, SeqCst) {
                let start = Instant::now();
                let wait = || {
                    while !removed.load(SeqCst) && start.elapsed() < LONG {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                };
                // In a task it would hold a worker, which the one that removes may need.
                tokio::task::block_in_place(wait);
            }
            Act::Forward
        });
        let cache = t.over(slow)?;
        let racers = cache.clone();
        let key = format!("{removal:?}");
        let name = key.clone();
        t.race(2, move |number, _| {
            let (cache, key, state) = (racers.clone(), name.clone(), Arc::clone(&state));
            async move {
                let (storing, removed) = (&state.0, &state.1);
                if number == 0 {
                    ensure_eq!(cache.get_or_set(&key, MINUTE, || 1).await?, 1, "what the caller gets");
                    return Ok(());
                }
                until(cache.mode, || storing.load(SeqCst)).await;
                removal.call(&cache, &key).await?;
                removed.store(true, SeqCst);
                ensure_eq!(cache.get::<i64>(&key).await?, None, "what is stored right after {removal:?}");
                Ok(())
            }
        })
        .await?;
        is_gone(&cache, &key, removal).await?;
    }
    Ok(())
}

/// A write is not a removal: the caller goes on with the written value. After a removal and a write, the
/// caller goes on with its own value, and the written one stays.
pub(super) async fn set_during_computation_wins(t: &TestContext) -> Outcome {
    let cache = t.cache();
    for handle in [cache.clone(), cache.other_mode(), cache.with_version(2).with_version(1)] {
        let set = async {
            handle.set("set", &9, MINUTE).await?;
            Ok(1)
        };
        ensure_eq!(computing(&cache, "set", set).await?, 9, "what the caller gets after a set");
        let set_many = async {
            handle.set_many([("many", 9), ("other", 9)], MINUTE).await?;
            Ok(1)
        };
        ensure_eq!(computing(&cache, "many", set_many).await?, 9, "what the caller gets after a set_many");
        let add = async {
            ensure!(handle.add("add", &9, MINUTE).await?, "the key is absent while it is computed");
            Ok(1)
        };
        ensure_eq!(computing(&cache, "add", add).await?, 9, "what the caller gets after an add");
        let both = async {
            handle.delete("both").await?;
            handle.set("both", &9, MINUTE).await?;
            Ok(1)
        };
        ensure_eq!(
            computing(&cache, "both", both).await?,
            1,
            "what the caller gets after a delete and a set"
        );
        let keys = ["set", "many", "add", "both"];
        for key in keys {
            ensure_eq!(cache.get::<i64>(key).await?, Some(9), "what is stored under {key}");
        }
        cache.delete_many(keys).await?;
    }
    Ok(())
}

pub(super) async fn clear_during_computation(t: &TestContext) -> Outcome {
    let cache = t.build(|b| b.key_prefix("p"))?;
    let second = cache.with_version(2);
    for handle in [cache.clone(), cache.other_mode(), cache.with_version(3)] {
        // Flights of many keys and of two versions.
        let clear = async {
            cache.set("there", &9, MINUTE).await?;
            Removal::Clear.call(&handle, "").await?;
            Ok(1)
        };
        // Boxed: each call within a call doubles the future, and there are three.
        let within = Box::pin(computing(&second, "a", Box::pin(computing(&cache, "b", clear))));
        let inner = async { Ok(within.await? + 1) };
        ensure_eq!(computing(&cache, "a", inner).await?, 2, "what the caller gets after a clear");
        ensure!(!cache.has_key("there").await?, "an entry survived a clear");
        is_gone(&second, "a", "a clear").await?;
        is_gone(&cache, "b", "a clear").await?;
        is_gone(&cache, "a", "a clear").await?;
        cache.clear().await?;
    }
    Ok(())
}

/// Callers that wait for an overtaken computation began before the removal and get its value. Callers that
/// come after the removal do not.
pub(super) async fn invalidated_waiters_agree(t: &TestContext) -> Outcome {
    const CALLERS: usize = 4;
    const ROUNDS: usize = 10;
    let cache = t.build(|b| b.single_flight_timeout(MINUTE))?;
    let mut waited = 0;
    for round in 0..ROUNDS {
        let calls = Arc::new(AtomicI64::new(0));
        let leading = Arc::new(AtomicBool::new(false));
        let misses = cache.cache.stats().misses;
        let (racers, counter) = (cache.clone(), Arc::clone(&calls));
        let got = t
            .race(CALLERS, move |number, _| {
                let (cache, calls, leading) = (racers.clone(), Arc::clone(&counter), Arc::clone(&leading));
                async move {
                    let key = format!("k{round}");
                    if number > 0 {
                        until(cache.mode, || leading.load(SeqCst)).await;
                        return Ok(cache
                            .get_or_set(&key, MINUTE, || 10 + calls.fetch_add(1, SeqCst))
                            .await?);
                    }
                    let work = async {
                        leading.store(true, SeqCst);
                        // All have looked by then, and are about to wait.
                        let start = Instant::now();
                        let all = misses + CALLERS as u64;
                        let come = || cache.cache.stats().misses >= all || start.elapsed() > MINUTE / 2;
                        until(cache.mode, come).await;
                        sleep(cache.mode, Duration::from_millis(5)).await;
                        cache.delete(&key).await?;
                        Ok(1)
                    };
                    computing(&cache, &key, work).await
                }
            })
            .await?;
        let stored = cache.get::<i64>(&format!("k{round}")).await?;
        let calls = calls.load(SeqCst);
        // A caller that was too late to wait computes, and every later caller gets that value.
        let agree = got.iter().all(|&value| value == 1 || stored == Some(value));
        ensure!(
            agree && calls <= 1 && stored != Some(1),
            "round {round}: the callers got {got:?} with {calls} more calls, and {stored:?} is stored"
        );
        ensure_eq!(got[0], 1, "what the first caller gets");
        waited += got[1..].iter().filter(|&&value| value == 1).count();
    }
    ensure!(waited > 0, "in {ROUNDS} rounds no caller that waited got the value");
    Ok(())
}

/// Who computes beside a flight is overtaken like any other: from inside the function, and where
/// single flight is off.
pub(super) async fn solo_is_invalidated(t: &TestContext) -> Outcome {
    let cache = t.cache();
    for removal in Removal::OF_A_KEY.into_iter().chain([Removal::Clear]) {
        let key = format!("{removal:?}");
        let removes = async {
            removal.call(&cache, &key).await?;
            Ok(1)
        };
        let inside = async { Ok(computing(&cache, &key, removes).await? + 1) };
        ensure_eq!(computing(&cache, &key, inside).await?, 2, "what the outer caller gets");
        is_gone(&cache, &key, removal).await?;
    }
    let off = t.build(|b| b.single_flight_timeout(Duration::ZERO))?;
    let state = Arc::new((AtomicBool::new(false), AtomicBool::new(false)));
    let racers = off.clone();
    t.race(2, move |number, mut gate| {
        let (cache, state) = (racers.clone(), Arc::clone(&state));
        async move {
            gate.wait().await?;
            let (leading, removed) = (&state.0, &state.1);
            let start = Instant::now();
            let late = || start.elapsed() > MINUTE / 2;
            let work = async {
                if number == 0 {
                    leading.store(true, SeqCst);
                    until(cache.mode, || removed.load(SeqCst) || late()).await;
                    return Ok(0);
                }
                cache.delete("off").await?;
                removed.store(true, SeqCst);
                Ok(1)
            };
            if number == 1 {
                until(cache.mode, || leading.load(SeqCst) || late()).await;
            }
            let got = computing(&cache, "off", work).await?;
            let own = i64::try_from(number).map_err(|_| Stop::broken("two racers"))?;
            ensure_eq!(got, own, "what caller {number} gets with single flight off");
            Ok(())
        }
    })
    .await?;
    is_gone(&off, "off", "a delete with single flight off").await
}
