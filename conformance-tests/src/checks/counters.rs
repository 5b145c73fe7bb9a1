//! Family I: counters.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use cache_core::{Json, Timeout};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::LONG;
use super::absence::ensure_absent;
use crate::check::Check;
use crate::context::TestContext;
use crate::outcome::Outcome;
use crate::test_cache::TestCache;

pub(crate) const CHECKS: &[Check] = &[
    check!("I", incr_default_1),
    check!("I", incr_delta),
    check!("I", decr_delta),
    check!("I", negative_delta),
    check!("I", zero_delta),
    check!("I", missing_key_not_found).storeless(),
    check!("I", expired_key_not_found),
    check!("I", null_err),
    check!("I", string_err),
    check!("I", numeric_string_err),
    check!("I", bool_err),
    check!("I", float_err),
    check!("I", one_error_kind),
    check!("I", error_keeps_value),
    check!("I", below_zero),
    check!("I", from_negative),
    check!("I", width_shrinks),
    check!("I", overflow_err_unchanged),
    check!("I", underflow_err_unchanged),
    check!("I", delta_i64_min),
    check!("I", u64_value_err),
    check!("I", keeps_ttl),
    check!("I", keeps_never),
    check!("I", version_arg),
    check!("I", readable_as_int),
    check!("I", codec_still_typed),
];

/// A lifetime that is over soon, and long enough to count in first.
const SHORT: Duration = Duration::from_millis(800);

/// A counter at `start`, then each delta: the answer and what is read afterwards are the sum.
async fn count(cache: &TestCache, start: i64, deltas: &[i64]) -> Outcome {
    cache.set("counter", &start, LONG).await?;
    let mut sum = start;
    for &delta in deltas {
        sum += delta;
        ensure_eq!(cache.incr_by("counter", delta).await?, sum, "{start} and {deltas:?}, at {delta}");
        ensure_eq!(cache.get::<i64>("counter").await?, Some(sum), "{start} and {deltas:?}, read");
    }
    for &delta in deltas {
        sum -= delta;
        ensure_eq!(cache.decr_by("counter", delta).await?, sum, "{start} and {deltas:?}, back at {delta}");
        ensure_eq!(cache.get::<i64>("counter").await?, Some(sum), "{start} and {deltas:?}, read");
    }
    Ok(())
}

async fn incr_default_1(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("k", &41, LONG).await?;
    ensure_eq!(cache.incr("k").await?, 42);
    ensure_eq!(cache.decr("k").await?, 41);
    ensure!(cache.add("added", &0, LONG).await?);
    for expected in 1..=20 {
        ensure_eq!(cache.incr("added").await?, expected);
    }
    ensure_eq!(cache.get::<i64>("added").await?, Some(20));
    cache.set_many([("many", 5)], LONG).await?;
    ensure_eq!(cache.incr("many").await?, 6, "what set_many stored");
    ensure_eq!(cache.get_or_set("computed", LONG, || 7).await?, 7);
    ensure_eq!(cache.incr("computed").await?, 8, "what get_or_set stored");
    ensure_eq!(cache.other_mode().incr("computed").await?, 9, "the other mode");
    Ok(())
}

async fn incr_delta(t: &TestContext) -> Outcome {
    count(&t.cache(), 1, &[1, 2, 10, 1_000, i64::from(i32::MAX), 1 << 53, 1 << 61]).await
}

async fn decr_delta(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("k", &100, LONG).await?;
    let mut left = 100;
    for delta in [1, 9, 40, 50] {
        left -= delta;
        ensure_eq!(cache.decr_by("k", delta).await?, left);
        ensure_eq!(cache.get::<i64>("k").await?, Some(left));
    }
    Ok(())
}

async fn negative_delta(t: &TestContext) -> Outcome {
    let cache = t.cache();
    count(&cache, 10, &[-1, -4, -5]).await?;
    count(&cache, 0, &[-1, -10, -(1 << 40)]).await?;
    count(&cache, -5, &[10, -20, 30]).await
}

async fn zero_delta(t: &TestContext) -> Outcome {
    let cache = t.cache();
    for start in [0, 1, -1, i64::MAX, i64::MIN] {
        count(&cache, start, &[0, 0]).await?;
    }
    ensure_err!(cache.incr_by("missing", 0).await, KeyNotFound);
    ensure!(!cache.has_key("missing").await?, "it was made");
    Ok(())
}

async fn missing_key_not_found(t: &TestContext) -> Outcome {
    let cache = t.cache();
    for delta in [1, 0, -1, i64::MAX, -i64::MAX] {
        ensure_err!(cache.incr_by("missing", delta).await, KeyNotFound, "incr by {delta}");
        ensure_err!(cache.decr_by("missing", delta).await, KeyNotFound, "decr by {delta}");
        ensure!(!cache.has_key("missing").await?, "it was made");
        ensure_eq!(cache.get::<i64>("missing").await?, None, "it was made");
    }
    Ok(())
}

async fn expired_key_not_found(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let lifetime = Duration::from_millis(300);
    for key in ["incr", "decr", "zero"] {
        cache.set(key, &1, lifetime).await?;
    }
    t.outlive(lifetime).await;
    ensure_err!(cache.incr("incr").await, KeyNotFound);
    ensure_err!(cache.decr("decr").await, KeyNotFound);
    ensure_err!(cache.incr_by("zero", 0).await, KeyNotFound);
    for key in ["incr", "decr", "zero"] {
        ensure_absent(&cache, key, "counting revived it").await?;
    }
    Ok(())
}

/// Expects every attempt to count on `value` to fail and to leave it unchanged.
async fn uncountable<V>(cache: &TestCache, value: &V) -> Outcome
where
    V: Serialize + DeserializeOwned + PartialEq + Debug + Send + Sync,
{
    cache.set("k", value, LONG).await?;
    for delta in [1, 0, -1, 2, i64::MAX, -i64::MAX] {
        ensure_err!(cache.incr_by("k", delta).await, NotAnInteger, "{value:?} by {delta}");
        ensure_err!(cache.decr_by("k", delta).await, NotAnInteger, "{value:?} by -{delta}");
        ensure_eq!(cache.get::<V>("k").await?.as_ref(), Some(value), "the value changed");
    }
    Ok(())
}

/// The same in both codecs of the project and in the suite's own.
async fn uncountable_in_any_codec<V>(t: &TestContext, value: &V) -> Outcome
where
    V: Serialize + DeserializeOwned + PartialEq + Debug + Send + Sync,
{
    uncountable(&t.cache(), value).await?;
    match t.in_codec(Json)? {
        Some(json) => uncountable(&json, value).await,
        None => Ok(()),
    }
}

async fn null_err(t: &TestContext) -> Outcome {
    uncountable_in_any_codec(t, &None::<i64>).await?;
    uncountable_in_any_codec(t, &()).await
}

async fn string_err(t: &TestContext) -> Outcome {
    for text in ["text", "", " ", "\0", "-", "one"] {
        uncountable_in_any_codec(t, &text.to_owned()).await?;
    }
    Ok(())
}

async fn numeric_string_err(t: &TestContext) -> Outcome {
    for text in ["42", "0", "-1", "+1", " 1", "1 ", "1.0", "1e3", "9223372036854775807"] {
        uncountable_in_any_codec(t, &text.to_owned()).await?;
    }
    let cache = t.cache();
    for digits in ["42", "0", "-1", "9 "] {
        cache.set_bytes("bytes", digits, LONG).await?;
        ensure_err!(cache.incr("bytes").await, NotAnInteger, "the bytes {digits:?}");
        ensure_err!(cache.decr("bytes").await, NotAnInteger, "the bytes {digits:?}");
        ensure_eq!(cache.get_bytes("bytes").await?.as_deref(), Some(digits.as_bytes()));
    }
    Ok(())
}

async fn bool_err(t: &TestContext) -> Outcome {
    uncountable_in_any_codec(t, &true).await?;
    uncountable_in_any_codec(t, &false).await
}

async fn float_err(t: &TestContext) -> Outcome {
    for number in [1.0, 1.5, 0.0, -0.0, -3.0, 1e18, f64::MAX] {
        uncountable_in_any_codec(t, &number).await?;
    }
    uncountable_in_any_codec(t, &1.0_f32).await
}

async fn one_error_kind(t: &TestContext) -> Outcome {
    uncountable_in_any_codec(t, &None::<i64>).await?;
    uncountable_in_any_codec(t, &"text".to_owned()).await?;
    uncountable_in_any_codec(t, &true).await?;
    uncountable_in_any_codec(t, &0.5).await?;
    uncountable_in_any_codec(t, &'1').await?;
    uncountable_in_any_codec(t, &vec![1]).await?;
    uncountable_in_any_codec(t, &(1, "one".to_owned())).await?;
    uncountable_in_any_codec(t, &serde_json::json!({ "n": 1 })).await?;
    uncountable_in_any_codec(t, &Vec::<i64>::new()).await
}

async fn error_keeps_value(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let start = Instant::now();
    cache.set("short", "text", SHORT).await?;
    cache.set("full", &i64::MAX, SHORT).await?;
    cache.set("never", "text", Timeout::Never).await?;
    for _ in 0..3 {
        let error = cache.incr("short").await.err().map(|e| e.kind());
        let full = cache.incr("full").await.err().map(|e| e.kind());
        if t.overslept(start, SHORT) {
            return Ok(());
        }
        ensure_eq!(error, Some(cache_core::ErrorKind::NotAnInteger));
        ensure_eq!(full, Some(cache_core::ErrorKind::Overflow));
        ensure_err!(cache.decr("never").await, NotAnInteger);
    }
    let text = cache.get::<String>("short").await?;
    let full = cache.get::<i64>("full").await?;
    if !t.overslept(start, SHORT) {
        ensure_eq!(text.as_deref(), Some("text"));
        ensure_eq!(full, Some(i64::MAX));
    }
    t.outlive(SHORT).await;
    ensure!(!cache.has_key("short").await?, "the failed incr made it live longer");
    ensure!(!cache.has_key("full").await?, "the failed incr made it live longer");
    ensure_eq!(cache.get::<String>("never").await?.as_deref(), Some("text"));
    Ok(())
}

async fn below_zero(t: &TestContext) -> Outcome {
    let cache = t.cache();
    cache.set("k", &1, LONG).await?;
    ensure_eq!(cache.decr_by("k", 5).await?, -4);
    ensure_eq!(cache.get::<i64>("k").await?, Some(-4));
    ensure_eq!(cache.incr_by("k", 4).await?, 0);
    ensure_eq!(cache.incr_by("k", -1).await?, -1);
    count(&cache, 3, &[-3, -1, 2, -2, -1_000_000, 999_999]).await
}

async fn from_negative(t: &TestContext) -> Outcome {
    let cache = t.cache();
    for start in [-1, -10, -(1 << 32), i64::MIN + 1_000] {
        count(&cache, start, &[1, 5, -3, 100, -103]).await?;
    }
    count(&cache, i64::MIN, &[1, i64::MAX]).await
}

async fn width_shrinks(t: &TestContext) -> Outcome {
    let cache = t.cache();
    for (start, delta, left) in
        [(100, 1, 99), (10, 1, 9), (1_000_000, 999_999, 1), (-100, -1, -99), (10, 10, 0), (1, 2, -1)]
    {
        cache.set("k", &start, LONG).await?;
        ensure_eq!(cache.decr_by("k", delta).await?, left);
        ensure_eq!(cache.get::<i64>("k").await?, Some(left), "{start} − {delta}");
        ensure_eq!(cache.get::<Value>("k").await?, Some(Value::from(left)), "{start} − {delta}");
        ensure_eq!(cache.incr_by("k", 0).await?, left, "{start} − {delta}, counted again");
    }
    Ok(())
}

/// `value` and `delta` leave the range: an error, and the value stays and still counts.
async fn leaves_range(cache: &TestCache, value: i64, delta: i64) -> Outcome {
    cache.set("k", &value, LONG).await?;
    for _ in 0..2 {
        ensure_err!(cache.incr_by("k", delta).await, Overflow, "{value} + {delta}");
        if let Some(delta) = delta.checked_neg() {
            ensure_err!(cache.decr_by("k", delta).await, Overflow, "{value} − {delta}");
        }
        ensure_eq!(cache.get::<i64>("k").await?, Some(value), "{value} + {delta}: it changed");
    }
    let back = -value.signum();
    ensure_eq!(cache.incr_by("k", back).await?, value + back, "after an overflow");
    Ok(())
}

async fn overflow_err_unchanged(t: &TestContext) -> Outcome {
    let cache = t.cache();
    for (value, delta) in
        [(i64::MAX, 1), (i64::MAX, i64::MAX), (i64::MAX - 1, 2), (1, i64::MAX), (1 << 62, 1 << 62)]
    {
        leaves_range(&cache, value, delta).await?;
    }
    count(&cache, i64::MAX - 1, &[1]).await?;
    count(&cache, 0, &[i64::MAX]).await
}

async fn underflow_err_unchanged(t: &TestContext) -> Outcome {
    let cache = t.cache();
    for (value, delta) in [(i64::MIN, -1), (i64::MIN, -i64::MAX), (i64::MIN + 1, -2), (-2, -i64::MAX)] {
        leaves_range(&cache, value, delta).await?;
    }
    count(&cache, i64::MIN + 1, &[-1]).await?;
    count(&cache, -1, &[-i64::MAX]).await
}

async fn delta_i64_min(t: &TestContext) -> Outcome {
    let cache = t.cache();
    leaves_range(&cache, -1, i64::MIN).await?;
    leaves_range(&cache, i64::MIN, i64::MIN).await?;
    for (start, sum) in [(0, i64::MIN), (1, i64::MIN + 1), (i64::MAX, -1)] {
        cache.set("k", &start, LONG).await?;
        ensure_eq!(cache.incr_by("k", i64::MIN).await?, sum, "{start} + i64::MIN");
        ensure_eq!(cache.get::<i64>("k").await?, Some(sum));
    }
    for start in [0, 5, i64::MAX] {
        cache.set("k", &start, LONG).await?;
        ensure_err!(cache.decr_by("k", i64::MIN).await, Overflow, "{start} − i64::MIN");
        ensure_eq!(cache.get::<i64>("k").await?, Some(start), "it changed");
    }
    ensure_err!(cache.incr_by("missing", i64::MIN).await, KeyNotFound);
    Ok(())
}

async fn u64_value_err(t: &TestContext) -> Outcome {
    for number in [u64::MAX, i64::MAX.unsigned_abs() + 1, u64::MAX - 1] {
        uncountable_in_any_codec(t, &number).await?;
    }
    let cache = t.cache();
    cache.set("fits", &(i64::MAX.unsigned_abs() - 1), LONG).await?;
    ensure_eq!(cache.incr("fits").await?, i64::MAX, "a u64 that an i64 holds counts");
    Ok(())
}

async fn keeps_ttl(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let start = Instant::now();
    for key in ["incr", "decr", "other mode"] {
        cache.set(&key.replace(' ', "-"), &5, SHORT).await?;
    }
    cache.set("long", &5, LONG).await?;
    for _ in 0..4 {
        let counted = (
            cache.incr("incr").await.is_ok(),
            cache.decr("decr").await.is_ok(),
            cache.other_mode().incr("other-mode").await.is_ok(),
        );
        if t.overslept(start, SHORT) {
            return Ok(());
        }
        ensure_eq!(counted, (true, true, true), "counting made them die early");
        ensure_eq!(cache.incr("long").await.is_ok(), true);
        t.wait(SHORT / 5).await;
    }
    t.outlive(SHORT / 5).await;
    for key in ["incr", "decr", "other-mode"] {
        ensure!(!cache.has_key(key).await?, "{key}: counting made it live longer");
        ensure_err!(cache.incr(key).await, KeyNotFound);
    }
    if !t.overslept(start, LONG) {
        ensure_eq!(cache.get::<i64>("long").await?, Some(9), "counting made it die early");
    }
    Ok(())
}

async fn keeps_never(t: &TestContext) -> Outcome {
    let cache = t.build(|b| b.timeout(SHORT))?;
    cache.set("set", &5, Timeout::Never).await?;
    ensure!(cache.add("added", &5, Timeout::Never).await?);
    cache.set("touched", &5, LONG).await?;
    ensure!(cache.touch("touched", Timeout::Never).await?);
    for key in ["set", "added", "touched"] {
        ensure_eq!(cache.incr_by(key, 10).await?, 15, "{key}");
        ensure_eq!(cache.decr(key).await?, 14, "{key}");
    }
    t.outlive(SHORT).await;
    if let Ok(hands) = t.hands() {
        hands.advance(Duration::from_secs(10 * 365 * 86_400));
    }
    for key in ["set", "added", "touched"] {
        ensure_eq!(cache.get::<i64>(key).await?, Some(14), "{key} expired");
        ensure_eq!(cache.incr(key).await?, 15, "{key}");
    }
    Ok(())
}

async fn version_arg(t: &TestContext) -> Outcome {
    let cache = t.cache();
    let (two, seven) = (cache.with_version(2), cache.with_version(-7));
    cache.set("k", &1, LONG).await?;
    ensure_err!(two.incr("k").await, KeyNotFound);
    two.set("k", &20, LONG).await?;
    seven.set("k", &70, LONG).await?;
    ensure_eq!(two.incr_by("k", 5).await?, 25);
    ensure_eq!(seven.decr_by("k", 100).await?, -30);
    ensure_eq!(cache.incr("k").await?, 2);
    ensure_eq!(cache.get::<i64>("k").await?, Some(2));
    ensure_eq!(two.get::<i64>("k").await?, Some(25));
    ensure_eq!(seven.get::<i64>("k").await?, Some(-30));
    let default_two = t.build(|b| b.version(2))?;
    ensure_eq!(default_two.incr("k").await?, 26, "a cache whose version is 2");
    Ok(())
}

async fn readable_as_int(t: &TestContext) -> Outcome {
    let cache = t.cache();
    for cache in [Some(cache.clone()), t.in_codec(Json)?].into_iter().flatten() {
        cache.set("k", &41_u8, LONG).await?;
        cache.incr("k").await?;
        ensure_eq!(cache.get::<i64>("k").await?, Some(42));
        ensure_eq!(cache.get::<u8>("k").await?, Some(42));
        ensure_eq!(cache.get::<u64>("k").await?, Some(42));
        ensure_eq!(cache.get::<i128>("k").await?, Some(42));
        ensure_eq!(cache.get::<Option<i32>>("k").await?, Some(Some(42)));
        ensure_eq!(cache.get::<Value>("k").await?, Some(Value::from(42)));
        ensure_eq!(cache.get_many::<i64, _>(["k"]).await?, [("k", 42)]);
        ensure_eq!(cache.get_or_set("k", LONG, || 0).await?, 42);
        ensure_err!(cache.get::<String>("k").await, Decode, "it is not a string");
        ensure_err!(cache.get::<bool>("k").await, Decode, "it is not a bool");
        cache.incr_by("k", 1_000).await?;
        ensure_err!(cache.get::<u8>("k").await, Decode, "1042 does not fit a u8");
        cache.decr_by("k", 2_000).await?;
        ensure_err!(cache.get::<u64>("k").await, Decode, "−958 does not fit a u64");
        ensure_eq!(cache.get::<i16>("k").await?, Some(-958));
    }
    // Any integer type counts, and a wrapper around one.
    #[derive(Serialize)]
    struct Metres(u16);
    cache.set("usize", &1_usize, LONG).await?;
    cache.set("i128", &1_i128, LONG).await?;
    cache.set("some", &Some(1_u32), LONG).await?;
    cache.set("newtype", &Metres(1), LONG).await?;
    for key in ["usize", "i128", "some", "newtype"] {
        ensure_eq!(cache.incr(key).await?, 2, "{key}");
    }
    Ok(())
}

async fn codec_still_typed(t: &TestContext) -> Outcome {
    for cache in [Some(t.cache()), t.in_codec(Json)?].into_iter().flatten() {
        cache.set("k", &1, LONG).await?;
        cache.incr("k").await?;
        cache.set("k", "text", LONG).await?;
        ensure_eq!(cache.get::<String>("k").await?.as_deref(), Some("text"));
        ensure_err!(cache.incr("k").await, NotAnInteger);
        cache.set("k", "2", LONG).await?;
        ensure_eq!(cache.get::<String>("k").await?.as_deref(), Some("2"));
        cache.set("k", &[2], LONG).await?;
        ensure_eq!(cache.get::<Vec<i64>>("k").await?, Some(vec![2]));
        cache.set("k", &2.0, LONG).await?;
        ensure_eq!(cache.get::<f64>("k").await?, Some(2.0));
        ensure_err!(cache.incr("k").await, NotAnInteger);
        cache.set("k", &2, LONG).await?;
        ensure_eq!(cache.incr("k").await?, 3);
        ensure!(cache.delete("k").await?);
        ensure_err!(cache.incr("k").await, KeyNotFound);
    }
    Ok(())
}
