//! Checks `set_many`.

use std::time::{Duration, Instant};

use cache_core::{KeyPolicy, MAX_BATCH_LEN, Timeout};
use serde_bytes::ByteBuf;

use super::{keys, one_by_one};
use crate::checks::MINUTE;
use crate::checks::faulty_value::{Faulty, UNWRITABLE};
use crate::context::TestContext;
use crate::outcome::Outcome;

/// Long enough to be read before it ends, short enough to wait for.
const SHORT: Duration = Duration::from_millis(400);

fn owned(entries: &[(&str, i64)]) -> Vec<(String, i64)> {
    entries.iter().map(|&(key, value)| (key.to_owned(), value)).collect()
}

pub(super) async fn set_ok_no_failures(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let failed = cache.set_many([("a", 1), ("b", 2), ("c", 3)], MINUTE).await?;
    ensure_eq!(failed, [""; 0], "keys that failed");
    ensure_eq!(one_by_one(&cache, &["a", "b", "c"]).await?, owned(&[("a", 1), ("b", 2), ("c", 3)]));
    ensure_eq!(one_by_one(&cache.with_version(2), &["a", "b", "c"]).await?, [], "another version");
    ensure_eq!(cache.with_version(2).set_many([("a", 10)], MINUTE).await?, [""; 0], "a batch of one");
    ensure_eq!(cache.with_version(2).get::<i64>("a").await?, Some(10));
    ensure_eq!(cache.get::<i64>("a").await?, Some(1), "the key in the other version");
    // An integer set in a batch counts, as one set alone.
    ensure_eq!(cache.incr_by("a", 4).await?, 5);
    cache.set_many([("text", "ä"), ("empty", "")], MINUTE).await?;
    ensure_eq!(cache.get::<String>("text").await?.as_deref(), Some("ä"));
    ensure_eq!(cache.get::<String>("empty").await?.as_deref(), Some(""));
    Ok(())
}

pub(super) async fn set_empty(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("k", &1, MINUTE).await?;
    for timeout in [Timeout::Default, Timeout::Never, Timeout::After(Duration::ZERO)] {
        ensure_eq!(cache.set_many::<i64, &str>([], timeout).await?, [""; 0], "keys that failed");
    }
    let expected = t.capabilities().stores.then_some(1);
    ensure_eq!(cache.get::<i64>("k").await?, expected, "another key, after an empty set_many");
    Ok(())
}

pub(super) async fn set_ttl(t: &TestContext) -> Outcome {
    let cache = t.build(|b| b.timeout(SHORT))?;
    cache.set_many([("never", 0)], Timeout::Never).await?;
    cache.set_many([("minute", 1)], MINUTE).await?;
    // A lifetime that a batch resets or forgets shows on both sides of a batch's end.
    let last = format!("k{}", MAX_BATCH_LEN + 1);
    let start = Instant::now();
    cache.set_many(keys(0..MAX_BATCH_LEN + 2).map(|key| (key, 2)), SHORT).await?;
    cache.set_many([("default", 3)], Timeout::Default).await?;
    let early = ["k0", "k1", &last, "default"];
    let found = one_by_one(&cache, &early).await?.len();
    ensure!(
        found == early.len() || t.overslept(start, SHORT),
        "{found} of {} before they expire",
        early.len()
    );
    t.outlive(SHORT).await;
    ensure_eq!(one_by_one(&cache, &early).await?, [], "after the lifetime");
    ensure_eq!(cache.get_many::<i64, _>(keys(0..MAX_BATCH_LEN + 2)).await?, [], "after the lifetime");
    ensure_eq!(one_by_one(&cache, &["never", "minute"]).await?, owned(&[("never", 0), ("minute", 1)]));
    if let Ok(hands) = t.hands() {
        hands.advance(2 * MINUTE);
        ensure_eq!(one_by_one(&cache, &["never", "minute"]).await?, owned(&[("never", 0)]));
    }
    Ok(())
}

pub(super) async fn set_zero_removes(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let zeroes = [Timeout::After(Duration::ZERO), Timeout::from_secs(0), Timeout::from_secs(-5)];
    for zero in zeroes {
        cache.set_many([("a", 1), ("b", 2), ("c", 3)], MINUTE).await?;
        let failed = cache.set_many([("a", 10), ("c", 30), ("absent", 40)], zero).await?;
        ensure_eq!(failed, [""; 0], "keys that failed");
        let all = ["a", "b", "c", "absent"];
        ensure_eq!(one_by_one(&cache, &all).await?, owned(&[("b", 2)]), "after {zero:?}");
        ensure!(cache.add("a", &5, MINUTE).await?, "a is not free after {zero:?}");
    }
    let short_default = t.build(|b| b.timeout(Timeout::from_secs(0)))?;
    short_default.set_many([("b", 7)], Timeout::Default).await?;
    ensure_eq!(cache.get::<i64>("b").await?, None, "after a default timeout of zero");
    Ok(())
}

pub(super) async fn set_overwrites(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("text", "before", MINUTE).await?;
    cache.set("short", &1, SHORT).await?;
    cache.set("long", &1, Timeout::Never).await?;
    cache.set_many([("text", 10), ("short", 11), ("new", 12)], MINUTE).await?;
    let start = Instant::now();
    cache.set_many([("long", 13)], SHORT).await?;
    let all = ["text", "short", "new", "long"];
    let expected = owned(&[("text", 10), ("short", 11), ("new", 12), ("long", 13)]);
    ensure!(one_by_one(&cache, &all).await? == expected || t.overslept(start, SHORT), "old values are left");
    t.outlive(SHORT).await;
    let lives = owned(&[("text", 10), ("short", 11), ("new", 12)]);
    ensure_eq!(one_by_one(&cache, &all).await?, lives, "the new lifetimes hold");
    Ok(())
}

pub(super) async fn set_10k(t: &TestContext) -> Outcome {
    const LEN: usize = 10_000;
    let cache = t.cache();
    let failed = cache.set_many((0..LEN).map(|n| (format!("k{n}"), n)), MINUTE).await?;
    ensure!(failed.is_empty(), "{} keys failed", failed.len());
    let found = cache.get_many::<usize, _>(keys(0..LEN)).await?;
    ensure_eq!(found.len(), LEN, "the keys found");
    let wrong = found.iter().enumerate().find(|(n, (key, value))| value != n || *key != format!("k{n}"));
    ensure_eq!(wrong, None, "the first that is wrong");
    ensure_eq!(cache.get::<usize>("k9999").await?, Some(9_999), "by itself");
    ensure_eq!(cache.get::<usize>("k10000").await?, None, "one beyond");
    Ok(())
}

pub(super) async fn set_oversize_reported(t: &TestContext) -> Outcome {
    let limit = t.max_value_size()?;
    t.needs(limit <= 64 << 20, "its limit on a value's size is too large to be tried")?;
    let cache = t.cache();
    let small = || ByteBuf::from(vec![1]);
    let huge = || ByteBuf::from(vec![2; limit + 1]);
    cache.set_bytes("old", vec![0], MINUTE).await?;
    let entries =
        vec![("first", small()), ("old", huge()), ("middle", small()), ("new", huge()), ("last", small())];
    let failed = cache.set_many(entries, MINUTE).await?;
    ensure_eq!(failed, ["old", "new"], "keys that failed");
    let found = cache.get_many::<ByteBuf, _>(["first", "old", "middle", "new", "last"]).await?;
    // Nobody reads the value from before a write that was refused.
    ensure_eq!(found, [("first", small()), ("middle", small()), ("last", small())]);
    let failed = cache.set_many([("first", huge())], MINUTE).await?;
    ensure_eq!(failed, ["first"], "a batch of one");
    ensure!(!cache.has_key("first").await?, "the older value of a refused one is still there");

    // Beyond the first batch.
    let far = format!("k{}", MAX_BATCH_LEN + 3);
    let value = |key: &str| if key == far { huge() } else { small() };
    let failed =
        cache.set_many(keys(0..MAX_BATCH_LEN + 5).map(|key| (key.clone(), value(&key))), MINUTE).await?;
    ensure_eq!(failed, std::slice::from_ref(&far), "keys that failed in the second batch");
    ensure_eq!(cache.get_many::<ByteBuf, _>(keys(0..MAX_BATCH_LEN + 5)).await?.len(), MAX_BATCH_LEN + 4);
    Ok(())
}

/// Every key is checked and every value written before the first is stored: also where the bad
/// one comes after whole batches of good ones.
pub(super) async fn set_unserialisable_atomic(t: &TestContext) -> Outcome {
    const LEN: usize = 2 * MAX_BATCH_LEN + 1;
    let cache = t.cache();
    cache.set_many([("k0", 100), ("k5", 105)], MINUTE).await?;
    let before = [("k0".to_owned(), 100), ("k5".to_owned(), 105)];
    for bad in [0, 1, LEN / 2, LEN - 1] {
        let value = |n| if n == bad { UNWRITABLE } else { Faulty(0) };
        for timeout in [Timeout::Default, Timeout::After(Duration::ZERO)] {
            let entries = (0..LEN).map(|n| (format!("k{n}"), value(n)));
            ensure_err!(cache.set_many(entries, timeout).await, Encode, "number {bad} is unwritable");
        }
        let found = cache.get_many::<i64, _>(keys(0..LEN)).await?;
        ensure_eq!(found, before, "the entries after number {bad} was unwritable");
    }

    let strict = t.build(|b| b.key_policy(KeyPolicy::Refuse))?;
    let bad_last = || keys(0..LEN).chain(["a b".to_owned()]);
    for timeout in [Timeout::Default, Timeout::After(Duration::ZERO)] {
        let entries = bad_last().map(|key| (key, 1));
        ensure_err!(strict.set_many(entries, timeout).await, InvalidCacheKey);
    }
    ensure_err!(strict.delete_many(bad_last()).await, InvalidCacheKey);
    ensure_err!(strict.get_many::<i64, _>(bad_last()).await, InvalidCacheKey);
    let found = cache.get_many::<i64, _>(keys(0..LEN)).await?;
    ensure_eq!(found, before, "the entries after a bad key");
    Ok(())
}
