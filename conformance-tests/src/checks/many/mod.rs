//! Family M: operations on many keys.

mod batches;
mod delete;
mod get;
mod set;

use self::{batches::*, delete::*, get::*, set::*};
use crate::check::Check;
use crate::outcome::Outcome;
use crate::test_cache::TestCache;

pub(crate) const CHECKS: &[Check] = &[
    check!("M", get_many),
    check!("M", partial_miss),
    check!("M", null_present),
    check!("M", empty_input).storeless(),
    check!("M", duplicate_keys),
    check!("M", lazy_iterator),
    check!("M", request_order),
    check!("M", get_10k),
    check!("M", get_300k),
    check!("M", set_ok_no_failures),
    check!("M", set_empty).storeless(),
    check!("M", set_ttl),
    check!("M", set_zero_removes),
    check!("M", set_overwrites),
    check!("M", set_10k),
    check!("M", set_oversize_reported),
    check!("M", set_unserialisable_atomic),
    check!("M", delete_mixed),
    check!("M", delete_empty).storeless(),
    check!("M", delete_300k),
    check!("M", many_equals_singles),
    check!("M", round_trips_bounded).storeless(),
    check!("M", large_batch_not_blocking_others).real_time().alone(),
];

/// `k0`, `k1`, …
fn keys(range: std::ops::Range<usize>) -> impl Iterator<Item = String> {
    range.map(|n| format!("k{n}"))
}

/// Returns the values of all `keys` that exist, by one `get` each, in order.
async fn one_by_one(cache: &TestCache, keys: &[&str]) -> Outcome<Vec<(String, i64)>> {
    let mut found = Vec::new();
    for &key in keys {
        if let Some(value) = cache.get(key).await? {
            found.push((key.to_owned(), value));
        }
    }
    Ok(found)
}
