//! What needs no codec, on its way into a [`Payload`].

use std::fmt;

use bytes::Bytes;
use serde::ser::Impossible;
use serde::{Serialize, Serializer};

use crate::payload::Payload;

/// Serializes integers, text and bytes into their own payload, and refuses everything else.
pub(super) struct Probe {
    pub(super) human_readable: bool,
}

/// The value is none of a [`Probe`]'s kinds: it takes the codec.
#[derive(Debug)]
pub(super) struct NotPlain;

impl fmt::Display for NotPlain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an integer, text or bytes")
    }
}

impl std::error::Error for NotPlain {}

impl serde::ser::Error for NotPlain {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

macro_rules! integers {
    ($($method:ident: $type:ty),*) => {$(
        fn $method(self, n: $type) -> Result<Payload, NotPlain> {
            i64::try_from(n).map(Payload::Int).map_err(|_| NotPlain)
        }
    )*};
}

macro_rules! not_plain {
    ($($method:ident($($arg:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self, $(_: $arg),*) -> Result<$ok, NotPlain> {
            Err(NotPlain)
        }
    )*};
}

impl Serializer for Probe {
    type Ok = Payload;
    type Error = NotPlain;
    type SerializeSeq = Impossible<Payload, NotPlain>;
    type SerializeTuple = Impossible<Payload, NotPlain>;
    type SerializeTupleStruct = Impossible<Payload, NotPlain>;
    type SerializeTupleVariant = Impossible<Payload, NotPlain>;
    type SerializeMap = Impossible<Payload, NotPlain>;
    type SerializeStruct = Impossible<Payload, NotPlain>;
    type SerializeStructVariant = Impossible<Payload, NotPlain>;

    integers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128
    }

    not_plain! {
        serialize_bool(bool) -> Payload;
        serialize_f32(f32) -> Payload;
        serialize_f64(f64) -> Payload;
        serialize_none() -> Payload;
        serialize_unit() -> Payload;
        serialize_unit_struct(&'static str) -> Payload;
        serialize_unit_variant(&'static str, u32, &'static str) -> Payload;
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }

    fn serialize_char(self, c: char) -> Result<Payload, NotPlain> {
        self.serialize_str(c.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<Payload, NotPlain> {
        Ok(Payload::Text(Bytes::copy_from_slice(text.as_bytes())))
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<Payload, NotPlain> {
        Ok(Payload::Bytes(Bytes::copy_from_slice(bytes)))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Payload, NotPlain> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Payload, NotPlain> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Payload, NotPlain> {
        Err(NotPlain)
    }

    fn is_human_readable(&self) -> bool {
        self.human_readable
    }
}
