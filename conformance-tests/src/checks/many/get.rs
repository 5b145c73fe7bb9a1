//! Checks `get_many`.

use std::iter::from_fn;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use cache_core::MAX_BATCH_LEN;

use super::keys;
use crate::checks::LONG;
use crate::context::TestContext;
use crate::outcome::Outcome;

const NO_KEYS: [&str; 0] = [];

pub(super) async fn get_many(t: &TestContext) -> Outcome {
    let cache = t.cache();
    for n in 0..5 {
        cache.set(&format!("k{n}"), &n, LONG).await?;
    }
    cache.with_version(2).set("k0", &100, LONG).await?;
    let found = cache.get_many::<i64, _>(["k0", "k1", "k4"]).await?;
    ensure_eq!(found, [("k0", 0), ("k1", 1), ("k4", 4)]);
    ensure_eq!(cache.get_many::<i64, _>(["k3"]).await?, [("k3", 3)], "a batch of one");
    ensure_eq!(
        cache.with_version(2).get_many::<i64, _>(["k0", "k1"]).await?,
        [("k0", 100)],
        "another version"
    );
    let prefixed = t.build(|b| b.key_prefix("p"))?;
    ensure_eq!(prefixed.get_many::<i64, _>(["k0", "k1"]).await?, [], "another prefix");

    cache.set("text", "a value", LONG).await?;
    cache.set("list", &[1, 2], LONG).await?;
    ensure_eq!(cache.get_many::<String, _>(["text"]).await?, [("text", "a value".to_owned())]);
    ensure_eq!(cache.get_many::<Vec<i64>, _>(["list"]).await?, [("list", vec![1, 2])]);
    // One of another type is an error, as it is alone, and it stays.
    ensure_err!(cache.get_many::<i64, _>(["k0", "text"]).await, Decode);
    ensure_eq!(cache.get::<String>("text").await?.as_deref(), Some("a value"));
    Ok(())
}

pub(super) async fn partial_miss(t: &TestContext) -> Outcome {
    const SHORT: Duration = Duration::from_millis(300);
    let cache = t.cache();
    cache.set("a", &1, LONG).await?;
    cache.set("c", &3, LONG).await?;
    cache.set("gone", &4, LONG).await?;
    cache.delete("gone").await?;
    cache.set("expired", &5, SHORT).await?;
    t.outlive(SHORT).await;
    let found = cache.get_many::<i64, _>(["never", "a", "gone", "expired", "c", "ca", "C"]).await?;
    ensure_eq!(found, [("a", 1), ("c", 3)]);
    ensure_eq!(cache.get_many::<i64, _>(["never", "expired"]).await?, [], "misses alone");
    Ok(())
}

pub(super) async fn null_present(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("null", &None::<i64>, LONG).await?;
    cache.set("five", &Some(5), LONG).await?;
    let found = cache.get_many::<Option<i64>, _>(["absent", "null", "five"]).await?;
    ensure_eq!(found, [("null", None), ("five", Some(5))]);
    let failed = cache.set_many([("unit", None::<i64>), ("six", Some(6))], LONG).await?;
    ensure_eq!(failed, NO_KEYS, "keys that failed");
    let found = cache.get_many::<Option<i64>, _>(["unit", "six"]).await?;
    ensure_eq!(found, [("unit", None), ("six", Some(6))]);
    Ok(())
}

pub(super) async fn empty_input(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("k", &1, LONG).await?;
    ensure_eq!(cache.get_many::<i64, _>(NO_KEYS).await?, []);
    ensure_eq!(cache.get_many::<i64, String>(Vec::new()).await?, []);
    let expected = t.capabilities().stores.then_some(1);
    ensure_eq!(cache.get::<i64>("k").await?, expected, "another key, after an empty get_many");
    Ok(())
}

pub(super) async fn duplicate_keys(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let failed = cache.set_many([("a", 1), ("b", 2), ("a", 3)], LONG).await?;
    ensure_eq!(failed, NO_KEYS, "keys that failed");
    ensure_eq!(cache.get::<i64>("a").await?, Some(3), "the last one set");
    let found = cache.get_many::<i64, _>(["a", "b", "no", "a", "no", "b", "b"]).await?;
    ensure_eq!(found, [("a", 3), ("b", 2), ("a", 3), ("b", 2), ("b", 2)]);

    // Two keys that the key function makes one.
    let folded = t.build(|b| b.key_function(|key, _, _| Ok(format!("folded:{}", key.to_lowercase()))))?;
    folded.set_many([("X", 1), ("x", 2)], LONG).await?;
    ensure_eq!(folded.get_many::<i64, _>(["x", "X", "y"]).await?, [("x", 2), ("X", 2)]);

    cache.delete_many(["a", "a"]).await?;
    ensure_eq!(cache.get_many::<i64, _>(["a", "b"]).await?, [("b", 2)], "after deleting one key twice");
    Ok(())
}

/// An iterator that can be walked once, is of no known length, and must not be asked after its
/// end. Owned and borrowed keys alike.
pub(super) async fn lazy_iterator(t: &TestContext) -> Outcome {
    const LEN: usize = MAX_BATCH_LEN + 5;
    let cache = t.cache();
    let asked = AtomicUsize::new(0);
    let counting = || {
        asked.store(0, SeqCst);
        from_fn(|| {
            let n = asked.fetch_add(1, SeqCst);
            (n < LEN).then(|| format!("k{n}"))
        })
    };
    let failed = cache.set_many(counting().map(|key| (key, 7)), LONG).await?;
    ensure!(failed.is_empty(), "{} keys failed", failed.len());
    ensure_eq!(asked.load(SeqCst), LEN + 1, "how often set_many asked");
    let found = cache.get_many::<i64, _>(counting()).await?;
    ensure_eq!(asked.load(SeqCst), LEN + 1, "how often get_many asked");
    ensure_eq!(found.len(), LEN, "the keys found");
    ensure!(found.into_iter().eq(keys(0..LEN).map(|key| (key, 7))), "they are not those asked for");
    let borrowed: Vec<String> = keys(0..3).collect();
    ensure_eq!(cache.get_many::<i64, _>(&borrowed).await?.len(), 3, "borrowed keys");
    cache.delete_many(counting()).await?;
    ensure_eq!(asked.load(SeqCst), LEN + 1, "how often delete_many asked");
    ensure_eq!(cache.get_many::<i64, _>(counting()).await?, [], "after delete_many");
    Ok(())
}

pub(super) async fn request_order(t: &TestContext) -> Outcome {
    const LEN: usize = 2 * MAX_BATCH_LEN + 100;
    let cache = t.cache();
    // A third of the keys exist; they are set in another order than they are asked for.
    let mut random = fastrand::Rng::with_seed(7);
    let mut present: Vec<usize> = (0..LEN).filter(|n| n % 3 == 0).collect();
    random.shuffle(&mut present);
    cache.set_many(present.iter().map(|n| (format!("k{n}"), *n)), LONG).await?;
    for _ in 0..3 {
        let mut order: Vec<usize> = (0..LEN).collect();
        random.shuffle(&mut order);
        let found = cache.get_many::<usize, _>(order.iter().map(|n| format!("k{n}"))).await?;
        let expected = order.iter().filter(|&n| n % 3 == 0).map(|n| (format!("k{n}"), *n));
        let found: Vec<_> = found.into_iter().collect();
        let wrong = found.iter().zip(expected.clone()).position(|(found, expected)| *found != expected);
        ensure_eq!(wrong, None, "the first place that is out of order");
        ensure_eq!(found.len(), expected.count(), "the keys found");
    }
    Ok(())
}

/// Asks for `len` keys of which a few exist: at the ends, and on both sides of where a batch may end.
async fn few_of(t: &TestContext, len: usize) -> Outcome {
    let cache = t.cache();
    let edges =
        [0, 1, MAX_BATCH_LEN - 1, MAX_BATCH_LEN, MAX_BATCH_LEN + 1, 5 * MAX_BATCH_LEN, len / 2, len - 1];
    let mut present: Vec<usize> = edges.into_iter().collect();
    present.sort_unstable();
    present.dedup();
    cache.set_many(present.iter().map(|n| (format!("k{n}"), *n)), LONG).await?;
    let found = cache.get_many::<usize, _>(keys(0..len)).await?;
    let expected: Vec<_> = present.iter().map(|n| (format!("k{n}"), *n)).collect();
    ensure_eq!(found, expected);
    Ok(())
}

pub(super) async fn get_10k(t: &TestContext) -> Outcome {
    few_of(t, 10_000).await?;
    // And a tenth of them: one hit for each key of a batch.
    let cache = t.cache();
    cache.set_many((0..10_000).step_by(10).map(|n| (format!("k{n}"), n)), LONG).await?;
    let found = cache.get_many::<usize, _>(keys(0..10_000)).await?;
    let hits: Vec<usize> = found.iter().filter(|(_, n)| n % 10 == 0).map(|(_, n)| *n).collect();
    ensure!(
        hits.iter().copied().eq((0..10_000).step_by(10)),
        "{} of 1,000 found, or out of order",
        hits.len()
    );
    ensure!(found.iter().all(|(key, n)| *key == format!("k{n}")), "a value under another's key");
    Ok(())
}

pub(super) async fn get_300k(t: &TestContext) -> Outcome {
    few_of(t, 300_000).await
}
