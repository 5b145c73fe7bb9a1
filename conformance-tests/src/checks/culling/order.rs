//! Checks which entries a cull takes first.

use std::time::{Duration, Instant};

use super::{count, fill, present};
use crate::checks::LONG;
use crate::context::TestContext;
use crate::outcome::Outcome;
use crate::test_cache::TestCache;

/// What has expired goes first; what lives stays as long as that makes room.
pub(super) async fn expired_first(t: &TestContext) -> Outcome {
    const SHORT: Duration = Duration::from_millis(500);
    let mut caches = Vec::new();
    for (max, live, frequency) in [(30, 15, 3), (30, 29, 3), (30, 15, 0), (3, 2, 1), (300, 100, 3)] {
        let cache = t.culling_cache(&format!("m{max}l{live}f{frequency}"), max, frequency)?;
        // Spread among the live ones: the first and the last are not all of one kind.
        let start = Instant::now();
        for n in 0..max {
            let lives = (n * live) / max != ((n + 1) * live) / max;
            let lifetime = if lives { LONG } else { SHORT };
            cache.set(&format!("{}{n}", if lives { 'l' } else { 's' }), &n, lifetime).await?;
        }
        let full = count(&cache)?;
        ensure!(full == max || t.overslept(start, SHORT), "{full} of {max} entries before they expire");
        caches.push((cache, max, live));
    }
    t.outlive(SHORT).await;
    for (cache, max, live) in caches {
        // New keys take the places of the expired ones, all of them, before a live one goes.
        for n in 0..max - live {
            cache.set(&format!("k{n}"), &n, LONG).await?;
            let left = live_keys(&cache, max).await?;
            ensure_eq!(left, live, "live keys of {live}, at most {max}, after {} new keys", n + 1);
            ensure!(count(&cache)? <= max, "{} entries, at most {max}", count(&cache)?);
        }
        ensure_eq!(present(&cache, max - live).await?.len() as u64, max - live, "the new keys");
    }
    Ok(())
}

async fn live_keys(cache: &TestCache, max: u64) -> Outcome<u64> {
    let found = cache.get_many::<u64, _>((0..max).map(|n| format!("l{n}"))).await?;
    Ok(found.len() as u64)
}

/// A way to touch upon an entry.
#[derive(Clone, Copy, Debug)]
enum Use {
    Get,
    GetMany,
    GetOrSet,
    Set,
    SetMany,
    Incr,
    HasKey,
}

/// Fills a store of 30, uses some of the oldest entries, and writes one more. The ten least recently used
/// keys must be the ones evicted, whether that counts the uses or not.
async fn next_to_go(t: &TestContext, way: Use, counts: bool) -> Outcome {
    let cache = t.culling_cache(&format!("{way:?}"), 30, 3)?;
    t.needs(cache.cache.backend().capabilities().lru, "it does not cull the least recently used (lru)")?;
    let mut order: Vec<u64> = (0..30).collect();
    fill(&cache, 0..30).await?;
    let mut new = 30;
    for used in [vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 9], vec![10], vec![9, 12, 29, 0]] {
        for n in used.into_iter().filter(|n| order.contains(n)).collect::<Vec<_>>() {
            use_once(&cache, way, n).await?;
            if counts {
                order.retain(|&other| other != n);
                order.push(n);
            }
        }
        // The first ten go, and the store is filled up again.
        order.drain(..10);
        for room in 0..10 {
            fill(&cache, new..new + 1).await?;
            order.push(new);
            new += 1;
            if room == 0 {
                let mut expected = order.clone();
                expected.sort_unstable();
                ensure_eq!(
                    present(&cache, new).await?,
                    expected,
                    "what is left, where {way:?} counts: {counts}"
                );
            }
        }
    }
    Ok(())
}

async fn use_once(cache: &TestCache, way: Use, n: u64) -> Outcome {
    let key = format!("k{n}");
    match way {
        Use::Get => drop(cache.get::<u64>(&key).await?),
        Use::GetMany => drop(cache.get_many::<u64, _>([&key]).await?),
        Use::GetOrSet => drop(cache.get_or_set(&key, LONG, || n).await?),
        Use::Set => cache.set(&key, &n, LONG).await?,
        Use::SetMany => drop(cache.set_many([(&key, n)], LONG).await?),
        Use::Incr => drop(cache.incr(&key).await?),
        Use::HasKey => ensure!(cache.has_key(&key).await?, "{key} is gone"),
    }
    Ok(())
}

pub(super) async fn lru_get(t: &TestContext) -> Outcome {
    next_to_go(t, Use::Get, true).await?;
    next_to_go(t, Use::GetMany, true).await?;
    next_to_go(t, Use::GetOrSet, true).await
}

pub(super) async fn lru_set(t: &TestContext) -> Outcome {
    next_to_go(t, Use::Set, true).await?;
    next_to_go(t, Use::SetMany, true).await
}

pub(super) async fn lru_incr(t: &TestContext) -> Outcome {
    next_to_go(t, Use::Incr, true).await
}

pub(super) async fn has_key_no_promote(t: &TestContext) -> Outcome {
    next_to_go(t, Use::HasKey, false).await
}
