//! Family F: values and their fidelity.

mod decoding;
mod numbers;
mod sizes;
mod stored_bytes;
mod structures;
mod text;

use std::fmt::Debug;

use cache_core::{Json, MessagePack};
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::decoding::{deserialize_panic_contained, mimics_envelope, serde_evolution, wrong_type_decode_err};
use self::numbers::{
    bool_is_not_int, exact_or_refused_float, exact_or_refused_integer, float_extremes, i64_limits, i128_u128,
    int_is_not_float, nan_inf, random_floats, u64_max,
};
use self::sizes::{incompressible, map_10k, size_16mib, size_above_limit, size_below_limit};
use self::stored_bytes::codec_bytes_identical;
use self::structures::{
    datetime_duration_uuid, depth_100, empty_collections, enum_variants, map_non_string_keys, option_nesting,
    unit_newtype,
};
use self::text::{
    all_256_bytes, astral_unicode, chars, digit_bytes_stay_bytes, digit_string_stays_string, empty_bytes,
    empty_string, string_nul_crlf,
};
use super::LONG;
use crate::check::Check;
use crate::context::TestContext;
use crate::erased::Value;
use crate::outcome::Outcome;
use crate::test_cache::TestCache;

pub(crate) const CHECKS: &[Check] = &[
    check!("F", i64_limits),
    check!("F", u64_max),
    check!("F", i128_u128),
    check!("F", bool_is_not_int),
    check!("F", int_is_not_float),
    check!("F", float_extremes),
    check!("F", nan_inf),
    check!("F", digit_string_stays_string),
    check!("F", digit_bytes_stay_bytes),
    check!("F", empty_string),
    check!("F", empty_bytes),
    check!("F", empty_collections),
    check!("F", all_256_bytes),
    check!("F", string_nul_crlf),
    check!("F", astral_unicode),
    check!("F", option_nesting),
    check!("F", unit_newtype),
    check!("F", enum_variants),
    check!("F", depth_100),
    check!("F", map_non_string_keys),
    check!("F", map_10k),
    check!("F", chars),
    check!("F", datetime_duration_uuid),
    check!("F", size_below_limit),
    check!("F", size_above_limit),
    check!("F", size_16mib),
    check!("F", incompressible),
    check!("F", mimics_envelope),
    check!("F", wrong_type_decode_err),
    check!("F", serde_evolution),
    check!("F", deserialize_panic_contained),
    check!("F", codec_bytes_identical),
    check!("F", random_floats),
    check!("F", exact_or_refused_float),
    check!("F", exact_or_refused_integer),
];

/// What the values are held against: the suite's own settings, and both codecs of the project
/// where there is a choice.
fn any_codec(t: &TestContext) -> Outcome<Vec<TestCache>> {
    let caches = [Some(t.cache()), t.in_codec(MessagePack)?, t.in_codec(Json)?];
    Ok(caches.into_iter().flatten().collect())
}

/// A cache whose codec holds every value that serde knows.
fn full_codec(t: &TestContext) -> Outcome<TestCache> {
    Ok(t.in_codec(MessagePack)?.unwrap_or_else(|| t.cache()))
}

/// `value` comes back as it was, whichever way it went in and comes out.
async fn comes_back<V>(cache: &TestCache, value: &V) -> Outcome
where
    V: Serialize + DeserializeOwned + PartialEq + Debug + Send + Sync,
{
    write_everywhere(cache, &value).await?;
    for key in WRITTEN {
        ensure_eq!(cache.get::<V>(key).await?.as_ref(), Some(value), "what was written by {key}");
        let other = cache.other_mode();
        ensure_eq!(
            other.get::<V>(key).await?.as_ref(),
            Some(value),
            "what was written by {key}, in the other mode"
        );
    }
    let many: Vec<(&str, V)> = cache.get_many(["set", "missing", "set_many"]).await?;
    let all_are_it = many.iter().all(|(_, got)| got == value) && many.len() == 2;
    ensure!(all_are_it, got many, "get_many of two that hold {value:?} and one that is missing");
    Ok(())
}

/// The keys of [`write_everywhere`].
const WRITTEN: [&str; 3] = ["set", "add", "set_many"];

/// Writes the value in each way. Built once for all types.
async fn write_everywhere(cache: &TestCache, value: &Value<'_>) -> Outcome {
    cache.delete_many(WRITTEN).await?;
    cache.set("set", value, LONG).await?;
    ensure!(cache.add("add", value, LONG).await?, "add to a key that is absent");
    ensure_eq!(
        cache.set_many([("set_many", value)], LONG).await?,
        Vec::<&str>::new(),
        "keys that set_many left"
    );
    for key in WRITTEN {
        ensure!(cache.has_key(key).await?, "has_key({key:?}) of a stored key");
    }
    Ok(())
}

/// [`comes_back`] in every codec.
async fn comes_back_in_any_codec<V>(t: &TestContext, value: &V) -> Outcome
where
    V: Serialize + DeserializeOwned + PartialEq + Debug + Send + Sync,
{
    for cache in any_codec(t)? {
        comes_back(&cache, value).await?;
    }
    Ok(())
}
