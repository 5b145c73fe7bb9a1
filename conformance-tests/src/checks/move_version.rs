//! Family W: `incr_version` and `decr_version`.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use cache_core::{KeyPolicy, Timeout};
use futures_lite::future::yield_now;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::MINUTE;
use crate::check::Check;
use crate::context::TestContext;
use crate::outcome::{Outcome, Stop};
use crate::test_cache::TestCache;

pub(crate) const CHECKS: &[Check] = &[
    check!("W", moves),
    check!("W", returns_new_version),
    check!("W", decr),
    check!("W", delta_n),
    check!("W", missing_err).storeless(),
    check!("W", expired_err),
    check!("W", null_moves),
    check!("W", type_preserved),
    check!("W", overwrites_target),
    check!("W", zero_delta_noop),
    check!("W", below_zero),
    check!("W", overflow_err_kept),
    check!("W", ttl_preserved),
    check!("W", never_invisible).real_time(),
];

/// Long enough to be read before it ends, short enough to wait for.
const SHORT: Duration = Duration::from_millis(400);

/// The versions among `versions` under which `key` is found, by `get` and by `has_key`.
async fn found_under(cache: &TestCache, key: &str, versions: &[i64]) -> Outcome<Vec<i64>> {
    let mut found = Vec::new();
    for &version in versions {
        let cache = cache.with_version(version);
        let present = cache.has_key(key).await?;
        ensure_eq!(
            cache.get::<i64>(key).await?.is_some(),
            present,
            "get against has_key in version {version}"
        );
        if present {
            found.push(version);
        }
    }
    Ok(found)
}

/// Whether a key that was set at `start` for [`SHORT`] was moved. If the machine was too slow, the key may be
/// gone.
fn move_soon(t: &TestContext, start: Instant, moved: cache_core::Result<i64>) -> Outcome<bool> {
    match moved {
        Err(_) if t.overslept(start, SHORT) => Ok(false),
        moved => Ok(moved.map(|_| true)?),
    }
}

async fn moves(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("k", &7, MINUTE).await?;
    cache.set("other", &8, MINUTE).await?;
    cache.incr_version("k").await?;
    ensure_eq!(cache.get::<i64>("k").await?, None, "the old version");
    ensure!(!cache.has_key("k").await?, "the old version is still there");
    ensure_eq!(cache.with_version(2).get::<i64>("k").await?, Some(7), "the new version");
    ensure_eq!(cache.get::<i64>("other").await?, Some(8), "another key");
    ensure!(!cache.with_version(2).has_key("other").await?, "another key moved along");

    let prefixed = t.build(|b| b.key_prefix("p").version(5))?;
    prefixed.set("k", &1, MINUTE).await?;
    ensure_eq!(prefixed.incr_version("k").await?, 6);
    ensure_eq!(found_under(&prefixed, "k", &[1, 2, 5, 6]).await?, [6]);
    ensure_eq!(found_under(&cache, "k", &[1, 2, 5, 6]).await?, [2], "the cache with another prefix");
    // The old place is free again.
    ensure!(cache.add("k", &9, MINUTE).await?);
    ensure_eq!(
        cache.with_version(2).get::<i64>("k").await?,
        Some(7),
        "the moved one, after an add under the old"
    );
    Ok(())
}

async fn returns_new_version(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("k", &1, MINUTE).await?;
    ensure_eq!(cache.incr_version("k").await?, 2);
    ensure_eq!(cache.with_version(2).incr_version("k").await?, 3);
    // The handle's version counts, whatever the cache's own is.
    cache.with_version(40).set("k", &1, MINUTE).await?;
    ensure_eq!(cache.with_version(40).incr_version_by("k", 2).await?, 42);
    ensure_eq!(cache.with_version(42).decr_version_by("k", 2).await?, 40);
    ensure_eq!(found_under(&cache, "k", &[1, 2, 3, 4, 40, 41, 42]).await?, [3, 40]);
    Ok(())
}

async fn decr(t: &TestContext) -> Outcome {
    let cache = t.cache().with_version(2);
    cache.set("k", &7, MINUTE).await?;
    ensure_eq!(cache.decr_version("k").await?, 1);
    ensure_eq!(found_under(&cache, "k", &[0, 1, 2, 3]).await?, [1]);
    ensure_eq!(cache.with_version(1).get::<i64>("k").await?, Some(7));
    ensure_err!(cache.decr_version("k").await, KeyNotFound, "decr_version of the place it left");
    Ok(())
}

async fn delta_n(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let mut version = 1;
    cache.set("k", &7, MINUTE).await?;
    for delta in [5, 1_000, -3, 1 << 40] {
        let from = cache.with_version(version);
        ensure_eq!(from.incr_version_by("k", delta).await?, version + delta);
        ensure_eq!(
            found_under(&cache, "k", &[version, version + 1, version + delta]).await?,
            [version + delta]
        );
        version += delta;
    }
    for delta in [1 << 40, -3, 2] {
        ensure_eq!(cache.with_version(version).decr_version_by("k", delta).await?, version - delta);
        ensure_eq!(found_under(&cache, "k", &[version, version - delta]).await?, [version - delta]);
        version -= delta;
    }

    // A version with one more digit may make a key too long: refused before anything happens.
    let strict = t.build(|b| b.key_policy(KeyPolicy::Refuse).version(9))?;
    let longest = "k".repeat(250 - strict.cache.make_key("")?.len());
    strict.set(&longest, &1, MINUTE).await?;
    ensure_err!(strict.incr_version(&longest).await, InvalidCacheKey);
    ensure_eq!(strict.get::<i64>(&longest).await?, Some(1), "after a move to a key that is too long");
    Ok(())
}

/// The moves that each must fail where there is nothing to move.
async fn nothing_moves(cache: &TestCache, key: &str) -> Outcome {
    for delta in [1, 5, 0, -1] {
        ensure_err!(cache.incr_version_by(key, delta).await, KeyNotFound, "incr_version by {delta}");
        ensure_err!(cache.decr_version_by(key, delta).await, KeyNotFound, "decr_version by {delta}");
    }
    Ok(())
}

async fn missing_err(t: &TestContext) -> Outcome {
    let cache = t.cache();
    nothing_moves(&cache, "k").await?;
    ensure_eq!(found_under(&cache, "k", &[-4, 0, 1, 2, 6]).await?, [0; 0], "after moves of a missing key");
    if !t.capabilities().stores {
        return Ok(());
    }
    // What is under the target stays, and so does a deleted key's absence.
    cache.with_version(2).set("k", &2, MINUTE).await?;
    cache.with_version(0).set("k", &0, MINUTE).await?;
    nothing_moves(&cache, "k").await?;
    ensure_eq!(cache.with_version(2).get::<i64>("k").await?, Some(2), "the target of incr_version");
    ensure_eq!(cache.with_version(0).get::<i64>("k").await?, Some(0), "the target of decr_version");
    cache.set("k", &1, MINUTE).await?;
    cache.delete("k").await?;
    nothing_moves(&cache, "k").await?;
    ensure_eq!(found_under(&cache, "k", &[0, 1, 2]).await?, [0, 2]);
    Ok(())
}

async fn expired_err(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("k", &1, SHORT).await?;
    cache.set("over", &1, SHORT).await?;
    cache.with_version(2).set("over", &2, MINUTE).await?;
    t.outlive(SHORT).await;
    nothing_moves(&cache, "k").await?;
    ensure_eq!(found_under(&cache, "k", &[0, 1, 2]).await?, [0; 0], "an expired key came back");
    nothing_moves(&cache, "over").await?;
    ensure_eq!(cache.with_version(2).get::<i64>("over").await?, Some(2), "the target of an expired key");
    Ok(())
}

async fn null_moves(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("none", &None::<i64>, MINUTE).await?;
    cache.set("unit", &(), MINUTE).await?;
    ensure_eq!(cache.incr_version("none").await?, 2);
    ensure_eq!(cache.incr_version("unit").await?, 2);
    ensure_eq!(cache.get::<Option<i64>>("none").await?, None, "the old version");
    ensure_eq!(cache.with_version(2).get::<Option<i64>>("none").await?, Some(None), "the new version");
    ensure_eq!(cache.with_version(2).get::<()>("unit").await?, Some(()), "the new version");
    ensure_eq!(cache.with_version(2).decr_version("none").await?, 1);
    ensure_eq!(cache.get::<Option<i64>>("none").await?, Some(None), "moved back");
    Ok(())
}

async fn same_after_move<V>(cache: &TestCache, key: &str, value: V) -> Outcome
where
    V: Serialize + DeserializeOwned + PartialEq + Debug + Send + Sync,
{
    cache.set(key, &value, MINUTE).await?;
    cache.incr_version(key).await?;
    ensure_eq!(cache.with_version(2).get::<V>(key).await?.as_ref(), Some(&value), "{key} after a move");
    Ok(())
}

async fn type_preserved(t: &TestContext) -> Outcome {
    let cache = t.cache();
    same_after_move(&cache, "int", i64::MIN).await?;
    same_after_move(&cache, "text", "12".to_owned()).await?;
    same_after_move(&cache, "empty", String::new()).await?;
    same_after_move(&cache, "bool", true).await?;
    same_after_move(&cache, "float", -0.5).await?;
    same_after_move(&cache, "list", vec![Some(1), None]).await?;
    same_after_move(&cache, "map", BTreeMap::from([("a".to_owned(), 1.5)])).await?;
    cache.set_bytes("bytes", &b"\xff\x00"[..], MINUTE).await?;
    cache.incr_version("bytes").await?;
    let moved = cache.with_version(2);
    ensure_eq!(moved.get_bytes("bytes").await?.as_deref(), Some(&b"\xff\x00"[..]));
    // An integer still counts, and a number in a string still does not.
    ensure_eq!(moved.incr("int").await?, i64::MIN + 1);
    ensure_err!(moved.incr("text").await, NotAnInteger);
    Ok(())
}

async fn overwrites_target(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("k", &1, MINUTE).await?;
    cache.with_version(2).set("k", "a string that exists already", Timeout::Never).await?;
    ensure_eq!(cache.incr_version("k").await?, 2);
    ensure_eq!(found_under(&cache, "k", &[1, 2, 3]).await?, [2]);
    ensure_eq!(cache.with_version(2).get::<i64>("k").await?, Some(1));

    cache.with_version(1).set("k", "again", MINUTE).await?;
    ensure_eq!(cache.with_version(2).decr_version("k").await?, 1);
    ensure_eq!(cache.get::<i64>("k").await?, Some(1), "the target of decr_version");
    // The lifetime of the overwritten entry is gone with it.
    let start = Instant::now();
    cache.set("k", &3, SHORT).await?;
    cache.with_version(2).set("k", &2, Timeout::Never).await?;
    if move_soon(t, start, cache.incr_version("k").await)? {
        t.outlive(SHORT).await;
        ensure_eq!(
            found_under(&cache, "k", &[1, 2]).await?,
            [0; 0],
            "a short-lived key over an immortal one"
        );
    }
    Ok(())
}

async fn zero_delta_noop(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let start = Instant::now();
    cache.set("short", &7, SHORT).await?;
    for version in [1, -2] {
        let cache = cache.with_version(version);
        cache.set("k", &7, MINUTE).await?;
        ensure_eq!(cache.incr_version_by("k", 0).await?, version);
        ensure_eq!(cache.decr_version_by("k", 0).await?, version);
        ensure_eq!(cache.get::<i64>("k").await?, Some(7), "after moves by 0");
    }
    move_soon(t, start, cache.incr_version_by("short", 0).await)?;
    t.outlive(SHORT).await;
    ensure_eq!(cache.get::<i64>("short").await?, None, "a lifetime after a move by 0");
    Ok(())
}

async fn below_zero(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("k", &7, MINUTE).await?;
    ensure_eq!(cache.decr_version("k").await?, 0);
    ensure_eq!(cache.with_version(0).decr_version("k").await?, -1);
    ensure_eq!(cache.with_version(-1).decr_version_by("k", 100).await?, -101);
    ensure_eq!(found_under(&cache, "k", &[1, 0, -1, 100, 101, -101]).await?, [-101]);
    ensure_eq!(cache.with_version(-101).incr_version_by("k", 102).await?, 1);
    ensure_eq!(cache.incr_version_by("k", -2).await?, -1);
    ensure_eq!(cache.with_version(-1).get::<i64>("k").await?, Some(7));
    Ok(())
}

async fn overflow_err_kept(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let top = cache.with_version(i64::MAX);
    let bottom = cache.with_version(i64::MIN);
    top.set("k", &1, MINUTE).await?;
    bottom.set("k", &2, MINUTE).await?;
    for delta in [1, 2, i64::MAX] {
        ensure_err!(top.incr_version_by("k", delta).await, Overflow, "incr_version by {delta} at the top");
        ensure_err!(top.decr_version_by("k", -delta).await, Overflow, "decr_version by -{delta} at the top");
        ensure_err!(
            bottom.decr_version_by("k", delta).await,
            Overflow,
            "decr_version by {delta} at the bottom"
        );
        ensure_err!(
            bottom.incr_version_by("k", -delta).await,
            Overflow,
            "incr_version by -{delta} at the bottom"
        );
    }
    ensure_err!(top.decr_version_by("k", i64::MIN).await, Overflow);
    ensure_err!(bottom.incr_version_by("k", i64::MIN).await, Overflow);
    let ends = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
    ensure_eq!(found_under(&cache, "k", &ends).await?, [i64::MIN, i64::MAX], "after moves that overflow");
    ensure_eq!((top.get("k").await?, bottom.get("k").await?), (Some(1), Some(2)));
    // Both ends can be left and reached, and the widest step is one.
    ensure_eq!(top.decr_version("k").await?, i64::MAX - 1);
    ensure_eq!(cache.with_version(i64::MAX - 1).incr_version("k").await?, i64::MAX);
    ensure_eq!(top.incr_version_by("k", i64::MIN).await?, -1);
    ensure_eq!(cache.with_version(-1).decr_version_by("k", i64::MIN).await?, i64::MAX);
    ensure_eq!(found_under(&cache, "k", &ends).await?, [i64::MIN, i64::MAX]);
    Ok(())
}

async fn ttl_preserved(t: &TestContext) -> Outcome {
    // A default that nobody asks for: a move that resets the lifetime would show both ways.
    let long_default = t.cache();
    let short_default = t.build(|b| b.timeout(SHORT).key_prefix("short"))?;
    for (key, delta) in [("up", 1), ("down", -1)] {
        let start = Instant::now();
        long_default.set(key, &1, SHORT).await?;
        move_soon(t, start, long_default.incr_version_by(key, delta).await)?;
        let moved = long_default.with_version(1 + delta);
        ensure!(moved.has_key(key).await? || t.overslept(start, SHORT), "{key} expired too early");
        short_default.set(key, &1, MINUTE).await?;
        short_default.decr_version_by(key, -delta).await?;
    }
    short_default.set("never", &1, Timeout::Never).await?;
    short_default.incr_version("never").await?;
    t.outlive(SHORT).await;
    for (key, delta) in [("up", 1), ("down", -1)] {
        let found = found_under(&long_default, key, &[1, 1 + delta]).await?;
        ensure_eq!(found, [0; 0], "a short lifetime after moving {key}");
        let found = found_under(&short_default, key, &[1, 1 + delta]).await?;
        ensure_eq!(found, [1 + delta], "a long lifetime after moving {key}");
    }
    ensure_eq!(found_under(&short_default, "never", &[1, 2]).await?, [2], "an immortal key after a move");
    if let Ok(hands) = t.hands() {
        // The lifetime that remained, not the whole one: 60 s, of which some had passed.
        let cache = t.cache().with_version(100);
        cache.set("part", &1, MINUTE).await?;
        hands.advance(MINUTE / 2);
        cache.incr_version("part").await?;
        hands.advance(MINUTE / 2 - Duration::from_millis(1));
        ensure!(cache.with_version(101).has_key("part").await?, "what remained was cut short");
        t.outlive(Duration::from_millis(1)).await;
        ensure!(!cache.with_version(101).has_key("part").await?, "the whole lifetime started again");
        hands.advance(Duration::from_secs(10 * 365 * 86_400));
        ensure_eq!(
            found_under(&short_default, "never", &[1, 2]).await?,
            [2],
            "an immortal key, in ten years"
        );
    }
    Ok(())
}

/// One moves a value from version to version without a pause; three look under the version that
/// it is moved from and then under the next. Where both reads miss and the move is still the same
/// one, the value was under neither. More racers than cores: a mover that the scheduler stops
/// half-way leaves the others all the time to see it.
async fn never_invisible(t: &TestContext) -> Outcome {
    const LONGEST: Duration = Duration::from_millis(700);
    const MOVES: i64 = 100_000;
    t.needs(t.capabilities().atomic_rename, "it cannot move an entry in one step (atomic_rename)")?;
    let cache = t.cache();
    cache.set("k", &"v".repeat(16 * 1024), Timeout::Never).await?;
    let state = Arc::new((AtomicI64::new(1), AtomicBool::new(false)));
    t.race(4, move |number, mut gate| {
        let (cache, state) = (cache.clone(), Arc::clone(&state));
        async move {
            let (moving, done) = (&state.0, &state.1);
            gate.wait().await?;
            let start = Instant::now();
            while number == 0 && !done.load(Ordering::SeqCst) {
                let from = moving.load(Ordering::SeqCst);
                let moved = cache.with_version(from).incr_version("k").await;
                if moved.is_err() || from == MOVES || start.elapsed() > LONGEST {
                    done.store(true, Ordering::SeqCst);
                }
                ensure_eq!(moved?, from + 1);
                moving.store(from + 1, Ordering::SeqCst);
                yield_now().await;
            }
            while !done.load(Ordering::SeqCst) {
                let from = moving.load(Ordering::SeqCst);
                let (old, new) = (cache.with_version(from), cache.with_version(from + 1));
                let found = if from % 2 == 0 {
                    old.has_key("k").await? || new.has_key("k").await?
                } else {
                    old.get_bytes("k").await?.is_some() || new.get_bytes("k").await?.is_some()
                };
                if !found && moving.load(Ordering::SeqCst) == from {
                    done.store(true, Ordering::SeqCst);
                    let what = "a reader while incr_version moves an entry";
                    let expected = format!("that it finds it under version {from} or the next");
                    return Err(Stop::unexpected(what, expected, "neither has it"));
                }
                yield_now().await;
            }
            Ok(())
        }
    })
    .await
    .map(drop)
}
