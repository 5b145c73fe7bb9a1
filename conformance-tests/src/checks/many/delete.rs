//! Checks `delete_many`.

use cache_core::MAX_BATCH_LEN;

use super::{keys, one_by_one};
use crate::checks::LONG;
use crate::context::TestContext;
use crate::outcome::Outcome;

pub(super) async fn delete_mixed(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set_many([("a", 1), ("b", 2), ("c", 3), ("d", 4)], LONG).await?;
    cache.set("text", "t", LONG).await?;
    cache.with_version(2).set("a", &20, LONG).await?;
    cache.delete_many(["absent", "a", "text", "c", "a", "A", "ab"]).await?;
    let left = one_by_one(&cache, &["a", "b", "c", "d"]).await?;
    ensure_eq!(left, [("b".to_owned(), 2), ("d".to_owned(), 4)]);
    ensure!(!cache.has_key("text").await?, "the text is still there");
    ensure_eq!(cache.with_version(2).get::<i64>("a").await?, Some(20), "the key in another version");
    cache.delete_many(["absent", "a"]).await?;
    cache.delete_many(["d"]).await?;
    ensure_eq!(one_by_one(&cache, &["b", "d"]).await?, [("b".to_owned(), 2)], "a batch of one");
    ensure!(cache.add("a", &5, LONG).await?, "a deleted key is not free");
    Ok(())
}

pub(super) async fn delete_empty(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("k", &1, LONG).await?;
    cache.delete_many([""; 0]).await?;
    cache.delete_many(Vec::<String>::new()).await?;
    let expected = t.capabilities().stores.then_some(1);
    ensure_eq!(cache.get::<i64>("k").await?, expected, "another key, after an empty delete_many");
    Ok(())
}

/// Deletes 300,000 keys of which few exist: at the ends, and on both sides of where a batch may end.
pub(super) async fn delete_300k(t: &TestContext) -> Outcome {
    const LEN: usize = 300_000;
    let cache = t.cache();
    let present = [
        0,
        1,
        MAX_BATCH_LEN - 1,
        MAX_BATCH_LEN,
        MAX_BATCH_LEN + 1,
        LEN / 2,
        LEN - MAX_BATCH_LEN,
        LEN - 1,
        LEN,
    ];
    cache.set_many(present.map(|n| (format!("k{n}"), n)), LONG).await?;
    cache.delete_many(keys(0..LEN)).await?;
    let left = cache.get_many::<usize, _>(present.map(|n| format!("k{n}"))).await?;
    ensure_eq!(left, [(format!("k{LEN}"), LEN)], "all but the one that was not named");
    Ok(())
}
