//! Checks the whole contract of a backend that stores nothing.

use cache_core::{ErrorKind, KeyPolicy};

use crate::checks::LONG;
use crate::checks::every_op::every_op;
use crate::context::TestContext;
use crate::outcome::Outcome;

pub(super) async fn dummy_profile(t: &TestContext) -> Outcome {
    t.needs(!t.capabilities().stores, "it stores")?;
    let cache = t.cache();
    for _ in 0..2 {
        ensure!(cache.add("k", &1, LONG).await?);
        cache.set("k", &1, LONG).await?;
        ensure_eq!(cache.set_many([("k", 1)], LONG).await?, Vec::<&str>::new());
        ensure_eq!(cache.get::<i64>("k").await?, None);
        ensure_eq!(cache.get_or("k", 5).await?, 5);
        ensure_eq!(cache.get_many::<i64, _>(["k"]).await?, []);
        ensure!(!cache.has_key("k").await?);
        ensure!(!cache.touch("k", LONG).await?);
        ensure!(!cache.delete("k").await?);
        cache.delete_many(["k"]).await?;
        ensure_err!(cache.incr("k").await, KeyNotFound);
        ensure_err!(cache.decr("k").await, KeyNotFound);
        ensure_err!(cache.incr_version("k").await, KeyNotFound);
        ensure_err!(cache.decr_version("k").await, KeyNotFound);
        ensure_eq!(cache.get_or_set("k", LONG, || 3).await?, 3);
        cache.clear().await?;
        cache.close().await?;
    }
    let strict = t.build(|b| b.key_policy(KeyPolicy::Refuse))?;
    for (op, failure) in every_op(&strict, "not good").await {
        ensure_eq!(failure.map(|e| e.kind()), Some(ErrorKind::InvalidCacheKey), "{op}");
    }
    Ok(())
}
