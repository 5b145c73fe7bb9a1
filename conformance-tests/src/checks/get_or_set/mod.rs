//! Family G: `get_or_set`.

mod concurrent_callers;
mod removal;
mod single_caller;

use std::future::Future;
use std::time::Duration;

use self::{concurrent_callers::*, removal::*, single_caller::*};
use super::MINUTE;
use crate::check::Check;
use crate::mode::Mode;
use crate::outcome::Outcome;
use crate::test_cache::TestCache;

pub(crate) const CHECKS: &[Check] = &[
    check!("G", miss_calls_once),
    check!("G", hit_not_called),
    check!("G", null_hit_not_called),
    check!("G", plain_value).storeless(),
    check!("G", stores_null),
    check!("G", err_propagates_nothing_stored).storeless(),
    check!("G", panic_propagates_nothing_stored).storeless(),
    check!("G", ttl_applied),
    check!("G", zero_ttl_returns_unstored).storeless(),
    check!("G", version),
    check!("G", inner_set_wins),
    check!("G", reentrant),
    check!("G", lost_add_returns_winner),
    check!("G", evicted_between_returns_default),
    check!("G", all_callers_agree).real_time(),
    check!("G", single_flight).real_time(),
    check!("G", leader_failure_wakes_waiters).real_time(),
    check!("G", delete_during_computation),
    check!("G", delete_while_storing).real_time(),
    check!("G", set_during_computation_wins),
    check!("G", clear_during_computation),
    check!("G", invalidated_waiters_agree).real_time(),
    check!("G", solo_is_invalidated).real_time(),
];

/// Sleeps as a thread, or as a task.
async fn sleep(mode: Mode, time: Duration) {
    match mode {
        Mode::Sync => std::thread::sleep(time),
        Mode::Async => tokio::time::sleep(time).await,
    }
}

/// Sleeps until `ready`.
async fn until(mode: Mode, ready: impl Fn() -> bool) {
    while !ready() {
        sleep(mode, Duration::from_millis(1)).await;
    }
}

/// `get_or_set` for a minute, with a function that does more than return: it waits (a task gives
/// its thread away meanwhile, which the function of [`TestCache::get_or_set`] cannot), it calls the cache,
/// it fails.
async fn computing(cache: &TestCache, key: &str, work: impl Future<Output = Outcome<i64>>) -> Outcome<i64> {
    match cache.mode {
        Mode::Sync => cache.cache.try_get_or_set(key, MINUTE, || futures_lite::future::block_on(work)),
        Mode::Async => cache.cache.try_aget_or_set(key, MINUTE, || work).await,
    }
}

/// `get_or_set` for a minute, with a function that takes its time.
async fn slowly(
    cache: &TestCache,
    key: &str,
    time: Duration,
    function: impl FnOnce() -> i64,
) -> Outcome<i64> {
    let work = async {
        sleep(cache.mode, time).await;
        Ok(function())
    };
    computing(cache, key, work).await
}
