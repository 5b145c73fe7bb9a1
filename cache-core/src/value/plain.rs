//! What needs no codec, on its way back out of a [`Payload`](crate::Payload).

use std::cell::Cell;

use bytes::Bytes;
use serde::de::value::{Error, SeqDeserializer};
use serde::de::{Error as _, Unexpected, Visitor};
use serde::{Deserializer, forward_to_deserialize_any};

use crate::codec;

/// The way back from a [`Probe`](super::probe::Probe)'s payload. Text and bytes are not taken for one another,
/// but bytes are readable as a sequence of `u8`.
#[derive(Clone, Copy)]
pub(super) struct Plain<'a> {
    pub(super) form: Form<'a>,
    pub(super) human_readable: bool,
}

#[derive(Clone, Copy)]
pub(super) enum Form<'a> {
    Int(i64),
    /// The decimal digits of an integer beyond `i64`.
    Digits(&'a str),
    Text(&'a Text),
    Bytes(&'a [u8]),
    /// Bytes as MessagePack has them: some are the form of an `i128` or `u128` too.
    BytesOrNumber(&'a [u8]),
}

/// A string that can be read, or taken once by a caller that wants to own it.
pub(super) struct Text(Cell<Option<Bytes>>);

impl Text {
    pub(super) const fn new(bytes: Bytes) -> Self {
        Self(Cell::new(Some(bytes)))
    }

    fn visit<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Error> {
        let bytes = self.held()?;
        let visited = visitor.visit_str(std::str::from_utf8(&bytes).map_err(Error::custom)?);
        self.0.set(Some(bytes));
        visited
    }

    fn visit_owned<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Error> {
        let mut bytes = Vec::from(self.held()?);
        // They may be a small part of what came over a socket.
        if bytes.capacity() > 2 * bytes.len() + 64 {
            bytes.shrink_to_fit();
        }
        visitor.visit_string(String::from_utf8(bytes).map_err(Error::custom)?)
    }

    fn held(&self) -> Result<Bytes, Error> {
        self.0.take().ok_or_else(|| Error::custom("it was taken"))
    }
}

impl Plain<'_> {
    fn unexpected<'de, V: Visitor<'de>>(visitor: &V, found: Unexpected<'_>) -> Error {
        Error::invalid_type(found, visitor)
    }

    fn number<N>(&self, read: fn(&[u8]) -> Option<N>) -> Option<N> {
        match self.form {
            Form::BytesOrNumber(bytes) => read(bytes),
            _ => None,
        }
    }
}

/// In the smallest type that has room for it, as other formats do.
fn visit_digits<'de, V: Visitor<'de>>(digits: &str, visitor: V) -> Result<V::Value, Error> {
    if let Ok(n) = digits.parse() {
        visitor.visit_u64(n)
    } else if let Ok(n) = digits.parse() {
        visitor.visit_i128(n)
    } else if let Ok(n) = digits.parse() {
        visitor.visit_u128(n)
    } else {
        Err(Plain::unexpected(&visitor, Unexpected::Other("integer")))
    }
}

impl<'de> Deserializer<'de> for Plain<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.form {
            Form::Int(n) => visitor.visit_i64(n),
            Form::Digits(digits) => visit_digits(digits, visitor),
            Form::Text(text) => text.visit(visitor),
            Form::Bytes(bytes) | Form::BytesOrNumber(bytes) => visitor.visit_bytes(bytes),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.form {
            Form::Bytes(bytes) | Form::BytesOrNumber(bytes) => {
                visitor.visit_seq(SeqDeserializer::new(bytes.iter().copied()))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.form {
            Form::Bytes(_) | Form::BytesOrNumber(_) => {
                Err(Self::unexpected(&visitor, Unexpected::Bytes(&[])))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.form {
            Form::Text(text) => text.visit_owned(visitor),
            _ => self.deserialize_str(visitor),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.form {
            Form::Text(_) => Err(Self::unexpected(&visitor, Unexpected::Str(""))),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.number(codec::signed) {
            Some(number) => visitor.visit_i128(number),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.number(codec::unsigned) {
            Some(number) => visitor.visit_u128(number),
            None => self.deserialize_any(visitor),
        }
    }

    fn is_human_readable(&self) -> bool {
        self.human_readable
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char unit unit_struct tuple tuple_struct map
        struct enum identifier ignored_any
    }
}
