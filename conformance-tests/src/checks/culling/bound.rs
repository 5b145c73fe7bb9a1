//! Checks the number of entries: the limit holds, and a cull takes the share it should.

use cache_core::{MAX_BATCH_LEN, Timeout};

use super::{count, fill, present};
use crate::checks::LONG;
use crate::checks::faulty_value::UNWRITABLE;
use crate::context::TestContext;
use crate::outcome::Outcome;
use crate::spec::Spec;
use crate::test_cache::TestCache;

/// Limits at which every backend's culling is exact.
const SMALL: [u64; 4] = [1, 3, 30, 300];

pub(super) async fn at_max_keeps_all(t: &TestContext) -> Outcome {
    for max in SMALL {
        let cache = t.culling_cache(&format!("m{max}"), max, 3)?;
        fill(&cache, 0..max).await?;
        ensure_eq!(count(&cache)?, max, "entries at the limit of {max}");
        ensure_eq!(present(&cache, max).await?.len() as u64, max, "keys at the limit of {max}");
        for n in 0..max {
            ensure_eq!(cache.get::<u64>(&format!("k{n}")).await?, Some(n), "k{n} at the limit of {max}");
        }
    }
    // Filled by a batch, too.
    let cache = t.culling_cache("batch", 300, 3)?;
    cache.set_many((0..300).map(|n| (format!("k{n}"), n)), LONG).await?;
    ensure_eq!(present(&cache, 300).await?.len(), 300, "keys set in a batch");
    Ok(())
}

/// Writes the new key `kN` in one of the ways in which there are new keys.
async fn write_new(cache: &TestCache, n: u64) -> Outcome {
    let key = format!("k{n}");
    match n % 5 {
        0 => cache.set(&key, &n, LONG).await?,
        1 => ensure!(cache.add(&key, &n, Timeout::Never).await?, "{key} is new, and add says no"),
        2 => ensure_eq!(cache.set_many([(&key, n)], Timeout::Default).await?.len(), 0, "keys that failed"),
        3 => ensure_eq!(cache.get_or_set(&key, LONG, || n).await?, n),
        _ => {
            let elsewhere = cache.with_version(77);
            elsewhere.set(&key, &n, LONG).await?;
            ensure_eq!(elsewhere.incr_version_by(&key, -76).await?, 1);
        }
    }
    Ok(())
}

pub(super) async fn bound_always(t: &TestContext) -> Outcome {
    for max in SMALL {
        for frequency in [0, 1, 3] {
            let cache = t.culling_cache(&format!("m{max}f{frequency}"), max, frequency)?;
            for n in 0..2 * max + 7 {
                write_new(&cache, n).await?;
                let now = count(&cache)?;
                ensure!(
                    now <= max,
                    "{now} entries after {} writes, at most {max} (frequency {frequency})",
                    n + 1
                );
                ensure!(now >= 1, "the store is empty after a write");
            }
        }
    }
    in_batches(t).await?;
    by_several(t).await
}

/// A larger limit, where a store need not cull exactly, and batches larger than a limit.
async fn in_batches(t: &TestContext) -> Outcome {
    let max = 3_000;
    let cache = t.culling_cache("large", max, 3)?;
    for start in (0..5_000).step_by(250) {
        cache.set_many((start..start + 250).map(|n| (format!("k{n}"), n)), LONG).await?;
        let now = count(&cache)?;
        ensure!(now <= max, "{now} entries, at most {max}");
        ensure!(start >= max || now == start + 250, "{now} entries of {}: culled below {max}", start + 250);
    }
    // Of 3,000 a cull takes 1,000 at the most, and it took some at least once.
    ensure!(count(&cache)? >= max / 2, "only {} entries are left of {max}", count(&cache)?);

    let cache = t.culling_cache("small", 30, 3)?;
    let len = MAX_BATCH_LEN as u64 + 100;
    cache.set_many((0..len).map(|n| (format!("k{n}"), n)), LONG).await?;
    ensure!((1..=30).contains(&count(&cache)?), "{} entries after a large batch, at most 30", count(&cache)?);
    let last = format!("k{}", len - 1);
    ensure_eq!(cache.get::<u64>(&last).await?, Some(len - 1), "the last key of a large batch");
    Ok(())
}

/// Several write new keys at once: at no moment does any of them count more than the limit.
async fn by_several(t: &TestContext) -> Outcome {
    for max in [1, 30] {
        let cache = t.culling_cache(&format!("several{max}"), max, 3)?;
        let racers = cache.clone();
        t.race(3, move |number, mut gate| {
            let cache = racers.clone();
            async move {
                gate.wait().await?;
                for n in 0..150 {
                    cache.set(&format!("r{number}k{n}"), &n, LONG).await?;
                    let now = count(&cache)?;
                    ensure!(now <= max, "{now} entries while several write, at most {max}");
                }
                Ok(())
            }
        })
        .await?;
        ensure!(count(&cache)? >= 1, "nothing is left");
        // A counter that drifted would show: a cleared store takes the limit again, and no more.
        cache.clear().await?;
        ensure_eq!(count(&cache)?, 0, "entries after clear");
        fill(&cache, 0..max).await?;
        ensure_eq!(present(&cache, max).await?.len() as u64, max, "keys after clear");
        fill(&cache, max..max + 1).await?;
        ensure!(count(&cache)? <= max, "{} entries after clear, at most {max}", count(&cache)?);
    }
    Ok(())
}

pub(super) async fn new_key_survives(t: &TestContext) -> Outcome {
    for max in [1, 2, 3, 30] {
        for frequency in 0..4 {
            let cache = t.culling_cache(&format!("m{max}f{frequency}"), max, frequency)?;
            for n in 0..3 * max + 5 {
                write_new(&cache, n).await?;
                let value = cache.get::<u64>(&format!("k{n}")).await?;
                ensure_eq!(value, Some(n), "a new key, at most {max}, frequency {frequency}");
            }
        }
    }
    Ok(())
}

/// The key beyond the limit leaves `rest` of the `max` others, and the next ones cost nothing
/// until the store is full again.
async fn leaves(t: &TestContext, frequency: u32, max: u64, rest: u64) -> Outcome {
    let cache = t.culling_cache(&format!("m{max}f{frequency}"), max, frequency)?;
    let mut next = max;
    fill(&cache, 0..max).await?;
    for round in 0..3 {
        fill(&cache, next..next + 1).await?;
        next += 1;
        let found = present(&cache, next).await?;
        let what = format!("at most {max}, frequency {frequency}, cull {round}");
        ensure_eq!(found.len() as u64, rest + 1, "keys left; {what}");
        ensure_eq!(count(&cache)?, rest + 1, "entries left; {what}");
        ensure_eq!(found.last(), Some(&(next - 1)), "the new key; {what}");
        let room = max - rest - 1;
        fill(&cache, next..next + room).await?;
        next += room;
        ensure_eq!(present(&cache, next).await?.len() as u64, max, "full again; {what}");
    }
    Ok(())
}

pub(super) async fn freq_3(t: &TestContext) -> Outcome {
    for (max, rest) in [(30, 20), (3, 2), (2, 1), (1, 0), (300, 200)] {
        leaves(t, 3, max, rest).await?;
    }
    Ok(())
}

pub(super) async fn freq_2(t: &TestContext) -> Outcome {
    for (max, rest) in [(30, 15), (2, 1), (1, 0), (300, 150)] {
        leaves(t, 2, max, rest).await?;
    }
    Ok(())
}

pub(super) async fn freq_0_clears(t: &TestContext) -> Outcome {
    for max in SMALL {
        leaves(t, 0, max, 0).await?;
    }
    Ok(())
}

pub(super) async fn freq_1(t: &TestContext) -> Outcome {
    for max in SMALL {
        leaves(t, 1, max, 0).await?;
    }
    Ok(())
}

pub(super) async fn max_1(t: &TestContext) -> Outcome {
    for frequency in [0, 1, 2, 3, 1_000] {
        let cache = t.culling_cache(&format!("f{frequency}"), 1, frequency)?;
        for round in 0..5 {
            cache.set("a", &round, LONG).await?;
            ensure_eq!(cache.get::<i64>("a").await?, Some(round), "frequency {frequency}");
            ensure!(!cache.add("a", &100, LONG).await?, "an add of the one key");
            ensure_eq!(cache.incr("a").await?, round + 1);
            ensure!(cache.add("b", &round, LONG).await?, "an add of another key");
            ensure_eq!(cache.get::<i64>("b").await?, Some(round), "frequency {frequency}");
            ensure_eq!(cache.get::<i64>("a").await?, None, "the key that made room");
            ensure_eq!(count(&cache)?, 1, "entries");
            ensure!(cache.delete("b").await?);
            ensure_eq!(count(&cache)?, 0, "entries");
        }
    }
    Ok(())
}

pub(super) async fn max_0_config_err(t: &TestContext) -> Outcome {
    // Skipped if the backend has no limit to set.
    t.culling_cache("one", 1, 3)?;
    for cull_frequency in [0, 3] {
        let spec = Spec { max_entries: Some(0), cull_frequency, ..t.spec("none")? };
        ensure_err!(t.open(&spec).map(drop), InvalidCacheBackend, "a limit of 0 entries");
    }
    // Refused, it holds nothing: the location is free for a limit that can be.
    t.culling_cache("none", 1, 3)?.set("k", &1, LONG).await?;
    Ok(())
}

/// Everything that finds its key there already, on a full store.
pub(super) async fn overwrite_never_evicts(t: &TestContext) -> Outcome {
    for max in SMALL {
        for frequency in [0, 1, 3] {
            let cache = t.culling_cache(&format!("m{max}f{frequency}"), max, frequency)?;
            fill(&cache, 0..max).await?;
            for n in 0..max {
                let key = format!("k{n}");
                cache.set(&key, &n, LONG * 2).await?;
                cache.set_many([(&key, n)], Timeout::Never).await?;
                ensure!(cache.touch(&key, LONG).await?);
                cache.incr_by(&key, 5).await?;
                cache.decr_by(&key, 5).await?;
                ensure_eq!(cache.get_or_set(&key, LONG, || 1_000).await?, n);
                ensure_eq!(cache.incr_version(&key).await?, 2);
                ensure_eq!(cache.with_version(2).decr_version(&key).await?, 1);
            }
            cache.set_many((0..max).map(|n| (format!("k{n}"), n)), LONG).await?;
            cache.set("k0", "larger, and of another type", LONG).await?;
            let left = present(&cache, max).await?.len() as u64;
            ensure_eq!(left, max, "keys after overwriting all of {max}, frequency {frequency}");
            ensure_eq!(count(&cache)?, max, "entries after overwriting all of {max}, frequency {frequency}");
        }
    }
    Ok(())
}

/// Everything that stores nothing, on a full store.
pub(super) async fn failed_add_never_evicts(t: &TestContext) -> Outcome {
    for max in SMALL {
        let cache = t.culling_cache(&format!("m{max}"), max, 3)?;
        fill(&cache, 0..max).await?;
        for n in 0..max {
            ensure!(!cache.add(&format!("k{n}"), &1_000, LONG).await?, "an add of k{n}, which exists");
        }
        ensure!(cache.add("zero", &1, Timeout::from_secs(0)).await?, "an add that expires at once");
        cache.set("zero", &1, Timeout::from_secs(0)).await?;
        cache.set_many([("zero", 1), ("nil", 2)], Timeout::from_secs(0)).await?;
        ensure_eq!(cache.get_or_set("zero", Timeout::from_secs(0), || 5).await?, 5);
        ensure!(!cache.touch("absent", LONG).await?);
        ensure!(!cache.delete("absent").await?);
        ensure_err!(cache.incr("absent").await, KeyNotFound);
        ensure_err!(cache.incr_version("absent").await, KeyNotFound);
        ensure_err!(cache.incr_version_by("k0", i64::MAX).await, Overflow);
        ensure_err!(cache.set("unwritable", &UNWRITABLE, LONG).await, Encode);
        ensure_err!(cache.add("unwritable", &UNWRITABLE, LONG).await, Encode);
        if let Ok(limit) = t.max_value_size() {
            let huge = vec![0; limit + 1];
            ensure_err!(cache.set_bytes("huge", huge, LONG).await, ValueTooLarge);
        }
        ensure_eq!(present(&cache, max).await?.len() as u64, max, "keys after writes that store nothing");
        for n in 0..max {
            ensure_eq!(cache.get::<u64>(&format!("k{n}")).await?, Some(n));
        }
    }
    Ok(())
}

/// All handles of one location count together, whatever their prefixes and versions.
pub(super) async fn shared_limit(t: &TestContext) -> Outcome {
    let one = t.culling_cache("shared", 30, 3)?;
    let prefixed = t.suite.builder(std::sync::Arc::clone(one.cache.backend())).key_prefix("p").build()?;
    let prefixed = TestCache { cache: prefixed, mode: t.mode() };
    fill(&one, 0..20).await?;
    fill(&prefixed, 0..10).await?;
    ensure_eq!(present(&one, 20).await?.len() + present(&prefixed, 10).await?.len(), 30, "at the limit");
    one.with_version(2).set("k0", &0, LONG).await?;
    let all =
        [present(&one, 20).await?, present(&prefixed, 10).await?, present(&one.with_version(2), 1).await?];
    ensure_eq!(all.iter().map(Vec::len).sum::<usize>(), 21, "one more, in another version");

    t.needs_shared_locations()?;
    one.clear().await?;
    let other = t.culling_cache("shared", 30, 3)?;
    for n in 0..100 {
        let cache = if n % 3 == 0 { &one } else { &other };
        fill(cache, n..n + 1).await?;
        ensure!(count(&one)? <= 30 && count(&other)? <= 30, "{} entries, at most 30", count(&one)?);
        if n == 29 {
            ensure_eq!(present(&one, 30).await?.len(), 30, "at the limit, by two handles");
        }
        if n == 30 {
            ensure_eq!(present(&other, 31).await?.len(), 21, "one more, by two handles");
        }
    }
    Ok(())
}

pub(super) async fn delete_frees_slot(t: &TestContext) -> Outcome {
    for max in [1, 30] {
        let cache = t.culling_cache(&format!("m{max}"), max, 3)?;
        fill(&cache, 0..max).await?;
        // Each frees one place, and the new key takes that and no other.
        for n in 0..6 {
            let last = format!("k{}", max - 1);
            match n {
                0 => ensure!(cache.delete(&last).await?),
                1 => cache.delete_many([&last]).await?,
                2 => cache.set(&last, &0, Timeout::from_secs(0)).await?,
                3 => ensure!(cache.touch(&last, Timeout::from_secs(0)).await?),
                4 => ensure_eq!(cache.set_many([(&last, 0)], Timeout::from_secs(0)).await?.len(), 0),
                _ if max == 1 => ensure!(cache.delete(&last).await?),
                _ => {
                    // Two become one.
                    cache.incr_version("k0").await?;
                    ensure!(cache.delete(&last).await?);
                    cache.set("k0", &0, LONG).await?;
                    cache.incr_version("k0").await?;
                    cache.with_version(2).decr_version("k0").await?;
                }
            }
            ensure_eq!(count(&cache)?, max - 1, "entries after way {n} to remove one");
            cache.set(&last, &n, LONG).await?;
            ensure_eq!(present(&cache, max).await?.len() as u64, max, "keys after way {n} to remove one");
        }
        cache.clear().await?;
        ensure_eq!(count(&cache)?, 0, "entries after clear");
        fill(&cache, 0..max).await?;
        ensure_eq!(present(&cache, max).await?.len() as u64, max, "keys after clear");
    }
    Ok(())
}

pub(super) async fn unlimited(t: &TestContext) -> Outcome {
    // More than Django's 300, and more than any small default.
    const LEN: u64 = 2_000;
    let cache = t.cache();
    cache.set_many((0..LEN - 10).map(|n| (format!("k{n}"), n)), LONG).await?;
    fill(&cache, LEN - 10..LEN).await?;
    let found = cache.get_many::<u64, _>((0..LEN).map(|n| format!("k{n}"))).await?;
    ensure_eq!(found.len() as u64, LEN, "keys");
    if let Some(entries) = cache.cache.backend().entries()? {
        ensure_eq!(entries, LEN, "entries");
    }
    Ok(())
}
