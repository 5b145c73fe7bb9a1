//! Checks stores that remember their limits and are opened with others, or without any.

use cache_core::ErrorKind;

use super::{count, fill, present};
use crate::context::TestContext;
use crate::outcome::Outcome;
use crate::spec::Spec;

/// A handle that names no limit never shrinks a store.
pub(super) async fn limits_remembered(t: &TestContext) -> Outcome {
    t.needs_remembered_limits()?;
    t.needs_shared_locations()?;
    let named = t.culling_cache("large", 1_000, 3)?;
    fill(&named, 0..400).await?;
    let unnamed = Spec { names_limits: false, ..t.spec("large")? };
    let other = t.over(t.open(&unnamed)?)?;
    fill(&other, 400..410).await?;
    other.set_many((410..420).map(|n| (format!("k{n}"), n)), crate::checks::LONG).await?;
    ensure!(other.add("k420", &420, crate::checks::LONG).await?, "an add of a new key");
    other.incr("k0").await?;
    ensure_eq!(other.incr_version("k0").await?, 2);
    ensure_eq!(count(&named)?, 421, "entries after 21 new keys of a handle that names no limit");
    ensure_eq!(present(&other, 421).await?.len(), 420, "keys, all but the one in another version");

    // A small limit is adopted, too.
    let named = t.culling_cache("small", 10, 3)?;
    fill(&named, 0..5).await?;
    let other = t.over(t.open(&Spec { names_limits: false, ..t.spec("small")? })?)?;
    for n in 5..40 {
        fill(&other, n..n + 1).await?;
        ensure!(count(&other)? <= 10, "{} entries, where the store remembers a limit of 10", count(&other)?);
    }
    Ok(())
}

/// A lower limit, given on purpose, is reached step by step, or refused before anything goes.
pub(super) async fn lower_limit(t: &TestContext) -> Outcome {
    const LOWER: u64 = 10;
    t.needs_remembered_limits()?;
    t.needs_shared_locations()?;
    let first = t.culling_cache("lowered", 1_000, 3)?;
    fill(&first, 0..200).await?;
    let lower = match t.open(&Spec { max_entries: Some(LOWER), ..t.spec("lowered")? }) {
        Err(e) if e.kind() == ErrorKind::InvalidCacheBackend => {
            ensure_eq!(count(&first)?, 200, "entries after a lower limit was refused");
            return Ok(());
        }
        opened => t.over(opened?)?,
    };
    let (mut before, mut next) = (200, 200);
    while before > LOWER {
        ensure!(next < 400, "{before} entries are left after 200 new keys, where the limit is {LOWER}");
        fill(&lower, next..next + 1).await?;
        ensure_eq!(lower.get::<u64>(&format!("k{next}")).await?, Some(next), "the new key");
        let now = count(&lower)?;
        ensure!(
            now < before || now <= LOWER,
            "{now} entries after a new key, and {before} before, where the limit is {LOWER}"
        );
        (before, next) = (now, next + 1);
    }
    // A handle that was already open follows the new limit.
    for n in next..next + 2 * LOWER {
        fill(&first, n..n + 1).await?;
        ensure!(
            count(&first)? <= LOWER,
            "{} entries by the first handle, where the limit is {LOWER}",
            count(&first)?
        );
    }
    Ok(())
}
