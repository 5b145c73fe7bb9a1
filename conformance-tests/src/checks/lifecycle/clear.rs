//! Checks `clear`: it empties a location, of every prefix and version, and no other.

use std::time::Duration;

use crate::checks::LONG;
use crate::context::TestContext;
use crate::outcome::Outcome;

pub(super) async fn clear_empties(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let keys: Vec<String> = (0..50).map(|n| format!("k{n}")).collect();
    cache.set_many(keys.iter().map(|key| (key, 1)), LONG).await?;
    cache.set("text", "x", cache_core::Timeout::Never).await?;
    // What has expired takes a place until it is cleared too.
    let brief = Duration::from_millis(20);
    cache.set("expired", &1, brief).await?;
    t.outlive(brief).await;
    cache.clear().await?;
    ensure_eq!(cache.get_many::<i64, _>(&keys).await?, []);
    ensure!(!cache.has_key("text").await?);
    ensure_err!(cache.incr("k0").await, KeyNotFound);
    ensure!(cache.add("k0", &1, LONG).await?);
    if let Some(entries) = cache.cache.backend().entries()? {
        ensure_eq!(entries, 1, "entries after clear and one add");
    }
    Ok(())
}

pub(super) async fn clear_on_empty(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.clear().await?;
    cache.clear().await?;
    ensure!(!cache.has_key("k").await?);
    Ok(())
}

pub(super) async fn clear_spans_prefixes(t: &TestContext) -> Outcome {
    let (one, two) = (t.build(|b| b.key_prefix("one"))?, t.build(|b| b.key_prefix("two").version(7))?);
    for cache in [&one, &two, &one.with_version(3)] {
        cache.set("k", &1, LONG).await?;
    }
    one.clear().await?;
    for cache in [&one, &two, &one.with_version(3)] {
        ensure!(!cache.has_key("k").await?);
    }
    Ok(())
}

pub(super) async fn clear_spares_other_location(t: &TestContext) -> Outcome {
    let (here, there) = (t.cache(), t.cache_at("there")?);
    here.set("k", &1, LONG).await?;
    there.set("k", &2, LONG).await?;
    here.clear().await?;
    ensure_eq!(here.get::<i64>("k").await?, None);
    ensure_eq!(there.get::<i64>("k").await?, Some(2));
    Ok(())
}

pub(super) async fn usable_after_clear(t: &TestContext) -> Outcome {
    let cache = t.cache();
    for round in 0..5 {
        ensure!(cache.add("k", &round, LONG).await?);
        ensure_eq!(cache.incr("k").await?, round + 1);
        cache.set("set", &round, LONG).await?;
        ensure_eq!(cache.get::<i64>("set").await?, Some(round));
        cache.set_many([("one", round), ("two", round)], LONG).await?;
        ensure_eq!(cache.get_many::<i64, _>(["one", "two"]).await?.len(), 2);
        cache.clear().await?;
    }
    Ok(())
}
