//! Numbers keep their value and their kind.

use cache_core::Json;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{any_codec, comes_back_in_any_codec, full_codec};
use crate::checks::LONG;
use crate::context::T;
use crate::outcome::Outcome;

pub(super) async fn i64_limits(t: &T) -> Outcome {
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

pub(super) async fn u64_max(t: &T) -> Outcome {
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

pub(super) async fn i128_u128(t: &T) -> Outcome {
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

pub(super) async fn bool_is_not_int(t: &T) -> Outcome {
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

pub(super) async fn int_is_not_float(t: &T) -> Outcome {
    for cache in any_codec(t)? {
        for whole in [1_i32, 0, -1, 1_000_000] {
            cache.set("int", &whole, LONG).await?;
            cache.set("float", &f64::from(whole), LONG).await?;
            let (int, float) = (cache.get::<Value>("int").await?, cache.get::<Value>("float").await?);
            ensure!(int.as_ref().is_some_and(Value::is_i64), "{whole}: got {int:?}");
            ensure!(float.as_ref().is_some_and(Value::is_f64), "{whole}.0: got {float:?}");
            ensure_eq!(cache.get::<f64>("float").await?, Some(f64::from(whole)));
            ensure_err!(cache.get::<i64>("float").await, Decode, "{whole}.0 as an integer");
            ensure_err!(cache.incr("float", 1).await, NotAnInteger, "{whole}.0 counts");
            ensure_eq!(cache.incr("int", 1).await?, i64::from(whole) + 1);
        }
        let mixed = vec![Value::from(1), Value::from(1.0)];
        cache.set("mixed", &mixed, LONG).await?;
        ensure_eq!(cache.get::<Vec<Value>>("mixed").await?, Some(mixed));
    }
    Ok(())
}

/// By their bits: `-0.0 == 0.0`, and a NaN equals nothing.
async fn same_bits(cache: &crate::handle::C, number: f64) -> Outcome {
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

pub(super) async fn float_extremes(t: &T) -> Outcome {
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

pub(super) async fn nan_inf(t: &T) -> Outcome {
    let cache = full_codec(t)?;
    for number in
        [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::from_bits(0x7ff8_0000_0000_0001)]
    {
        same_bits(&cache, number).await?;
    }
    cache.set("f32", &f32::INFINITY, LONG).await?;
    ensure_eq!(cache.get::<f32>("f32").await?, Some(f32::INFINITY));
    // JSON has no such numbers: they must not come back as others.
    let Some(json) = t.in_codec(Json)? else { return Ok(()) };
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        json.set("k", &number, LONG).await?;
        ensure_eq!(json.get::<Option<f64>>("k").await?, Some(None), "{number}");
        ensure_err!(json.get::<f64>("k").await, Decode, "{number}");
    }
    Ok(())
}
