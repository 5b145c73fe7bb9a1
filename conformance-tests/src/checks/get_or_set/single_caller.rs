//! Checks `get_or_set` with one caller: hits, misses, errors, panics, lifetimes, versions, and calls in the function.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cache_core::{Error, KeyPolicy, Timeout};
use futures_lite::FutureExt;

use super::computing;
use crate::checks::MINUTE;
use crate::checks::faulty_value::{Faulty, UNWRITABLE};
use crate::context::TestContext;
use crate::outcome::{Outcome, Stop};
use crate::watched_backend::{Act, Watched};

/// Long enough to be read before it ends, short enough to wait for.
const SHORT: Duration = Duration::from_millis(400);

pub(super) async fn miss_calls_once(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let calls = AtomicI64::new(0);
    let count = || calls.fetch_add(1, SeqCst) + 41;
    ensure_eq!(cache.get_or_set("k", MINUTE, count).await?, 41, "a miss");
    ensure_eq!(calls.load(SeqCst), 1, "calls at a miss");
    ensure_eq!(cache.get::<i64>("k").await?, Some(41), "what is stored");
    ensure_eq!(cache.get_or_set("k", MINUTE, count).await?, 41, "a hit");
    ensure_eq!(cache.get_or_set("other", MINUTE, count).await?, 42, "a miss of another key");
    ensure_eq!(calls.load(SeqCst), 2, "calls in all");
    cache.delete("k").await?;
    ensure_eq!(cache.get_or_set("k", MINUTE, count).await?, 43, "a miss after a delete");
    ensure_eq!(calls.load(SeqCst), 3, "calls in all");
    Ok(())
}

pub(super) async fn hit_not_called(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let called = AtomicBool::new(false);
    cache.set("k", &1, MINUTE).await?;
    cache.set("falsy", &0, MINUTE).await?;
    cache.set("empty", "", MINUTE).await?;
    cache.set("text", "a string", MINUTE).await?;
    let function = || called.swap(true, SeqCst).into();
    ensure_eq!(cache.get_or_set("k", MINUTE, function).await?, 1);
    ensure_eq!(cache.get_or_set("falsy", MINUTE, function).await?, 0);
    ensure_eq!(cache.get_or_set("k", Timeout::from_secs(0), function).await?, 1, "a hit with a zero timeout");
    let text = || {
        called.store(true, SeqCst);
        "computed".to_owned()
    };
    ensure_eq!(cache.get_or_set("empty", MINUTE, text).await?, "");
    // A hit of another type is an error, and stays.
    ensure_err!(cache.get_or_set::<i64>("text", MINUTE, function).await, Decode);
    ensure_eq!(cache.get::<String>("text").await?.as_deref(), Some("a string"));
    ensure_eq!(cache.get::<i64>("k").await?, Some(1));
    ensure!(!called.load(SeqCst), "the function was called at a hit");
    Ok(())
}

pub(super) async fn null_hit_not_called(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let called = AtomicBool::new(false);
    cache.set("none", &None::<i64>, MINUTE).await?;
    cache.set("unit", &(), MINUTE).await?;
    let five = || {
        called.store(true, SeqCst);
        Some(5)
    };
    ensure_eq!(cache.get_or_set("none", MINUTE, five).await?, None);
    cache.get_or_set("unit", MINUTE, || called.store(true, SeqCst)).await?;
    ensure!(!called.load(SeqCst), "the function was called where a null is stored");
    ensure_eq!(cache.get::<Option<i64>>("none").await?, Some(None), "the null");
    Ok(())
}

/// Django takes a value in place of a function, too: here the function returns it.
pub(super) async fn plain_value(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let stores = t.capabilities().stores;
    ensure_eq!(cache.get_or_set("int", MINUTE, || -5).await?, -5);
    ensure_eq!(cache.get_or_set("text", MINUTE, || "t".to_owned()).await?, "t");
    ensure_eq!(cache.get_or_set("float", MINUTE, || 0.5).await?, 0.5);
    ensure_eq!(cache.get_or_set("list", MINUTE, || vec![(1, true)]).await?, [(1, true)]);
    ensure_eq!(cache.get::<i64>("int").await?, stores.then_some(-5));
    ensure_eq!(cache.get::<String>("text").await?, stores.then(|| "t".to_owned()));
    ensure_eq!(cache.get::<f64>("float").await?, stores.then_some(0.5));
    ensure_eq!(cache.get::<Vec<(i64, bool)>>("list").await?, stores.then(|| vec![(1, true)]));
    let default = Timeout::Default;
    ensure_eq!(cache.get_or_set("int", default, || 6).await?, if stores { -5 } else { 6 }, "a second value");
    Ok(())
}

pub(super) async fn stores_null(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let calls = AtomicI64::new(0);
    for _ in 0..3 {
        let none = || {
            calls.fetch_add(1, SeqCst);
            None::<i64>
        };
        ensure_eq!(cache.get_or_set("none", MINUTE, none).await?, None);
    }
    ensure_eq!(calls.load(SeqCst), 1, "calls for a null");
    ensure_eq!(cache.get::<Option<i64>>("none").await?, Some(None), "the null");
    ensure!(cache.has_key("none").await?, "the null is not there");
    Ok(())
}

pub(super) async fn err_propagates_nothing_stored(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let fail = || Err::<i64, _>(Stop::broken("the function says no"));
    for _ in 0..2 {
        let failed = cache.try_get_or_set("k", MINUTE, fail).await;
        ensure_eq!(failed, Err(Stop::broken("the function says no")));
        ensure!(!cache.has_key("k").await?, "something was stored");
    }
    // A value that cannot be written is an error, too.
    ensure_err!(cache.get_or_set("k", MINUTE, || UNWRITABLE).await, Encode);
    ensure!(!cache.has_key("k").await?, "something was stored");
    // Nothing is left behind: the next call computes.
    ensure_eq!(cache.try_get_or_set("k", MINUTE, || Ok::<_, Error>(7)).await?, 7);
    ensure_eq!(cache.get_or_set("f", MINUTE, || Faulty(1)).await?, Faulty(1));

    let strict = t.build(|b| b.key_policy(KeyPolicy::Refuse))?;
    let called = AtomicBool::new(false);
    let refused = strict.get_or_set::<i64>("a b", MINUTE, || called.swap(true, SeqCst).into()).await;
    ensure_err!(refused, InvalidCacheKey);
    ensure!(!called.load(SeqCst), "the function was called for a key that is refused");
    Ok(())
}

pub(super) async fn panic_propagates_nothing_stored(t: &TestContext) -> Outcome {
    let cache = t.cache();
    for _ in 0..2 {
        // As a panic does, but without its message on the terminal.
        let call = cache.get_or_set::<i64>("k", MINUTE, || resume_unwind(Box::new("a planned panic")));
        let Err(panic) = AssertUnwindSafe(call).catch_unwind().await else {
            let what = "get_or_set with a function that panics";
            return Err(Stop::unexpected(what, "that the panic comes through", "a value or an error"));
        };
        ensure_eq!(panic.downcast_ref::<&str>(), Some(&"a planned panic"), "the panic");
        ensure!(!cache.has_key("k").await?, "something was stored");
    }
    let start = Instant::now();
    ensure_eq!(cache.get_or_set("k", MINUTE, || 7).await?, 7, "after a panic");
    ensure!(start.elapsed() < Duration::from_secs(5), "the call after a panic waits for it");
    Ok(())
}

pub(super) async fn ttl_applied(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let short_default = t.build(|b| b.timeout(SHORT).key_prefix("short"))?;
    let start = Instant::now();
    cache.get_or_set("short", SHORT, || 1).await?;
    short_default.get_or_set("default", Timeout::Default, || 1).await?;
    cache.get_or_set("minute", MINUTE, || 1).await?;
    short_default.get_or_set("minute", MINUTE, || 1).await?;
    short_default.get_or_set("never", Timeout::Never, || 1).await?;
    let early = (cache.get_or_set("short", MINUTE, || 2).await?, short_default.has_key("default").await?);
    ensure!(early == (1, true) || t.overslept(start, SHORT), "one has expired too early");
    // A hit does not restart the lifetime. On a slow machine the call may have been a miss.
    let was_hit = early.0 == 1;
    t.outlive(SHORT).await;
    ensure!(!was_hit || !cache.has_key("short").await?, "a short lifetime is over, the entry is not");
    ensure!(!short_default.has_key("default").await?, "the default timeout is over, the entry is not");
    ensure_eq!(cache.get::<i64>("minute").await?, Some(1));
    ensure_eq!(short_default.get::<i64>("minute").await?, Some(1));
    ensure_eq!(short_default.get::<i64>("never").await?, Some(1));
    if was_hit {
        ensure_eq!(cache.get_or_set("short", MINUTE, || 3).await?, 3, "after its lifetime");
    }
    if let Ok(hands) = t.hands() {
        hands.advance(MINUTE + SHORT);
        ensure_eq!(cache.get::<i64>("minute").await?, None, "after a minute");
        ensure_eq!(short_default.get::<i64>("never").await?, Some(1), "after a minute");
    }
    Ok(())
}

pub(super) async fn zero_ttl_returns_unstored(t: &TestContext) -> Outcome {
    let cache = t.cache();
    for zero in [Timeout::After(Duration::ZERO), Timeout::from_secs(0), Timeout::from_secs(-1)] {
        for n in 0..2 {
            ensure_eq!(cache.get_or_set("k", zero, || n).await?, n, "{zero:?}");
            ensure!(!cache.has_key("k").await?, "something was stored for {zero:?}");
        }
    }
    let zero_default = t.build(|b| b.timeout(Timeout::from_secs(0)))?;
    ensure_eq!(zero_default.get_or_set("k", Timeout::Default, || 3).await?, 3);
    ensure!(!cache.has_key("k").await?, "something was stored for a default timeout of zero");
    Ok(())
}

pub(super) async fn version(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let second = cache.with_version(2);
    ensure_eq!(cache.get_or_set("k", MINUTE, || 1).await?, 1);
    ensure_eq!(second.get_or_set("k", MINUTE, || 2).await?, 2, "the other version's value came");
    ensure_eq!((cache.get("k").await?, second.get("k").await?), (Some(1), Some(2)));
    ensure_eq!(second.get_or_set("k", MINUTE, || 3).await?, 2);
    ensure_eq!(cache.with_version(3).get::<i64>("k").await?, None, "a third version");
    let prefixed = t.build(|b| b.key_prefix("p").version(2))?;
    ensure_eq!(prefixed.get_or_set("k", MINUTE, || 4).await?, 4, "another prefix's value came");
    ensure_eq!(prefixed.with_version(2).get::<i64>("k").await?, Some(4));
    Ok(())
}

pub(super) async fn inner_set_wins(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let set_and_return_1 = async |value: i64| {
        cache.set("k", &value, MINUTE).await?;
        Ok(1)
    };
    ensure_eq!(computing(&cache, "k", set_and_return_1(9)).await?, 9, "what get_or_set returns");
    ensure_eq!(cache.get::<i64>("k").await?, Some(9), "what is stored");
    ensure_eq!(computing(&cache, "other", set_and_return_1(10)).await?, 1, "where another key is set");
    ensure_eq!(cache.get::<i64>("k").await?, Some(10), "the other key");
    Ok(())
}

pub(super) async fn reentrant(t: &TestContext) -> Outcome {
    // A call that waits for itself would do so for longer than the check may take.
    let cache = t.build(|b| b.single_flight_timeout(MINUTE))?;
    let ten_and_1 = async |key: &'static str| Ok(cache.get_or_set(key, MINUTE, || 10).await? + 1);
    let start = Instant::now();
    // The inner call stores 10, and the outer one loses to it.
    ensure_eq!(computing(&cache, "k", ten_and_1("k")).await?, 10, "from inside, for the same key");
    ensure_eq!(cache.get::<i64>("k").await?, Some(10), "what is stored");
    ensure_eq!(computing(&cache, "a", ten_and_1("b")).await?, 11, "from inside, for another key");
    ensure_eq!((cache.get("a").await?, cache.get("b").await?), (Some(11), Some(10)));
    // Through another key back to the first.
    let nested = computing(&cache, "x", computing(&cache, "y", ten_and_1("x"))).await?;
    ensure_eq!(nested, 10, "through another key");
    ensure_eq!((cache.get("x").await?, cache.get("y").await?), (Some(10), Some(11)));
    ensure!(start.elapsed() < MINUTE / 2, "a call from inside waits for the outer one");
    // Nothing is left behind.
    cache.delete("k").await?;
    ensure_eq!(cache.get_or_set("k", MINUTE, || 3).await?, 3);
    Ok(())
}

/// Someone who does not know of the flight, another process say, stores the key while the
/// function runs: both callers go on with that value.
pub(super) async fn lost_add_returns_winner(t: &TestContext) -> Outcome {
    let rival = t.cache();
    let backend = rival.cache.backend().clone();
    let cache = t.over(Watched::over(&backend, move |method, _| {
        if method == "add" {
            // An error shows in what is stored.
            let _ = rival.cache.set("k", &99, MINUTE);
        }
        Act::Forward
    }))?;
    let called = AtomicBool::new(false);
    let function = || {
        called.store(true, SeqCst);
        1
    };
    ensure_eq!(cache.get_or_set("k", MINUTE, function).await?, 99, "what the loser returns");
    ensure!(called.load(SeqCst), "the function was not called");
    ensure_eq!(cache.get::<i64>("k").await?, Some(99), "what is stored");
    Ok(())
}

/// The winner's entry is gone again when the loser looks for it: then its own value will do.
pub(super) async fn evicted_between_returns_default(t: &TestContext) -> Outcome {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&calls);
    let cache = t.over(Watched::over(t.cache().cache.backend(), move |method, _| {
        log.lock().unwrap_or_else(PoisonError::into_inner).push(method);
        Act::FindNothing
    }))?;
    ensure_eq!(cache.get_or_set("k", MINUTE, || 5).await?, 5);
    let seen = calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
    ensure_eq!(seen, ["get", "add", "get"], "what the backend was asked");
    ensure!(!t.cache().has_key("k").await?, "something was stored");
    Ok(())
}
