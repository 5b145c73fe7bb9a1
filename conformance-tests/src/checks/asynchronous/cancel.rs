//! Checks calls that are dropped under way: the old state or the new one, and nobody is left waiting.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cache_core::ErrorKind;
use futures_lite::future::poll_once;

use crate::checks::LONG;
use crate::context::TestContext;
use crate::outcome::{Outcome, Stop};

/// Polls the future as often as it is told, and drops it.
async fn poll_and_drop<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = Box::pin(future);
    for poll in 0..polls {
        if let Some(output) = poll_once(&mut future).await {
            return Some(output);
        }
        // Sometimes at once, sometimes when the other side has had time to go on.
        match poll % 3 {
            0 => tokio::task::yield_now().await,
            1 => tokio::time::sleep(Duration::from_micros(50)).await,
            _ => std::thread::yield_now(),
        }
    }
    None
}

/// A call on a thread pool may land a little after it was dropped.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

const ROUNDS: usize = 120;

/// How often the call of this round is polled: never, once, and so on.
const fn polls(round: usize) -> usize {
    round % 6
}

pub(super) async fn cancel_set(t: &TestContext) -> Outcome {
    let cache = t.cache().cache;
    for round in 0..ROUNDS {
        let key = format!("k{round}");
        cache.aset(&key, "old", LONG).await?;
        let new = "new".repeat(1 + round * 100);
        let ended = poll_and_drop(cache.aset(&key, &new, LONG), polls(round)).await;
        ensure!(ended.is_none_or(|result| result.is_ok()), "{key}: aset failed");
        let seen = cache.aget::<String>(&key).await?;
        ensure!(seen.as_ref().is_some_and(|v| *v == "old" || *v == new), "{key}: neither old nor new");
    }
    settle().await;
    for round in 0..ROUNDS {
        let key = format!("k{round}");
        let seen = cache.aget::<String>(&key).await?.unwrap_or_default();
        ensure!(seen == "old" || seen == "new".repeat(1 + round * 100), "{key}: neither old nor new");
        ensure!(polls(round) > 0 || seen == "old", "{key}: a call that was never polled has happened");
        cache.aset(&key, "newest", LONG).await?;
        ensure_eq!(cache.aget::<String>(&key).await?.as_deref(), Some("newest"), "{key}");
    }
    Ok(())
}

pub(super) async fn cancel_incr(t: &TestContext) -> Outcome {
    let cache = t.cache().cache;
    let lifetime = Duration::from_millis(400) + t.capabilities().ttl_resolution;
    for round in 0..ROUNDS {
        cache.aset(&format!("k{round}"), &10, LONG).await?;
    }
    for round in 0..ROUNDS {
        let key = format!("k{round}");
        let ended = poll_and_drop(cache.aincr(&key), polls(round)).await.transpose()?;
        ensure!(ended.is_none_or(|sum| sum == 11), "{key}: aincr returned {ended:?}");
    }
    settle().await;
    for round in 0..ROUNDS {
        let key = format!("k{round}");
        let seen = cache.aget::<i64>(&key).await?;
        ensure!(matches!(seen, Some(10 | 11)), "{key} was 10, and after one incr it is {seen:?}");
        ensure!(polls(round) > 0 || seen == Some(10), "{key}: a call that was never polled has happened");
        let next = cache.aincr(&key).await?;
        ensure_eq!(Some(next), seen.map(|seen| seen + 1), "{key}: the next incr");
    }
    // The lifetime is whole, too: neither gone nor for ever.
    for round in 0..12 {
        let key = format!("ttl{round}");
        cache.aset(&key, &10, lifetime).await?;
        poll_and_drop(cache.aincr(&key), polls(round)).await;
    }
    settle().await;
    t.outlive(lifetime).await;
    for round in 0..12 {
        ensure!(
            !cache.ahas_key(&format!("ttl{round}")).await?,
            "an incr that was dropped left ttl{round} for ever"
        );
    }
    Ok(())
}

pub(super) async fn cancel_add(t: &TestContext) -> Outcome {
    let cache = t.cache().cache;
    let lifetime = Duration::from_millis(400) + t.capabilities().ttl_resolution;
    let begun = std::time::Instant::now();
    let mut ended = Vec::new();
    for round in 0..ROUNDS {
        let key = format!("k{round}");
        ended.push(poll_and_drop(cache.aadd(&key, "lock", lifetime), polls(round)).await.transpose()?);
    }
    settle().await;
    let seen = cache.aget_many::<String, _>((0..ROUNDS).map(|round| format!("k{round}"))).await?;
    ensure!(seen.iter().all(|(_, value)| value == "lock"), "a value that nobody added");
    for (round, ended) in ended.iter().enumerate() {
        let key = format!("k{round}");
        let held = seen.iter().any(|(name, _)| *name == key);
        ensure!(*ended != Some(false), "{key}: aadd of an absent key is false");
        ensure!(polls(round) > 0 || !held, "{key}: a call that was never polled has happened");
        ensure!(held || *ended != Some(true) || t.overslept(begun, lifetime), "{key}: added, and not held");
    }
    t.outlive(lifetime).await;
    for round in 0..ROUNDS {
        let key = format!("k{round}");
        // Held for its lifetime and no longer.
        ensure!(cache.aadd(&key, "next", LONG).await?, "{key}: a dropped add holds on beyond its lifetime");
    }
    Ok(())
}

pub(super) async fn cancel_many(t: &TestContext) -> Outcome {
    const ROUNDS: usize = 24;
    let cache = t.cache().cache;
    // Keys of its own for each round and operation: what was dropped may land later.
    let keys =
        |what: &str, round: usize| -> Vec<String> { (0..20).map(|n| format!("{what}{round}-{n}")).collect() };
    for round in 0..ROUNDS {
        let (set, deleted) = (keys("set", round), keys("deleted", round));
        for keys in [&set, &deleted] {
            cache.aset_many(keys.iter().map(|key| (key, 0)), LONG).await?;
        }
        poll_and_drop(cache.aset_many(set.iter().map(|key| (key, 1)), LONG), polls(round)).await;
        poll_and_drop(cache.adelete_many(&deleted), polls(round)).await;
        // A read under way harms nothing.
        poll_and_drop(cache.aget_many::<i64, _>(&set), polls(round)).await;
        either(&cache.aget_many::<i64, _>(&set).await?, set.len())?;
    }
    settle().await;
    for round in 0..ROUNDS {
        let (set, deleted) = (keys("set", round), keys("deleted", round));
        let found = cache.aget_many::<i64, _>(&set).await?;
        either(&found, set.len())?;
        let left = cache.aget_many::<i64, _>(&deleted).await?;
        ensure!(left.iter().all(|(_, n)| *n == 0), "after a dropped adelete_many there is {left:?}");
        if polls(round) == 0 {
            ensure!(found.iter().all(|(_, n)| *n == 0), "an aset_many that was never polled has happened");
            ensure_eq!(left.len(), deleted.len(), "keys after an adelete_many that was never polled");
        }
        // And all of them can be written.
        ensure!(cache.aset_many(set.iter().map(|key| (key, 2)), LONG).await?.is_empty());
        let found = cache.aget_many::<i64, _>(&set).await?;
        ensure!(found.len() == set.len() && found.iter().all(|(_, n)| *n == 2), "afterwards: {found:?}");
    }
    Ok(())
}

/// Expects every key to be present, with its old value or its new one.
fn either(found: &[(&String, i64)], keys: usize) -> Outcome {
    ensure_eq!(found.len(), keys, "keys after a dropped aset_many");
    ensure!(found.iter().all(|(_, n)| *n == 0 || *n == 1), "neither old nor new: {found:?}");
    Ok(())
}

pub(super) async fn cancel_get_or_set(t: &TestContext) -> Outcome {
    const WAITERS: usize = 4;
    // Long enough that nobody is released by the end of it.
    let cache = t.build(|builder| builder.single_flight_timeout(Duration::from_secs(60)))?.cache;
    for round in 0..8 {
        let key = format!("k{round}");
        let entered = Arc::new(AtomicBool::new(false));
        let leads = Arc::clone(&entered);
        let leading = cache.clone();
        let mut leader = Box::pin(leading.aget_or_set(&key, LONG, || async move {
            leads.store(true, Ordering::SeqCst);
            std::future::pending::<i64>().await
        }));
        while !entered.load(Ordering::SeqCst) {
            ensure!(poll_once(&mut leader).await.is_none(), "the leader ended");
            tokio::task::yield_now().await;
        }
        let computed = Arc::new(AtomicUsize::new(0));
        let waiters: Vec<_> = (0..WAITERS)
            .map(|number| {
                let (cache, key, computed) = (cache.clone(), key.clone(), Arc::clone(&computed));
                tokio::spawn(async move {
                    let compute = || async move {
                        computed.fetch_add(1, Ordering::SeqCst);
                        tokio::task::yield_now().await;
                        number
                    };
                    cache.aget_or_set(&key, LONG, compute).await
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(20)).await;
        ensure!(!waiters.iter().any(tokio::task::JoinHandle::is_finished), "a waiter did not wait");
        drop(leader);
        let mut values = Vec::new();
        for waiter in waiters {
            let released = tokio::time::timeout(Duration::from_secs(20), waiter).await;
            let value = released.map_err(|_| {
                Stop::unexpected(
                    "a waiter whose leader was dropped",
                    "that it gets a value",
                    "it still waits",
                )
            })?;
            values.push(value.map_err(Stop::broken)??);
        }
        ensure!(values.iter().all(|value| *value == values[0]), "the waiters got {values:?}");
        ensure_eq!(computed.load(Ordering::SeqCst), 1, "waiters that computed");
        ensure_eq!(cache.aget(&key).await?, Some(values[0]), "what is stored");
    }
    // A waiter that goes away takes nobody with it.
    let slow = cache.clone();
    let leader = tokio::spawn(async move {
        let compute = || async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            1
        };
        slow.aget_or_set("slow", LONG, compute).await
    });
    tokio::time::sleep(Duration::from_millis(5)).await;
    for polls in 0..4 {
        poll_and_drop(cache.aget_or_set("slow", LONG, || async { 2 }), polls).await;
    }
    let value = leader.await.map_err(Stop::broken)??;
    ensure_eq!(cache.aget("slow").await?, Some(value), "after waiters were dropped");
    Ok(())
}

pub(super) async fn cancel_keeps_connection(t: &TestContext) -> Outcome {
    const KEYS: usize = 16;
    let cache = t.cache().cache;
    for n in 0..KEYS {
        cache.aset(&format!("k{n}"), &n, LONG).await?;
        cache
            .aset_bytes(
                &format!("b{n}"),
                Bytes::from(vec![u8::try_from(n).unwrap_or_default(); 20_000]),
                LONG,
            )
            .await?;
    }
    let racing = cache.clone();
    let race = t.race(4, move |racer, mut gate| {
        let cache = racing.clone();
        async move {
            let mut random = fastrand::Rng::with_seed(racer as u64);
            gate.wait().await?;
            for _ in 0..400 {
                let (one, other) = (random.usize(0..KEYS), random.usize(0..KEYS));
                let (key, bytes) = (format!("k{one}"), format!("b{one}"));
                let polls = random.usize(0..4);
                match random.u32(0..6) {
                    0 => drop(poll_and_drop(cache.aget_bytes(&bytes), polls).await),
                    1 => drop(poll_and_drop(cache.aset(&key, &one, LONG), polls).await),
                    2 => drop(poll_and_drop(cache.aget_many::<usize, _>([&key]), polls).await),
                    3 => {
                        let ended = poll_and_drop(cache.aincr("absent"), polls).await;
                        let fine = |e: &cache_core::Error| e.kind() == ErrorKind::KeyNotFound;
                        ensure!(ended.is_none_or(|r| r.as_ref().is_err_and(fine)), "incr of an absent key");
                    }
                    _ => {
                        if let Some(read) = poll_and_drop(cache.aget::<usize>(&key), polls).await {
                            ensure_eq!(read?, Some(one), "{key}");
                        }
                    }
                }
                ensure_eq!(
                    cache.aget(&format!("k{other}")).await?,
                    Some(other),
                    "k{other} after a dropped call"
                );
                let bytes = cache.aget_bytes(&format!("b{other}")).await?.unwrap_or_default();
                ensure!(
                    bytes.iter().all(|byte| usize::from(*byte) == other),
                    "b{other} after a dropped call"
                );
            }
            Ok(())
        }
    });
    race.await.map(drop)
}
