//! Checks that numbers keep their value and their kind.

use std::collections::BTreeMap;
use std::fmt::Debug;

use cache_core::Json;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{any_codec, comes_back_in_any_codec, full_codec};
use crate::checks::LONG;
use crate::context::TestContext;
use crate::outcome::Outcome;
use crate::test_cache::TestCache;

pub(super) async fn i64_limits(t: &TestContext) -> Outcome {
    let edges =
        [0, 1, -1, 127, 128, -128, -129, 255, 256, 32_767, 65_536, 1 << 31, 1 << 32, 1 << 53, 1 << 62];
    let numbers: Vec<i64> =
        edges.into_iter().flat_map(|n: i64| [n, -n]).chain([i64::MAX, i64::MIN, i64::MIN + 1]).collect();
    for number in &numbers {
        comes_back_in_any_codec(t, number).await?;
    }
    comes_back_in_any_codec(t, &numbers).await?;
    comes_back_in_any_codec(t, &i8::MIN).await?;
    comes_back_in_any_codec(t, &u16::MAX).await?;
    comes_back_in_any_codec(t, &u32::MAX).await
}

pub(super) async fn u64_max(t: &TestContext) -> Outcome {
    let first_beyond = i64::MAX.unsigned_abs() + 1;
    for number in [u64::MAX, u64::MAX - 1, first_beyond, first_beyond - 1] {
        comes_back_in_any_codec(t, &number).await?;
        comes_back_in_any_codec(t, &vec![number]).await?;
    }
    for cache in any_codec(t)? {
        cache.set("k", &u64::MAX, LONG).await?;
        ensure_err!(cache.get::<i64>("k").await, Decode, "it wrapped");
        ensure_eq!(cache.get::<Value>("k").await?, Some(Value::from(u64::MAX)));
    }
    Ok(())
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Wide {
    signed: i128,
    unsigned: Option<u128>,
}

pub(super) async fn i128_u128(t: &TestContext) -> Outcome {
    let beyond = i128::from(u64::MAX) + 1;
    for number in [i128::MAX, i128::MIN, 0, -1, i128::from(i64::MIN) - 1, beyond, -beyond] {
        comes_back_in_any_codec(t, &number).await?;
    }
    for number in [u128::MAX, 0, u128::from(u64::MAX), u128::from(u64::MAX) + 1] {
        comes_back_in_any_codec(t, &number).await?;
    }
    comes_back_in_any_codec(t, &Wide { signed: i128::MIN, unsigned: Some(u128::MAX) }).await?;
    comes_back_in_any_codec(t, &vec![Wide { signed: 5, unsigned: None }]).await
}

pub(super) async fn bool_is_not_int(t: &TestContext) -> Outcome {
    for cache in any_codec(t)? {
        for truth in [true, false] {
            cache.set("bool", &truth, LONG).await?;
            ensure_eq!(cache.get::<bool>("bool").await?, Some(truth));
            ensure_eq!(cache.get::<Value>("bool").await?, Some(Value::Bool(truth)));
            ensure_err!(cache.get::<i64>("bool").await, Decode);
            ensure_err!(cache.get::<u8>("bool").await, Decode);
            cache.set("int", &i64::from(truth), LONG).await?;
            ensure_eq!(cache.get::<Value>("int").await?, Some(Value::from(i64::from(truth))));
            ensure_err!(cache.get::<bool>("int").await, Decode);
        }
    }
    comes_back_in_any_codec(t, &vec![(true, 1), (false, 0)]).await
}

pub(super) async fn int_is_not_float(t: &TestContext) -> Outcome {
    for cache in any_codec(t)? {
        for whole in [1_i32, 0, -1, 1_000_000] {
            cache.set("int", &whole, LONG).await?;
            cache.set("float", &f64::from(whole), LONG).await?;
            let (int, float) = (cache.get::<Value>("int").await?, cache.get::<Value>("float").await?);
            ensure!(int.as_ref().is_some_and(Value::is_i64), "{whole}: got {int:?}");
            ensure!(float.as_ref().is_some_and(Value::is_f64), "{whole}.0: got {float:?}");
            ensure_eq!(cache.get::<f64>("float").await?, Some(f64::from(whole)));
            ensure_err!(cache.get::<i64>("float").await, Decode, "{whole}.0 as an integer");
            ensure_err!(cache.incr("float").await, NotAnInteger, "{whole}.0 counts");
            ensure_eq!(cache.incr("int").await?, i64::from(whole) + 1);
        }
        let mixed = vec![Value::from(1), Value::from(1.0)];
        cache.set("mixed", &mixed, LONG).await?;
        ensure_eq!(cache.get::<Vec<Value>>("mixed").await?, Some(mixed));
    }
    Ok(())
}

/// By their bits: `-0.0 == 0.0`, and a NaN equals nothing.
async fn same_bits(cache: &TestCache, number: f64) -> Outcome {
    cache.set("f64", &number, LONG).await?;
    cache.set("list", &[number, number], LONG).await?;
    let bits = number.to_bits();
    ensure_eq!(cache.get::<f64>("f64").await?.map(f64::to_bits), Some(bits), "{number:e}");
    ensure_eq!(
        cache.get::<[f64; 2]>("list").await?.map(|l| l.map(f64::to_bits)),
        Some([bits; 2]),
        "{number:e}"
    );
    Ok(())
}

pub(super) async fn float_extremes(t: &TestContext) -> Outcome {
    let subnormal = f64::from_bits(1);
    let numbers = [0.0, f64::MIN_POSITIVE, subnormal, f64::MIN_POSITIVE - subnormal, f64::MAX, f64::EPSILON];
    let odd = [0.1, 1.0 / 3.0, 1e23, 9_007_199_254_740_993.0, 5e-324, 2.225_073_858_507_201e-308, 1e300];
    for cache in any_codec(t)? {
        for number in numbers.into_iter().chain(odd) {
            same_bits(&cache, number).await?;
            same_bits(&cache, -number).await?;
        }
        for number in [f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1), -0.0, 0.1] {
            cache.set("f32", &number, LONG).await?;
            ensure_eq!(
                cache.get::<f32>("f32").await?.map(f32::to_bits),
                Some(number.to_bits()),
                "{number:e}"
            );
        }
    }
    Ok(())
}

pub(super) async fn nan_inf(t: &TestContext) -> Outcome {
    let cache = full_codec(t)?;
    for number in
        [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::from_bits(0x7ff8_0000_0000_0001)]
    {
        same_bits(&cache, number).await?;
    }
    cache.set("f32", &f32::INFINITY, LONG).await?;
    ensure_eq!(cache.get::<f32>("f32").await?, Some(f32::INFINITY));
    // JSON does not have such numbers.
    let Some(json) = t.in_codec(Json)? else { return Ok(()) };
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        ensure_err!(json.set("k", &number, LONG).await, Encode, "{number}");
        ensure_err!(json.set("k", &[number as f32], LONG).await, Encode, "{number} as an f32 in a list");
    }
    Ok(())
}

/// How many random numbers are written as one value, and how many by themselves.
const RANDOM: (usize, usize) = (10_000, 200);

#[derive(Serialize, Deserialize, Debug)]
#[serde(untagged)]
enum Untagged {
    Number(f32),
    Named { number: f32 },
}

pub(super) async fn random_floats(t: &TestContext) -> Outcome {
    let mut random = fastrand::Rng::with_seed(0xf10a7);
    let bits = std::iter::repeat_with(|| f64::from_bits(random.u64(..)));
    // The last is the one that was seen to change.
    let doubles: Vec<f64> =
        bits.filter(|n| n.is_finite()).take(RANDOM.0).chain([11.648_059_100_279_703]).collect();
    for cache in any_codec(t)? {
        cache.set("doubles", &doubles, LONG).await?;
        let back = cache.get::<Vec<f64>>("doubles").await?.unwrap_or_default();
        ensure_eq!(back.len(), doubles.len(), "doubles in the list");
        for (back, double) in back.iter().zip(&doubles) {
            ensure_eq!(back.to_bits(), double.to_bits(), "{double:e}, of which came {back:e}");
        }
        for double in doubles.iter().rev().take(RANDOM.1) {
            same_bits(&cache, *double).await?;
        }
        // The shortest decimal of the first lies half way to its neighbour for a reader that parses it as a double
        // first.
        for single in [7.038_531e-26_f32, 0.1, -0.0, f32::MAX, f32::from_bits(1)] {
            cache.set("number", &Untagged::Number(single), LONG).await?;
            cache.set("named", &Untagged::Named { number: single }, LONG).await?;
            for key in ["number", "named"] {
                let (Untagged::Number(back) | Untagged::Named { number: back }) =
                    cache.get::<Untagged>(key).await?.unwrap_or(Untagged::Number(f32::NAN));
                ensure_eq!(back.to_bits(), single.to_bits(), "{single:e} in an untagged type, by {key}");
            }
        }
    }
    Ok(())
}

/// The value comes back as it was, or is refused before anything is stored.
async fn exact_or_refused<V>(cache: &TestCache, value: &V) -> Outcome
where
    V: Serialize + DeserializeOwned + Debug + Send + Sync,
{
    // Their debug forms: no NaN equals another.
    let shown = format!("{value:?}");
    cache.set("k", "old", LONG).await?;
    let set = cache.set("k", value, LONG).await;
    if set.is_ok() {
        let back = cache.get::<V>("k").await?.map(|back| format!("{back:?}"));
        ensure_eq!(back.as_deref(), Some(&*shown), "what was stored");
        return Ok(());
    }
    ensure_err!(set, Encode, "set of {shown}");
    let kept = cache.get::<String>("k").await?;
    ensure!(kept.as_deref().is_none_or(|kept| kept == "old"), got kept, "after set of {shown}");
    cache.delete("k").await?;
    ensure_err!(cache.add("k", value, LONG).await, Encode, "add of {shown}");
    ensure_err!(cache.set_many([("k", value)], LONG).await, Encode, "set_many of {shown}");
    ensure!(!cache.has_key("k").await?, "a refused {shown} is stored");
    Ok(())
}

pub(super) async fn exact_or_refused_float(t: &TestContext) -> Outcome {
    for cache in any_codec(t)? {
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            exact_or_refused(&cache, &number).await?;
            exact_or_refused(&cache, &(number as f32)).await?;
            exact_or_refused(&cache, &vec![0.5, number]).await?;
            exact_or_refused(&cache, &BTreeMap::from([("a".to_owned(), Some(number))])).await?;
            exact_or_refused(&cache, &(1, Untagged::Named { number: number as f32 })).await?;
        }
    }
    Ok(())
}

pub(super) async fn exact_or_refused_integer(t: &TestContext) -> Outcome {
    let wide = i128::from(u64::MAX) + 1;
    let large = 12_345_678_901_234_567_890_123_i128;
    for cache in any_codec(t)? {
        for number in [wide, large, -large, i128::from(i64::MIN) - 1] {
            cache.set("number", &number, LONG).await?;
            cache.set("list", &[number], LONG).await?;
            cache.set("map", &BTreeMap::from([("a", number)]), LONG).await?;
            for key in ["number", "list", "map"] {
                ensure_err!(cache.get::<Value>(key).await, Decode, "{number} by {key}, of unknown type");
            }
            // A power of two is a float too, in a format of digits.
            match cache.get::<f64>("number").await {
                Ok(float) => ensure_eq!(float.map(|float| float as i128), Some(number), "as a float"),
                refused => ensure_err!(refused, Decode, "{number} as a float"),
            }
            ensure_eq!(cache.get::<[i128; 1]>("list").await?, Some([number]));
            ensure_eq!(cache.get::<u128>("number").await.ok().flatten(), u128::try_from(number).ok());
        }
        for number in [-5, i64::MAX] {
            cache.set("list", &[i128::from(number)], LONG).await?;
            ensure_eq!(cache.get::<Value>("list").await?, Some(Value::from(vec![number])));
        }
        cache.set("list", &[u128::MAX], LONG).await?;
        ensure_err!(cache.get::<[i128; 1]>("list").await, Decode, "u128::MAX as an i128");
        cache.set("list", &[-1_i64], LONG).await?;
        ensure_err!(cache.get::<[u128; 1]>("list").await, Decode, "-1 as a u128");
        // One more than a float holds of each.
        let odd = (1_i64 << 53) + 1;
        cache.set("number", &odd, LONG).await?;
        cache.set("list", &[odd], LONG).await?;
        ensure_err!(cache.get::<f64>("number").await, Decode, "{odd} as a float");
        ensure_err!(cache.get::<[f64; 1]>("list").await, Decode, "{odd} in a list, as a float");
    }
    Ok(())
}
