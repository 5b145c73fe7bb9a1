//! Family E: eviction, on backends with a limit on entries.

mod bound;
mod order;
mod remembered_limits;

use cache_core::BaseCache;

use self::{bound::*, order::*, remembered_limits::*};
use super::LONG;
use crate::check::Check;
use crate::outcome::{Outcome, Stop};
use crate::test_cache::TestCache;

pub(crate) const CHECKS: &[Check] = &[
    check!("E", at_max_keeps_all),
    check!("E", bound_always),
    check!("E", new_key_survives),
    check!("E", freq_3),
    check!("E", freq_2),
    check!("E", freq_0_clears),
    check!("E", freq_1),
    check!("E", max_1),
    check!("E", max_0_config_err),
    check!("E", overwrite_never_evicts),
    check!("E", failed_add_never_evicts),
    check!("E", expired_first),
    check!("E", lru_get),
    check!("E", lru_set),
    check!("E", lru_incr),
    check!("E", has_key_no_promote),
    check!("E", shared_limit),
    check!("E", limits_remembered),
    check!("E", lower_limit),
    check!("E", delete_frees_slot),
    check!("E", unlimited),
];

/// How many entries the location holds, expired ones included.
fn count(cache: &TestCache) -> Outcome<u64> {
    let entries = BaseCache::entries(&**cache.cache.backend())?;
    entries.ok_or_else(|| Stop::Skipped("it cannot count its entries".to_owned()))
}

/// Returns which of `k0`, `k1`, … below `end` exist. The lookup does not count as a use for an LRU.
async fn present(cache: &TestCache, end: u64) -> Outcome<Vec<u64>> {
    let mut found = Vec::new();
    for n in 0..end {
        if cache.has_key(&format!("k{n}")).await? {
            found.push(n);
        }
    }
    Ok(found)
}

/// Sets `k0`, `k1`, … in the range to their own numbers.
async fn fill(cache: &TestCache, range: std::ops::Range<u64>) -> Outcome {
    for n in range {
        cache.set(&format!("k{n}"), &n, LONG).await?;
    }
    Ok(())
}
