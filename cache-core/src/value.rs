//! Between a typed value and a [`Payload`]: integers, text and bytes by themselves, the rest
//! through the cache's codec.

mod plain;
mod probe;

use std::any::type_name;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserializer, Serialize, Serializer};

use crate::codec::{self, Codec, CodecError, Distinct, Exact, PublicError, without_value};
use crate::error::{Error, ErrorKind, Result};
use crate::payload::{CodecId, Payload};
use plain::{Form, Plain, Text};
use probe::{NotPlain, Probe};

/// The codec that writes, and the codecs that are read as well.
#[derive(Debug)]
pub(crate) struct Codecs {
    pub(crate) write: Arc<dyn Codec>,
    pub(crate) also_decode: Vec<Arc<dyn Codec>>,
    /// Whether the store keeps text and bytes apart from encoded values.
    pub(crate) preserves_type_tags: bool,
}

impl Codecs {
    /// The payload of `value`. Text is copied; a struct goes through the codec.
    pub(crate) fn encode<T: Serialize + ?Sized>(&self, value: &T) -> Result<Payload> {
        let probe = Probe { human_readable: self.write.is_human_readable() };
        match value.serialize(probe) {
            Ok(Payload::Int(n)) => return Ok(Payload::Int(n)),
            Ok(plain) if self.preserves_type_tags => return Ok(plain),
            Ok(_) | Err(NotPlain) => {}
        }
        match codec::encode(&*self.write, value) {
            Ok(bytes) => Ok(Payload::Encoded(self.write.id(), bytes.into())),
            Err(e) => {
                let mut what = format!("a {} cannot be written as {}", type_name::<T>(), self.write.name());
                if e.is::<PublicError>() {
                    what = format!("{what}: {e}");
                }
                Err(Error::new(ErrorKind::Encode, what).with_source(e))
            }
        }
    }

    /// The payload of bytes that need no codec, where the store can say so.
    pub(crate) fn encode_bytes(&self, bytes: Bytes) -> Result<Payload> {
        if self.preserves_type_tags { Ok(Payload::Bytes(bytes)) } else { self.encode(&AsBytes(&bytes)) }
    }

    /// The value in `payload`, which was found under `key`. Text becomes a `String` without a copy where nobody else
    /// holds it.
    pub(crate) fn decode<T: DeserializeOwned>(&self, key: &str, payload: Payload) -> Result<T> {
        match payload {
            Payload::Encoded(id, bytes) => self.decode_encoded(key, id, &bytes),
            Payload::Int(n) => self.decode_plain(key, Form::Int(n)),
            Payload::Bytes(bytes) => self.decode_plain(key, Form::Bytes(&bytes)),
            Payload::Text(text) => self.decode_plain(key, Form::Text(&Text::new(text))),
        }
    }

    fn decode_plain<T: DeserializeOwned>(&self, key: &str, form: Form<'_>) -> Result<T> {
        let human_readable = self.write.is_human_readable();
        let read =
            |human_readable| T::deserialize(Exact { inner: Plain { form, human_readable }, rules: Distinct });
        let failed = match read(human_readable) {
            Ok(value) => return Ok(value),
            Err(e) => e,
        };
        // A UUID is text by the one kind of codec and bytes by the other: perhaps it was written
        // before the cache moved from that one to this.
        let human_readable = !human_readable;
        if self.also_decode.iter().any(|codec| codec.is_human_readable() == human_readable)
            && let Ok(value) = read(human_readable)
        {
            return Ok(value);
        }
        Err(wrong_type::<T>(key, &failed.to_string()))
    }

    fn decode_encoded<T: DeserializeOwned>(&self, key: &str, id: CodecId, bytes: &Bytes) -> Result<T> {
        let mut failed = None;
        for codec in std::iter::once(&self.write).chain(&self.also_decode) {
            if id == CodecId::UNKNOWN || id == codec.id() {
                // Where the store keeps kinds, a codec never writes bytes, and what looks like bytes is a
                // number too large for the rest.
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
        if id == CodecId::UNKNOWN
            && failed.is_some()
            && let Some(digits) = codec::large_integer(bytes)
        {
            return self.decode_large(key, digits);
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
                    "codec {}{name} wrote the value, and this cache does not read it: add it with also_decode",
                    id.0
                );
                Error::new(ErrorKind::Decode, what).with_key(key)
            }
        })
    }

    /// An integer that another program stored as digits, where no codec read it as one.
    fn decode_large<T: DeserializeOwned>(&self, key: &str, digits: &str) -> Result<T> {
        let human_readable = self.write.is_human_readable();
        // serde's words would quote it.
        let digits = Plain { form: Form::Digits(digits), human_readable };
        T::deserialize(Exact { inner: digits, rules: Distinct })
            .map_err(|_| unreadable::<T>(key, LARGE_INTEGER))
    }

    fn reads(&self, id: CodecId) -> bool {
        std::iter::once(&self.write).chain(&self.also_decode).any(|codec| codec.id() == id)
    }

    /// The bytes in `payload`, without a copy.
    pub(crate) fn decode_bytes(&self, key: &str, payload: Payload) -> Result<Bytes> {
        match payload {
            Payload::Bytes(bytes) | Payload::Text(bytes) => Ok(bytes),
            Payload::Encoded(..) if !self.preserves_type_tags => {
                self.decode::<OwnedBytes>(key, payload).map(|bytes| Bytes::from(bytes.0))
            }
            Payload::Int(_) => Err(wrong_type::<Bytes>(key, "invalid type: integer, expected bytes")),
            Payload::Encoded(..) => Err(wrong_type::<Bytes>(key, "invalid type: something, expected bytes")),
        }
    }
}

const LARGE_INTEGER: &str = "it is an integer beyond an i64, which another program stored: read it as a u64, i128 or u128, \
                             or as cache_pickle's Value with codec = \"pickle\"; `cachectl decode` shows it";

fn wrong_type<T>(key: &str, serde_says: &str) -> Error {
    unreadable::<T>(key, &without_value(serde_says))
}

/// What a codec says, as far as it holds no value.
fn refused<T>(key: &str, e: &CodecError) -> Error {
    if e.is::<PublicError>() {
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

#[cfg(all(test, feature = "json"))]
mod fuzz;

#[cfg(all(test, feature = "json"))]
mod tests {
    use serde::de::Error as _;

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
            let codecs = Codecs { write: codec, also_decode: vec![], preserves_type_tags: true };
            let payload = Payload::Encoded(CodecId::UNKNOWN, Bytes::from_static(bytes));
            codecs.decode::<Vec<u8>>("k", payload).unwrap_err().to_string()
        };
        let refusing = Failing(|| PublicError::new("it nests deeper than 200 levels").into());
        let error = says(Arc::new(refusing), b"");
        assert!(
            error.contains("cannot be read as alloc::vec::Vec<u8>: it nests deeper than 200 levels"),
            "{error}"
        );
        let error = says(Arc::new(Failing(|| "hunter2 is not a colour".into())), b"");
        assert!(
            error.contains("the bytes do not hold such a value") && !error.contains("hunter2"),
            "{error}"
        );
        #[cfg(feature = "zlib")]
        {
            let error = says(Arc::new(crate::Zlib::new(Json)), b"\x78\x9c damaged");
            assert!(error.contains("the compressed value is damaged"), "{error}");
        }
    }

    #[test]
    fn a_store_without_kinds_tells_bytes_from_text_and_from_large_numbers() {
        let codecs = Codecs { write: Arc::new(MessagePack), also_decode: vec![], preserves_type_tags: false };
        let stored = |payload| match payload {
            Payload::Encoded(_, bytes) => Payload::Encoded(CodecId::UNKNOWN, bytes),
            other => other,
        };
        for n in [i128::MIN, i128::MAX] {
            let payload = stored(codecs.encode(&n).unwrap());
            assert_eq!(codecs.decode::<i128>("k", payload.clone()).unwrap(), n);
            assert_eq!(codecs.decode::<Option<i128>>("k", payload.clone()).unwrap(), Some(n));
            assert!(codecs.decode::<String>("k", payload.clone()).is_err());
        }
        let payload = stored(codecs.encode(&u128::MAX).unwrap());
        assert_eq!(codecs.decode::<u128>("k", payload).unwrap(), u128::MAX);
        let payload = stored(codecs.encode_bytes(Bytes::from_static(b"text")).unwrap());
        assert_eq!(codecs.decode_bytes("k", payload.clone()).unwrap(), "text");
        assert_eq!(codecs.decode::<Vec<u8>>("k", payload.clone()).unwrap(), b"text");
        assert!(codecs.decode::<String>("k", payload.clone()).is_err());
        assert!(codecs.decode::<i128>("k", payload).is_err());
    }

    /// As Redis and memcached keep what Python or another client counted or stored.
    #[test]
    fn digits_beyond_an_i64_are_an_integer_or_an_error_that_says_so() {
        for write in [Arc::new(MessagePack) as Arc<dyn Codec>, Arc::new(Json)] {
            let codecs = Codecs { write, also_decode: vec![], preserves_type_tags: false };
            let stored = |n: &str| Payload::Encoded(CodecId::UNKNOWN, Bytes::copy_from_slice(n.as_bytes()));
            let u64s = [i64::MAX as u64 + 1, u64::MAX];
            for n in u64s {
                assert_eq!(codecs.decode::<u64>("k", stored(&n.to_string())).unwrap(), n);
                assert_eq!(codecs.decode::<i128>("k", stored(&n.to_string())).unwrap(), n.into());
            }
            for n in [i64::MIN as i128 - 1, u64::MAX as i128 + 1, i128::MAX, i128::MIN] {
                let stored = stored(&n.to_string());
                assert_eq!(codecs.decode::<i128>("k", stored.clone()).unwrap(), n);
                assert_eq!(codecs.decode::<Option<i128>>("k", stored.clone()).unwrap(), Some(n));
                for error in [
                    codecs.decode::<i64>("k", stored.clone()).map(drop).unwrap_err(),
                    codecs.decode::<Vec<String>>("k", stored.clone()).map(drop).unwrap_err(),
                    codecs.decode_bytes("k", stored).map(drop).unwrap_err(),
                ] {
                    let text = error.to_string();
                    assert!(
                        text.contains("integer beyond an i64") && text.contains("cachectl decode"),
                        "{text}"
                    );
                    assert!(!text.contains(&n.to_string()), "it shows the value: {text}");
                }
            }
            assert_eq!(codecs.decode::<u128>("k", stored(&u128::MAX.to_string())).unwrap(), u128::MAX);
            let beyond = format!("{}0", u128::MAX);
            let text = codecs.decode::<u128>("k", stored(&beyond)).unwrap_err().to_string();
            assert!(text.contains("cache_pickle's Value"), "{text}");
            // What only begins as digits is something else.
            for other in ["12345678901234567890x", "-", "12.5", "1e30", "0123456789012345678901"] {
                let text = codecs.decode::<bool>("k", stored(other)).unwrap_err().to_string();
                assert!(!text.contains("integer beyond"), "{other}: {text}");
            }
        }
    }

    #[test]
    fn a_codec_that_is_not_read_is_named() {
        let codecs = Codecs { write: Arc::new(MessagePack), also_decode: vec![], preserves_type_tags: true };
        let told = |id, bytes: &'static [u8]| {
            let payload = Payload::Encoded(CodecId(id), Bytes::from_static(bytes));
            codecs.decode::<Vec<u8>>("k", payload).unwrap_err().to_string()
        };
        assert!(told(2, b"[1]").contains("codec 2 (JSON) wrote the value"), "{}", told(2, b"[1]"));
        assert!(told(3, b"").contains("codec 3 (pickle) wrote the value"), "{}", told(3, b""));
        assert!(told(200, b"").contains("codec 200 wrote the value"), "{}", told(200, b""));
    }

    #[test]
    fn a_pickle_is_recognised() {
        let codecs = Codecs { write: Arc::new(MessagePack), also_decode: vec![], preserves_type_tags: false };
        let told = |id, bytes: &'static [u8]| {
            let payload = Payload::Encoded(id, Bytes::from_static(bytes));
            codecs.decode::<Vec<u8>>("k", payload).unwrap_err().to_string()
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
        let codecs =
            |write: Arc<dyn Codec>, also_decode| Codecs { write, also_decode, preserves_type_tags: true };
        let (pack, json): (Arc<dyn Codec>, Arc<dyn Codec>) = (Arc::new(MessagePack), Arc::new(Json));
        for (old, new) in [(&pack, &json), (&json, &pack)] {
            let payload = codecs(Arc::clone(old), vec![]).encode(&Id(7)).unwrap();
            let moved = codecs(Arc::clone(new), vec![Arc::clone(old)]);
            assert_eq!(moved.decode::<Id>("k", payload.clone()).unwrap(), Id(7));
            assert!(codecs(Arc::clone(new), vec![]).decode::<Id>("k", payload).is_err());
        }
    }

    #[test]
    fn a_text_is_taken_as_it_is_by_whoever_wants_to_own_it() {
        let codecs = Codecs { write: Arc::new(MessagePack), also_decode: vec![], preserves_type_tags: true };
        let read =
            |bytes: Bytes| codecs.decode::<Option<String>>("k", Payload::Text(bytes)).unwrap().unwrap();
        let alone = Bytes::from(b"a string in a buffer of its own".to_vec());
        let place = alone.as_ptr();
        let mine = read(alone);
        assert_eq!(mine.as_ptr(), place, "it was copied");
        let shared = Bytes::from(b"a string that a store still holds".to_vec());
        let mine = read(shared.clone());
        assert_eq!(mine.as_bytes(), shared);
        assert_ne!(mine.as_ptr(), shared.as_ptr());
        let part = Bytes::from(vec![b'x'; 64 << 10]).slice(5..105);
        let mine = read(part);
        assert_eq!(mine, "x".repeat(100));
        assert!(mine.capacity() <= 2 * 100 + 64, "{} bytes kept for 100", mine.capacity());
    }

    #[test]
    fn a_text_that_is_no_such_value_or_no_text_is_refused() {
        let (pack, json): (Arc<dyn Codec>, Arc<dyn Codec>) = (Arc::new(MessagePack), Arc::new(Json));
        for (write, also) in [(&pack, &json), (&json, &pack)] {
            let codecs = Codecs {
                write: Arc::clone(write),
                also_decode: vec![Arc::clone(also)],
                preserves_type_tags: true,
            };
            let text = |bytes: &'static [u8]| Payload::Text(Bytes::from_static(bytes));
            assert!(codecs.decode::<Id>("k", text(b"seven")).is_err());
            assert!(codecs.decode::<u8>("k", text(b"7")).is_err());
            for bad in [b"\xff".as_slice(), b"t\xc3"] {
                let told = codecs.decode::<String>("k", text(bad)).unwrap_err();
                assert_eq!(told.kind(), ErrorKind::Decode, "{told}");
                assert!(codecs.decode::<char>("k", text(bad)).is_err());
            }
        }
    }
}
