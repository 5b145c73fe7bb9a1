//! What is stored, read through the cache's codec: [`Stored`] as JSON, [`Raw`] as bytes.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// A stored value as JSON, or why JSON cannot say it.
pub(crate) struct Stored(pub(crate) Result<Value, &'static str>);

const LARGE: &str = "holds an integer of more than 64 bits";
const NOT_FINITE: &str = "holds NaN or an infinity, which JSON does not have";
const BYTES: &str = "holds bytes, which JSON does not have";
const NOT_TEXT: &str = "holds a key that is not a string, which JSON does not have";

impl<'de> Deserialize<'de> for Stored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ToJson)
    }
}

struct ToJson;

/// Each of them reads to the end, also where the answer is a problem: what is left would be another's.
impl<'de> Visitor<'de> for ToJson {
    type Value = Stored;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that JSON has")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Stored, E> {
        Ok(Stored(Ok(Value::Null)))
    }

    fn visit_none<E: de::Error>(self) -> Result<Stored, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Stored, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Stored, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Stored, E> {
        Ok(Stored(Ok(flag.into())))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Stored, E> {
        Ok(Stored(Ok(number.into())))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Stored, E> {
        Ok(Stored(Ok(number.into())))
    }

    fn visit_i128<E: de::Error>(self, number: i128) -> Result<Stored, E> {
        Ok(Stored(Number::from_i128(number).map(Value::Number).ok_or(LARGE)))
    }

    fn visit_u128<E: de::Error>(self, number: u128) -> Result<Stored, E> {
        Ok(Stored(Number::from_u128(number).map(Value::Number).ok_or(LARGE)))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Stored, E> {
        Ok(Stored(Number::from_f64(number).map(Value::Number).ok_or(NOT_FINITE)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Stored, E> {
        Ok(Stored(Ok(text.into())))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Stored, E> {
        Ok(Stored(Ok(text.into())))
    }

    fn visit_bytes<E: de::Error>(self, _: &[u8]) -> Result<Stored, E> {
        Ok(Stored(Err(BYTES)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Stored, A::Error> {
        let mut list = Ok(Vec::new());
        while let Some(Stored(item)) = items.next_element()? {
            list = both(list, item).map(|(mut list, item)| {
                list.push(item);
                list
            });
        }
        Ok(Stored(list.map(Value::Array)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Stored, A::Error> {
        let mut map = Ok(Map::new());
        while let Some((Stored(key), Stored(value))) = entries.next_entry()? {
            let key = key.and_then(|key| match key {
                Value::String(key) => Ok(key),
                _ => Err(NOT_TEXT),
            });
            map = both(map, both(key, value)).map(|(mut map, (key, value))| {
                map.insert(key, value);
                map
            });
        }
        Ok(Stored(map.map(Value::Object)))
    }
}

/// The first problem of the two, if there is one.
fn both<A, B, P>(a: Result<A, P>, b: Result<B, P>) -> Result<(A, B), P> {
    Ok((a?, b?))
}

/// A stored text, integer or bytes, as bytes.
pub(crate) struct Raw(pub(crate) Vec<u8>);

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ToBytes)
    }
}

struct ToBytes;

impl Visitor<'_> for ToBytes {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes, a string or an integer")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw(text.into()))
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Raw, E> {
        Ok(Raw(bytes.into()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Raw, E> {
        Ok(Raw(number.to_string().into()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Raw, E> {
        Ok(Raw(number.to_string().into()))
    }

    fn visit_i128<E: de::Error>(self, number: i128) -> Result<Raw, E> {
        Ok(Raw(number.to_string().into()))
    }

    fn visit_u128<E: de::Error>(self, number: u128) -> Result<Raw, E> {
        Ok(Raw(number.to_string().into()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn through<T: serde::Serialize>(value: &T) -> Result<Value, &'static str> {
        let packed = cache_core::Codec::encode(&cache_core::MessagePack, &value).unwrap();
        let mut stored = None;
        cache_core::Codec::decode(&cache_core::MessagePack, &packed, &mut |deserializer| {
            stored = Some(erased_serde::deserialize::<Stored>(deserializer)?);
            Ok(())
        })
        .unwrap();
        stored.unwrap().0
    }

    #[test]
    fn what_json_has_is_exact() {
        let value = serde_json::json!([null, true, -1, u64::MAX, i64::MIN, 0.1, 5e-324, "a", {"b": [{}]}]);
        assert_eq!(through(&value), Ok(value));
        assert_eq!(through(&-0.0_f64).unwrap().to_string(), "-0.0");
    }

    #[test]
    fn what_json_does_not_have_is_named_wherever_it_stands() {
        assert_eq!(through(&f64::NAN), Err(NOT_FINITE));
        assert_eq!(through(&(1, [f64::INFINITY], 2)), Err(NOT_FINITE));
        assert_eq!(through(&f32::NEG_INFINITY), Err(NOT_FINITE));
        assert_eq!(through(&std::collections::BTreeMap::from([(1, 2)])), Err(NOT_TEXT));
        let stored: Stored =
            Stored::deserialize(de::value::U128Deserializer::<de::value::Error>::new(1 << 64)).unwrap();
        assert_eq!(stored.0, Err(LARGE));
    }
}
