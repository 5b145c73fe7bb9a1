//! [`Value`] and serde. What has no form in serde crosses this crate's serializers as opcodes.

use std::fmt;

use num_bigint::BigInt;
use serde::de::{EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::ser::{Error as _, SerializeMap, SerializeTuple};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Flaw};
use crate::limits::Limits;
use crate::value::hash::hashable;
use crate::value::{Value, write};
use crate::write::Fragment;

/// The name by which this crate's serializer and deserializer know a [`Value`].
pub(crate) const NAME: &str = "$cache_pickle::Value";

/// The variant whose content is opcodes.
const OPCODES: &str = "opcodes";

/// A fragment of a pickle on its way through a serializer: opcodes, how many values are inside of
/// the first, and the bytes of the largest integer. Its depth, and whether Python can hash it, are
/// the variant's index.
pub(crate) struct Opcodes(Vec<u8>);

/// The bit of the index.
const UNHASHABLE: u32 = 1 << 16;

impl Opcodes {
    fn new(fragment: Fragment) -> Self {
        let Fragment { mut opcodes, values, integer } = fragment;
        opcodes.extend((values as u64).to_le_bytes());
        opcodes.extend((integer as u64).to_le_bytes());
        Self(opcodes)
    }

    pub(crate) fn parts(bytes: &[u8]) -> (&[u8], usize, usize) {
        let number = |number: &[u8; 8]| usize::try_from(u64::from_le_bytes(*number)).unwrap_or(usize::MAX);
        match bytes.split_last_chunk().map(|(rest, integer)| (rest.split_last_chunk(), integer)) {
            Some((Some((opcodes, values)), integer)) => (opcodes, number(values), number(integer)),
            _ => (&[], 0, 0),
        }
    }

    /// The depth of a fragment, and whether Python can hash it.
    pub(crate) fn of_index(index: u32) -> (usize, bool) {
        ((index & !UNHASHABLE) as usize, index & UNHASHABLE == 0)
    }
}

impl Serialize for Opcodes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

/// To this crate's serializer, exactly; to others, what serde has no form for is an enum of bytes
/// that only this crate reads. To move a value to JSON, read it as a `serde_json::Value`.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_unit(),
            Self::Bool(bool) => serializer.serialize_bool(*bool),
            Self::Int(n) => serializer.serialize_i64(*n),
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Str(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::List(values) => serializer.collect_seq(values),
            Self::Tuple(values) => {
                let mut tuple = serializer.serialize_tuple(values.len())?;
                for value in values {
                    tuple.serialize_element(value)?;
                }
                tuple.end()
            }
            Self::Dict(entries) => {
                // A list would become a tuple by the way, and another key than it was.
                if !entries.iter().all(|(key, _)| hashable(key)) {
                    return Err(S::Error::custom(Error::from(Flaw::UNHASHABLE)));
                }
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
            other => {
                let (fragment, depth) = write::fragment(other).map_err(S::Error::custom)?;
                let flag = if hashable(other) { 0 } else { UNHASHABLE };
                let opcodes = Opcodes::new(fragment);
                serializer.serialize_newtype_variant(NAME, depth as u32 | flag, OPCODES, &opcodes)
            }
        }
    }
}

/// From this crate's deserializer, exactly; from others, what they have. serde's own buffer is such
/// another: see [`Value`].
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NAME, ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Python value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Value, D::Error> {
        inner.deserialize_any(self)
    }

    /// Reads a whole pickle: only this crate's deserializer answers `deserialize_any` with an enum.
    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Value, A::Error> {
        let ((), content) = data.variant()?;
        content.newtype_variant::<Pickled>().map(|pickled| pickled.0)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::None)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::None)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Value, D::Error> {
        Value::deserialize(inner)
    }

    fn visit_bool<E>(self, bool: bool) -> Result<Value, E> {
        Ok(Value::Bool(bool))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Value, E> {
        Ok(Value::Int(n))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Value, E> {
        Ok(n.into())
    }

    fn visit_i128<E>(self, n: i128) -> Result<Value, E> {
        Ok(n.into())
    }

    fn visit_u128<E>(self, n: u128) -> Result<Value, E> {
        Ok(BigInt::from(n).into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Str(text))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(bytes.to_vec()))
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Value, E> {
        Ok(Value::Bytes(bytes))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Dict(entries))
    }
}

/// A whole pickle within another format.
struct Pickled(Value);

impl<'de> Deserialize<'de> for Pickled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Pickled;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a pickle")
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Pickled, E> {
                // The limits of the document that this is a part of have been checked.
                Value::read_with(bytes, &Limits::NONE).map(Pickled).map_err(E::custom)
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}
