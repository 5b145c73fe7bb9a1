//! Between a typed value and a [`Payload`]: integers, text and bytes by themselves, the rest
//! through the cache's codec.

use std::any::type_name;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::value::SeqDeserializer;
use serde::de::{DeserializeOwned, Error as _, Unexpected, Visitor};
use serde::ser::Impossible;
use serde::{Deserializer, Serialize, Serializer, forward_to_deserialize_any};

use crate::codec::{self, Codec, CodecError, Refusal, without_value};
use crate::error::{Error, ErrorKind, Result};
use crate::payload::{CodecId, Payload};

/// The codec that writes, and those that are read as well.
#[derive(Debug)]
pub(crate) struct Codecs {
    pub(crate) write: Arc<dyn Codec>,
    pub(crate) read_also: Vec<Arc<dyn Codec>>,
    /// Whether the store keeps text and bytes apart from encoded values.
    pub(crate) keeps_kinds: bool,
}

impl Codecs {
    /// The payload of `value`. Text is copied; a struct goes through the codec.
    pub(crate) fn encode<T: Serialize + ?Sized>(&self, value: &T) -> Result<Payload> {
        let probe = Probe { human_readable: self.write.is_human_readable() };
        match value.serialize(probe) {
            Ok(Payload::Int(n)) => return Ok(Payload::Int(n)),
            Ok(plain) if self.keeps_kinds => return Ok(plain),
            Ok(_) | Err(NotPlain) => {}
        }
        match codec::encode(&*self.write, value) {
            Ok(bytes) => Ok(Payload::Encoded(self.write.id(), bytes.into())),
            Err(e) => {
                let what = format!("a {} cannot be written as {}", type_name::<T>(), self.write.name());
                Err(Error::new(ErrorKind::Encode, what).with_source(e))
            }
        }
    }

    /// The payload of bytes that need no codec, where the store can say so.
    pub(crate) fn encode_bytes(&self, bytes: Bytes) -> Result<Payload> {
        if self.keeps_kinds { Ok(Payload::Bytes(bytes)) } else { self.encode(&AsBytes(&bytes)) }
    }

    /// The value in `payload`, which was found under `key`.
    pub(crate) fn decode<T: DeserializeOwned>(&self, key: &str, payload: &Payload) -> Result<T> {
        let form = match payload {
            Payload::Encoded(id, bytes) => return self.decode_encoded(key, *id, bytes),
            Payload::Int(n) => Form::Int(*n),
            Payload::Bytes(bytes) => Form::Bytes(bytes),
            Payload::Text(text) => match std::str::from_utf8(text) {
                Ok(text) => Form::Text(text),
                Err(_) => return Err(wrong_type::<T>(key, "")),
            },
        };
        self.decode_plain(key, form)
    }

    fn decode_plain<T: DeserializeOwned>(&self, key: &str, form: Form<'_>) -> Result<T> {
        let human_readable = self.write.is_human_readable();
        let failed = match T::deserialize(Plain { form, human_readable }) {
            Ok(value) => return Ok(value),
            Err(e) => e,
        };
        // A UUID is text by the one kind of codec and bytes by the other: perhaps it was written
        // before the cache moved from that one to this.
        let human_readable = !human_readable;
        if self.read_also.iter().any(|codec| codec.is_human_readable() == human_readable)
            && let Ok(value) = T::deserialize(Plain { form, human_readable })
        {
            return Ok(value);
        }
        Err(wrong_type::<T>(key, &failed.to_string()))
    }

    fn decode_encoded<T: DeserializeOwned>(&self, key: &str, id: CodecId, bytes: &Bytes) -> Result<T> {
        let mut failed = None;
        for codec in std::iter::once(&self.write).chain(&self.read_also) {
            if id == CodecId::UNKNOWN || id == codec.id() {
                // Where the store keeps kinds, bytes are no codec's, and what looks like them is
                // a number too large for the rest.
                if id == CodecId::UNKNOWN
                    && codec.is_message_pack()
                    && let Some(inner) = codec::whole_bytes(bytes)
                {
                    return self.decode_plain(key, Form::BytesOrNumber(&inner));
                }
                match codec::decode(&**codec, bytes) {
                    Ok(value) => return Ok(value),
                    Err(e) => failed = failed.or(Some(e)),
                }
            }
        }
        Err(match failed {
            Some(_)
                if id == CodecId::UNKNOWN
                    && codec::looks_like_pickle(bytes)
                    && !self.reads(codec::PICKLE) =>
            {
                unreadable::<T>(key, "it looks like a Python pickle: set codec = \"pickle\"")
            }
            Some(e) => refused::<T>(key, &e),
            None => {
                let name = codec::name_of(id).map(|name| format!(" ({name})")).unwrap_or_default();
                let what = format!(
                    "codec {}{name} wrote the value, and this cache does not read it: add it with read_also",
                    id.0
                );
                Error::new(ErrorKind::Decode, what).with_key(key)
            }
        })
    }

    fn reads(&self, id: CodecId) -> bool {
        std::iter::once(&self.write).chain(&self.read_also).any(|codec| codec.id() == id)
    }

    /// The bytes in `payload`, without a copy.
    pub(crate) fn decode_bytes(&self, key: &str, payload: Payload) -> Result<Bytes> {
        match payload {
            Payload::Bytes(bytes) | Payload::Text(bytes) => Ok(bytes),
            Payload::Encoded(..) if !self.keeps_kinds => {
                self.decode::<OwnedBytes>(key, &payload).map(|bytes| Bytes::from(bytes.0))
            }
            Payload::Int(_) => Err(wrong_type::<Bytes>(key, "invalid type: integer, expected bytes")),
            Payload::Encoded(..) => Err(wrong_type::<Bytes>(key, "invalid type: something, expected bytes")),
        }
    }
}

fn wrong_type<T>(key: &str, serde_says: &str) -> Error {
    unreadable::<T>(key, &without_value(serde_says))
}

/// What a codec says, as far as it holds no value.
fn refused<T>(key: &str, e: &CodecError) -> Error {
    if e.is::<Refusal>() {
        unreadable::<T>(key, &e.to_string())
    } else {
        wrong_type::<T>(key, &e.to_string())
    }
}

fn unreadable<T>(key: &str, why: &str) -> Error {
    Error::new(ErrorKind::Decode, format!("the value cannot be read as {}: {why}", type_name::<T>()))
        .with_key(key)
}

/// Serializes as bytes, which a slice by itself does not.
struct AsBytes<'a>(&'a [u8]);

impl Serialize for AsBytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// Bytes or text as a codec gives them.
struct OwnedBytes(Vec<u8>);

impl<'de> serde::Deserialize<'de> for OwnedBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BytesVisitor;
        impl<'de> Visitor<'de> for BytesVisitor {
            type Value = OwnedBytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<OwnedBytes, E> {
                Ok(OwnedBytes(bytes.to_vec()))
            }
            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<OwnedBytes, E> {
                Ok(OwnedBytes(bytes))
            }
            fn visit_str<E>(self, text: &str) -> Result<OwnedBytes, E> {
                Ok(OwnedBytes(text.as_bytes().to_vec()))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<OwnedBytes, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element()? {
                    bytes.push(byte);
                }
                Ok(OwnedBytes(bytes))
            }
        }
        deserializer.deserialize_byte_buf(BytesVisitor)
    }
}

/// Serializes integers, text and bytes into their own payload, and refuses everything else.
struct Probe {
    human_readable: bool,
}

/// The value is none of a [`Probe`]'s kinds: it takes the codec.
#[derive(Debug)]
struct NotPlain;

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

/// The way back from a [`Probe`]'s payload. Text and bytes are not taken for one another,
/// but bytes are readable as a sequence of `u8`.
#[derive(Clone, Copy)]
struct Plain<'a> {
    form: Form<'a>,
    human_readable: bool,
}

#[derive(Clone, Copy)]
enum Form<'a> {
    Int(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// Bytes as MessagePack has them: sixteen are the form of an `i128` or `u128` too.
    BytesOrNumber(&'a [u8]),
}

impl Plain<'_> {
    fn unexpected<'de, V: Visitor<'de>>(visitor: &V, found: Unexpected<'_>) -> serde::de::value::Error {
        serde::de::value::Error::invalid_type(found, visitor)
    }

    fn sixteen_bytes(&self) -> Option<[u8; 16]> {
        match self.form {
            Form::BytesOrNumber(bytes) => bytes.try_into().ok(),
            _ => None,
        }
    }
}

impl<'de> Deserializer<'de> for Plain<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.form {
            Form::Int(n) => visitor.visit_i64(n),
            Form::Text(text) => visitor.visit_str(text),
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
        self.deserialize_str(visitor)
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
        match self.sixteen_bytes() {
            Some(number) => visitor.visit_i128(i128::from_be_bytes(number)),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.sixteen_bytes() {
            Some(number) => visitor.visit_u128(u128::from_be_bytes(number)),
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

#[cfg(all(test, feature = "json"))]
mod fuzz;

#[cfg(all(test, feature = "json"))]
mod tests {
    use super::*;
    use crate::codec::{Json, MessagePack};

    /// Text for people, bytes for machines: as a UUID.
    #[derive(Debug, PartialEq)]
    struct Id(u8);

    impl Serialize for Id {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            if serializer.is_human_readable() {
                serializer.serialize_str(&self.0.to_string())
            } else {
                serializer.serialize_bytes(&[self.0])
            }
        }
    }

    impl<'de> serde::Deserialize<'de> for Id {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            if deserializer.is_human_readable() {
                let text = String::deserialize(deserializer)?;
                text.parse().map(Self).map_err(D::Error::custom)
            } else {
                let bytes = OwnedBytes::deserialize(deserializer)?.0;
                bytes.first().copied().map(Self).ok_or_else(|| D::Error::custom("empty"))
            }
        }
    }

    /// Fails with what it is given.
    #[derive(Debug)]
    struct Failing(fn() -> CodecError);

    impl Codec for Failing {
        fn id(&self) -> CodecId {
            CodecId(200)
        }
        fn name(&self) -> &'static str {
            "failing"
        }
        fn is_human_readable(&self) -> bool {
            true
        }
        fn encode(&self, _: &dyn erased_serde::Serialize) -> Result<Vec<u8>, CodecError> {
            Err((self.0)())
        }
        fn decode(&self, _: &[u8], _: &mut crate::Visit<'_>) -> Result<(), CodecError> {
            Err((self.0)())
        }
    }

    #[test]
    fn a_refusal_reaches_the_user_and_other_words_do_not() {
        let says = |codec: Arc<dyn Codec>, bytes: &'static [u8]| {
            let codecs = Codecs { write: codec, read_also: vec![], keeps_kinds: true };
            let payload = Payload::Encoded(CodecId::UNKNOWN, Bytes::from_static(bytes));
            codecs.decode::<Vec<u8>>("k", &payload).unwrap_err().to_string()
        };
        let refusing = Failing(|| Refusal::new("it nests deeper than 200 levels").into());
        let error = says(Arc::new(refusing), b"");
        assert!(
            error.contains("cannot be read as alloc::vec::Vec<u8>: it nests deeper than 200 levels"),
            "{error}"
        );
        let error = says(Arc::new(Failing(|| "hunter2 is no colour".into())), b"");
        assert!(
            error.contains("the bytes do not hold such a value") && !error.contains("hunter2"),
            "{error}"
        );
        #[cfg(feature = "zlib")]
        {
            let error = says(Arc::new(crate::Inflate::new(Json)), b"\x78\x9c damaged");
            assert!(error.contains("the compressed value is damaged"), "{error}");
        }
    }

    #[test]
    fn a_store_without_kinds_tells_bytes_from_text_and_from_large_numbers() {
        let codecs = Codecs { write: Arc::new(MessagePack), read_also: vec![], keeps_kinds: false };
        let stored = |payload| match payload {
            Payload::Encoded(_, bytes) => Payload::Encoded(CodecId::UNKNOWN, bytes),
            other => other,
        };
        for n in [i128::MIN, i128::MAX] {
            let payload = stored(codecs.encode(&n).unwrap());
            assert_eq!(codecs.decode::<i128>("k", &payload).unwrap(), n);
            assert_eq!(codecs.decode::<Option<i128>>("k", &payload).unwrap(), Some(n));
            assert!(codecs.decode::<String>("k", &payload).is_err());
        }
        let payload = stored(codecs.encode(&u128::MAX).unwrap());
        assert_eq!(codecs.decode::<u128>("k", &payload).unwrap(), u128::MAX);
        let payload = stored(codecs.encode_bytes(Bytes::from_static(b"text")).unwrap());
        assert_eq!(codecs.decode_bytes("k", payload.clone()).unwrap(), "text");
        assert_eq!(codecs.decode::<Vec<u8>>("k", &payload).unwrap(), b"text");
        assert!(codecs.decode::<String>("k", &payload).is_err());
        assert!(codecs.decode::<i128>("k", &payload).is_err());
    }

    #[test]
    fn a_codec_that_is_not_read_is_named() {
        let codecs = Codecs { write: Arc::new(MessagePack), read_also: vec![], keeps_kinds: true };
        let told = |id, bytes: &'static [u8]| {
            let payload = Payload::Encoded(CodecId(id), Bytes::from_static(bytes));
            codecs.decode::<Vec<u8>>("k", &payload).unwrap_err().to_string()
        };
        assert!(told(2, b"[1]").contains("codec 2 (JSON) wrote the value"), "{}", told(2, b"[1]"));
        assert!(told(3, b"").contains("codec 3 (pickle) wrote the value"), "{}", told(3, b""));
        assert!(told(200, b"").contains("codec 200 wrote the value"), "{}", told(200, b""));
    }

    #[test]
    fn a_pickle_is_recognised() {
        let codecs = Codecs { write: Arc::new(MessagePack), read_also: vec![], keeps_kinds: false };
        let told = |id, bytes: &'static [u8]| {
            let payload = Payload::Encoded(id, Bytes::from_static(bytes));
            codecs.decode::<Vec<u8>>("k", &payload).unwrap_err().to_string()
        };
        // pickle.dumps([1], protocol=2 and 5)
        for pickle in [b"\x80\x02]q\x00K\x01a.".as_slice(), b"\x80\x05\x95\x06\0\0\0\0\0\0\0]\x94K\x01a."] {
            let text = told(CodecId::UNKNOWN, pickle);
            assert!(text.ends_with("it looks like a Python pickle: set codec = \"pickle\""), "{text}");
            assert!(!told(MessagePack.id(), pickle).contains("pickle"), "MessagePack wrote it");
        }
        for other in [b"\x80\x06.".as_slice(), b"\x80\x04", b"\x81\x02."] {
            assert!(!told(CodecId::UNKNOWN, other).contains("pickle"), "{other:?}");
        }
    }

    #[test]
    fn a_plain_value_outlives_a_move_between_codecs() {
        let codecs = |write: Arc<dyn Codec>, read_also| Codecs { write, read_also, keeps_kinds: true };
        let (pack, json): (Arc<dyn Codec>, Arc<dyn Codec>) = (Arc::new(MessagePack), Arc::new(Json));
        for (old, new) in [(&pack, &json), (&json, &pack)] {
            let payload = codecs(Arc::clone(old), vec![]).encode(&Id(7)).unwrap();
            let moved = codecs(Arc::clone(new), vec![Arc::clone(old)]);
            assert_eq!(moved.decode::<Id>("k", &payload).unwrap(), Id(7));
            assert!(codecs(Arc::clone(new), vec![]).decode::<Id>("k", &payload).is_err());
        }
    }
}
