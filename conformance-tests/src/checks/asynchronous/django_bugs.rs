//! Checks what Django's async API gets wrong: counters, async functions for `get_or_set`, and both halves on one cache.

use std::time::{Duration, Instant};

use cache_core::{ErrorKind, Timeout};

use crate::checks::LONG;
use crate::checks::concurrency::rounds::Until;
use crate::context::TestContext;
use crate::outcome::Outcome;

pub(super) async fn incr_keeps_ttl(t: &TestContext) -> Outcome {
    let cache = t.cache().cache;
    // Two halves, each longer than the resolution, so that a restarted lifetime shows.
    let half = t.capabilities().ttl_resolution.max(Duration::from_millis(250)) * 2;
    let begun = Instant::now();
    cache.aset("up", &5, half * 2).await?;
    cache.aset("down", &5, half * 2).await?;
    cache.aset("never", &5, Timeout::Never).await?;
    t.wait(half).await;
    let (up, down) = (cache.aincr_by("up", 2).await, cache.adecr_by("down", 2).await);
    if !t.overslept(begun, half * 2) {
        ensure_eq!(up.map_err(|e| e.kind()), Ok(7));
        ensure_eq!(down.map_err(|e| e.kind()), Ok(3));
        ensure_eq!(cache.aincr("never").await?, 6);
    }
    t.outlive(half).await;
    ensure_eq!(cache.aget::<i64>("up").await?, None, "aincr gave a new lifetime");
    ensure_eq!(cache.aget::<i64>("down").await?, None, "adecr gave a new lifetime");
    ensure_eq!(cache.aincr("up").await.map_err(|e| e.kind()), Err(ErrorKind::KeyNotFound));
    if let Ok(hands) = t.hands() {
        hands.advance(Duration::from_secs(3_600));
        ensure!(cache.ahas_key("never").await?, "aincr gave a lifetime to an entry that had none");
    }
    Ok(())
}

pub(super) async fn incr_atomic(t: &TestContext) -> Outcome {
    const MOST: i64 = 1_000;
    let cache = t.cache();
    cache.set("n", &0, LONG).await?;
    let (racing, until) = (cache.clone(), Until::new());
    let race = t.race(8, move |_, mut gate| {
        let (cache, until) = (racing.clone(), until.clone());
        async move {
            gate.wait().await?;
            let mut done = 0;
            while done < 50 || done < MOST && until.goes_on(&cache).await {
                cache.cache.aincr("n").await?;
                done += 1;
            }
            Ok(done)
        }
    });
    let done: i64 = race.await?.iter().sum();
    ensure_eq!(cache.get("n").await?, Some(done), "the count after {done} steps of 8 tasks");
    // And joined in one task, where all are under way at once.
    let mut joined = Vec::new();
    for _ in 0..50 {
        let cache = cache.cache.clone();
        joined.push(tokio::spawn(async move { cache.adecr("n").await }));
    }
    let mut results = Vec::new();
    for task in joined {
        results.push(task.await.map_err(crate::outcome::Stop::broken)??);
    }
    results.sort_unstable();
    let expected: Vec<i64> = (done - 50..done).collect();
    ensure_eq!(results, expected, "the results of 50 tasks that count down");
    Ok(())
}

pub(super) async fn sync_async_interop(t: &TestContext) -> Outcome {
    let cache = t.cache().cache;
    cache.set("k", "sync", LONG)?;
    ensure_eq!(cache.aget::<String>("k").await?.as_deref(), Some("sync"));
    cache.aset("k", "async", LONG).await?;
    ensure_eq!(cache.get::<String>("k")?.as_deref(), Some("async"));
    ensure!(!cache.aadd("k", "second", LONG).await? && !cache.add("k", "second", LONG)?);
    ensure!(cache.has_key("k")? && cache.ahas_key("k").await?);
    ensure!(cache.atouch("k", Timeout::Never).await? && cache.touch("k", LONG)?);
    cache.set_bytes("bytes", "raw", LONG)?;
    ensure_eq!(cache.aget_bytes("bytes").await?.as_deref(), Some(&b"raw"[..]));
    cache.aset_bytes("bytes", "raw2", LONG).await?;
    ensure_eq!(cache.get_bytes("bytes")?.as_deref(), Some(&b"raw2"[..]));
    cache.set("n", &1, LONG)?;
    ensure_eq!([cache.aincr("n").await?, cache.incr("n")?, cache.adecr("n").await?], [2, 3, 2]);
    ensure_eq!(cache.aincr_version("n").await?, 2);
    ensure_eq!(cache.with_version(2).get("n")?, Some(2));
    ensure_eq!(cache.with_version(2).decr_version("n")?, 1);
    ensure_eq!(cache.aget("n").await?, Some(2));
    cache.aset_many([("a", 1), ("b", 2)], LONG).await?;
    ensure_eq!(cache.get_many::<i64, _>(["a", "b", "c"])?, vec![("a", 1), ("b", 2)]);
    cache.set_many([("c", 3)], LONG)?;
    ensure_eq!(cache.aget_many::<i64, _>(["c", "a"]).await?, vec![("c", 3), ("a", 1)]);
    cache.adelete_many(["a"]).await?;
    cache.delete_many(["b"])?;
    ensure!(!cache.has_key("a")? && !cache.ahas_key("b").await?);
    ensure!(cache.adelete("c").await? && !cache.delete("c")?);
    ensure_eq!(cache.aget_or_set("made", LONG, || async { 1 }).await?, 1);
    ensure_eq!(cache.get_or_set("made", LONG, || 2)?, 1);
    ensure_eq!(cache.aget_or("absent", 9).await?, cache.get_or("absent", 9)?);
    let kinds = (cache.aincr("k").await.map_err(|e| e.kind()), cache.incr("k").map_err(|e| e.kind()));
    ensure_eq!(kinds, (Err(ErrorKind::NotAnInteger), Err(ErrorKind::NotAnInteger)));
    cache.aclose().await?;
    ensure!(cache.has_key("k")?, "after aclose");
    cache.aclear().await?;
    ensure!(!cache.has_key("k")?, "after aclear");
    cache.set("k", &1, LONG)?;
    cache.clear()?;
    ensure!(!cache.ahas_key("k").await?, "after clear");
    Ok(())
}

pub(super) async fn async_closure(t: &TestContext) -> Outcome {
    let cache = t.cache().cache;
    let inner = cache.clone();
    let compute = || async move {
        tokio::time::sleep(Duration::from_millis(2)).await;
        tokio::task::yield_now().await;
        // The function may use the cache, too.
        inner.aset("other", &1, LONG).await?;
        Ok::<_, cache_core::Error>(inner.aincr_by("other", 41).await?.to_string())
    };
    let value = cache.try_aget_or_set("k", LONG, compute).await?;
    ensure_eq!(value, "42", "what the async function returned");
    ensure_eq!(cache.get::<String>("k")?.as_deref(), Some("42"), "it is the value that is stored");
    let mut called = false;
    let again = cache.aget_or_set("k", LONG, || {
        called = true;
        async { "again".to_owned() }
    });
    let again = again.await?;
    ensure!(again == "42" && !called, "the function was called on a hit");
    let failing = cache.try_aget_or_set("failed", LONG, || async {
        tokio::task::yield_now().await;
        Err::<i64, _>(cache_core::Error::storage("the function failed"))
    });
    ensure_err!(failing.await, Storage);
    ensure!(!cache.ahas_key("failed").await?, "an error was stored");
    ensure_eq!(cache.aget_or_set("failed", LONG, || async { 3 }).await?, 3, "after an error");
    Ok(())
}
