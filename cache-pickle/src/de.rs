//! Reads a document as serde's data model. Dates, times, decimals and UUIDs become text (dates and times in
//! ISO 8601), bytes stay bytes. Only [`Value`](crate::Value) can hold an object of another class. A time that
//! its text would change is refused.

use serde::de::value::{BytesDeserializer, SeqDeserializer, UnitDeserializer};
use serde::de::{DeserializeSeed, EnumAccess, Error as _, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};

use crate::error::{Error, Flaw, messages};
use crate::limits::Limits;
use crate::read::Document;
use crate::read::arena::Items;
use crate::read::item::Item;
use crate::read::typed::{Typed, big_integer};
use crate::time::{DateTime, Time, TimeZone};
use crate::value;

/// Reads the value in a pickle of any protocol. Executes nothing.
///
/// # Errors
/// If the bytes are not a pickle, if a limit or the content forbids reading it, or if it does not hold a `T`.
pub fn from_slice<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Error> {
    from_slice_with(bytes, &Limits::default())
}

/// [`from_slice`] with other limits.
///
/// # Errors
/// As [`from_slice`].
pub fn from_slice_with<'de, T: Deserialize<'de>>(bytes: &'de [u8], limits: &Limits) -> Result<T, Error> {
    let document = Document::read(bytes, limits)?;
    T::deserialize(De::new(&document))
}

/// One value of a document.
#[derive(Clone, Copy)]
pub(crate) struct De<'a, 'de> {
    document: &'a Document<'de>,
    item: Item<'de>,
    root: bool,
}

impl<'a, 'de> De<'a, 'de> {
    #[inline]
    pub(crate) fn new(document: &'a Document<'de>) -> Self {
        Self { document, item: document.root, root: true }
    }

    #[inline]
    fn inner(self, item: &Item<'de>) -> Self {
        Self { document: self.document, item: *item, root: false }
    }

    #[inline]
    fn elements(self, node: u32) -> Elements<'a, 'de> {
        let left = self.document.arena.items(node);
        Elements { of: self, len: left.len(), left, value: None }
    }

    fn seq<V: Visitor<'de>>(self, node: u32, visitor: V) -> Result<V::Value, Error> {
        let mut elements = self.elements(node);
        let value = visitor.visit_seq(&mut elements)?;
        elements.end().map(|()| value)
    }

    fn map<V: Visitor<'de>>(self, node: u32, visitor: V) -> Result<V::Value, Error> {
        let mut entries = self.elements(node);
        let value = visitor.visit_map(&mut entries)?;
        entries.end().map(|()| value)
    }

    fn integer<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Some(n) = big_integer(&self.item) else { return visitor.visit_unit() };
        if let Ok(n) = i64::try_from(&n) {
            visitor.visit_i64(n)
        } else if let Ok(n) = u64::try_from(&n) {
            visitor.visit_u64(n)
        } else if let Ok(n) = i128::try_from(&n) {
            visitor.visit_i128(n).map_err(wide)
        } else if let Ok(n) = u128::try_from(&n) {
            visitor.visit_u128(n).map_err(wide)
        } else {
            Err(Error::found(messages::LARGE, &visitor))
        }
    }

    fn object<V: Visitor<'de>>(self, row: u32, visitor: V) -> Result<V::Value, Error> {
        let arena = &self.document.arena;
        match arena.typed(row) {
            Typed::Date(date) => visitor.visit_string(date.to_string()),
            // Read as text, it would be an hour off.
            Typed::Time(time) | Typed::DateTime(DateTime { time, .. }) if is_second_of_two(&time) => {
                Err(Error::found(messages::FOLD, &visitor))
            }
            Typed::Time(time) => visitor.visit_string(time.to_string()),
            Typed::DateTime(time) => visitor.visit_string(time.to_string()),
            Typed::TimeDelta(delta) => visitor.visit_string(delta.to_string()),
            Typed::TimeZone(zone) => visitor.visit_string(zone.to_string()),
            Typed::Decimal(digits) => visitor.visit_str(digits),
            Typed::Uuid(uuid) => visitor.visit_str(&hyphenated(uuid)),
            Typed::Bytes(bytes) | Typed::ByteArray(bytes) => visitor.visit_bytes(&bytes),
            Typed::Set(None) | Typed::FrozenSet(None) => {
                visitor.visit_seq(SeqDeserializer::new(NOTHING.iter().copied()))
            }
            Typed::Set(Some(node)) | Typed::FrozenSet(Some(node)) => self.seq(node, visitor),
            Typed::Opaque => Err(Error::found(messages::OBJECT, &visitor)),
        }
    }

    /// Returns bytes if they stand for a sequence of numbers.
    fn bytes(self) -> Option<std::borrow::Cow<'a, [u8]>> {
        let arena = &self.document.arena;
        match self.item {
            Item::ByteArray(bytes) => Some(bytes.into()),
            Item::Object(row) => match arena.typed(row) {
                Typed::Bytes(bytes) | Typed::ByteArray(bytes) => Some(bytes),
                _ => None,
            },
            ref item => arena.bytes(item),
        }
    }
}

/// Turns a type's error about an integer beyond 64 bits into this crate's reason, since the type's own words are
/// left out.
fn wide(error: Error) -> Error {
    if error.to_string() == Flaw::UNREAD.what { Flaw::WIDE.into() } else { error }
}

const NOTHING: [u8; 0] = [];

/// Whether only the fold tells which of two times this is: when a clock is set back, both have the same hour.
fn is_second_of_two(time: &Time) -> bool {
    time.fold() && matches!(time.zone(), Some(TimeZone::Named(_)))
}

/// The usual form of a UUID.
fn hyphenated(uuid: [u8; 16]) -> String {
    let digits = format!("{:032x}", u128::from_be_bytes(uuid));
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| digits.get(part).unwrap_or_default());
    parts.join("-")
}

impl<'de> Deserializer<'de> for De<'_, 'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let arena = &self.document.arena;
        match self.item {
            Item::None => visitor.visit_unit(),
            Item::Bool(bool) => visitor.visit_bool(bool),
            Item::Int(n) => visitor.visit_i64(n),
            Item::Float(number) => visitor.visit_f64(number),
            Item::Long(_) | Item::LongText(_) => self.integer(visitor),
            Item::Str(text) => visitor.visit_borrowed_str(text),
            Item::Unescaped { .. } => visitor.visit_str(arena.str(&self.item).unwrap_or_default()),
            Item::Bytes(bytes) | Item::ByteArray(bytes) => visitor.visit_borrowed_bytes(bytes),
            Item::List(node) | Item::Tuple(node) | Item::Set(node) | Item::FrozenSet(node) => {
                self.seq(node, visitor)
            }
            Item::Dict(node) => self.map(node, visitor),
            Item::Class(_) => Err(Error::found(messages::CLASS, &visitor)),
            Item::Object(row) => self.object(row, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if matches!(self.item, Item::None) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name != value::NAME {
            return visitor.visit_newtype_struct(self);
        }
        if self.root {
            return visitor.visit_enum(Pickled(self.document.input));
        }
        match self.item {
            Item::None | Item::Bool(_) | Item::Int(_) | Item::Float(_) | Item::Str(_) | Item::Bytes(_) => {
                self.deserialize_any(visitor)
            }
            _ => {
                let pickle = value::unlimited(&self.document.arena, self.item)?;
                visitor.visit_enum(Pickled(&pickle))
            }
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.item {
            Item::Dict(node) if self.document.arena.len(node) == 2 => {
                let mut items = self.document.arena.items(node);
                let (Some(name), Some(content)) = (items.next(), items.next()) else {
                    return Err(Error::found("map", &visitor));
                };
                visitor.visit_enum(Variant { name: self.inner(name), content: Some(self.inner(content)) })
            }
            Item::Str(_) | Item::Unescaped { .. } => {
                visitor.visit_enum(Variant { name: self, content: None })
            }
            Item::Dict(_) => Err(Error::found("map", &"an enum: text, or a map of one key")),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.bytes() {
            Some(bytes) => {
                let mut numbers = SeqDeserializer::new(bytes.iter().copied());
                let value = visitor.visit_seq(&mut numbers)?;
                numbers.end().map(|()| value)
            }
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if let Item::Object(row) = self.item
            && let Typed::Uuid(uuid) = self.document.arena.typed(row)
        {
            return visitor.visit_bytes(&uuid);
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_string(visitor)
    }

    /// Bytes are not text: a `String` would accept them if they happen to be UTF-8.
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.bytes() {
            Some(_) => Err(Error::found("byte array", &visitor)),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn is_human_readable(&self) -> bool {
        true
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char unit unit_struct map struct identifier
    }
}

/// The values of a sequence, or the keys and values of a map in turn.
struct Elements<'a, 'de> {
    of: De<'a, 'de>,
    left: Items<'a, 'de>,
    len: usize,
    /// The value of the key that was read last.
    value: Option<&'a Item<'de>>,
}

impl Elements<'_, '_> {
    /// Refuses values that nothing has read.
    fn end(&self) -> Result<(), Error> {
        match self.left.len() {
            0 => Ok(()),
            _ => Err(Error::invalid_length(self.len, &"fewer values")),
        }
    }
}

impl<'de> SeqAccess<'de> for &mut Elements<'_, 'de> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        self.left.next().map(|item| seed.deserialize(self.of.inner(item))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

impl<'de> MapAccess<'de> for &mut Elements<'_, 'de> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let Some(key) = self.left.next() else { return Ok(None) };
        self.value = self.left.next();
        seed.deserialize(self.of.inner(key)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let value = self.value.take().copied().unwrap_or(Item::None);
        seed.deserialize(self.of.inner(&value))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len() / 2)
    }
}

/// An enum's variant, as `serde_json` has it: text, or a dict of one key.
struct Variant<'a, 'de> {
    name: De<'a, 'de>,
    content: Option<De<'a, 'de>>,
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        Ok((seed.deserialize(self.name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        self.content.map_or(Ok(()), Deserialize::deserialize)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        match self.content {
            Some(content) => seed.deserialize(content),
            None => Err(Error::found("unit variant", &"newtype variant")),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        match self.content {
            Some(content) => content.deserialize_seq(visitor),
            None => Err(Error::found("unit variant", &"tuple variant")),
        }
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.content {
            Some(content) => content.deserialize_any(visitor),
            None => Err(Error::found("unit variant", &"struct variant")),
        }
    }
}

/// A whole pickle, for a [`Value`](crate::Value).
struct Pickled<'a>(&'a [u8]);

impl<'de> EnumAccess<'de> for Pickled<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        Ok((seed.deserialize(UnitDeserializer::<Error>::new())?, self))
    }
}

impl<'de> VariantAccess<'de> for Pickled<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(BytesDeserializer::new(self.0))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bytes(self.0)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_bytes(self.0)
    }
}
