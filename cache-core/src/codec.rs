//! [`Codec`]: how a value that is not an integer, text or bytes becomes bytes. MessagePack is the default,
//! JSON a choice, and the trait allows others.

mod exact;
mod shape;

use std::error::Error as StdError;
use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::payload::CodecId;
#[cfg(feature = "json")]
use exact::Numbers;
use exact::Packed;
#[cfg(feature = "json")]
pub use exact::json_numbers;
pub(crate) use exact::{Distinct, Exact, signed, unsigned};

/// What a codec fails with. It must not contain any part of a value. The user of the cache sees the message of a
/// [`PublicError`], and of other errors what the [`Cache`](crate::Cache) knows to be free of values.
pub type CodecError = Box<dyn StdError + Send + Sync>;

/// A codec's error whose message contains nothing of a value, such as "it nests too deep". The
/// [`Cache`](crate::Cache) shows the message to its user.
#[derive(Debug)]
pub struct PublicError {
    message: String,
    source: Option<CodecError>,
}

impl PublicError {
    /// Creates an error with this message, which must be the same for every value of its kind.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    /// Sets the error that caused this one, which must not contain any part of a value either.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<CodecError>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for PublicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for PublicError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Reads one value from the given deserializer: the second half of [`Codec::decode`].
pub type Visit<'a> =
    dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> Result<(), erased_serde::Error> + 'a;

/// A value format. It is small on purpose: a number, a name, and the two directions.
///
/// ```
/// use cache_core::{Codec, CodecError, CodecId, Visit, erased_serde};
///
/// /// JSON with line breaks, for people who look into the store.
/// #[derive(Debug)]
/// struct PrettyJson;
///
/// impl Codec for PrettyJson {
///     fn id(&self) -> CodecId { CodecId(200) }
///     fn name(&self) -> &'static str { "pretty JSON" }
///     fn is_human_readable(&self) -> bool { true }
///     fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, CodecError> {
///         Ok(serde_json::to_vec_pretty(value)?)
///     }
///     fn decode(&self, bytes: &[u8], visit: &mut Visit<'_>) -> Result<(), CodecError> {
///         let mut json = serde_json::Deserializer::from_slice(bytes);
///         visit(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut json))?;
///         Ok(json.end()?)
///     }
/// }
/// ```
pub trait Codec: Send + Sync + fmt::Debug {
    /// Returns the number stored beside the bytes. Numbers below 128 belong to this project.
    fn id(&self) -> CodecId;

    /// Returns the name in error messages.
    fn name(&self) -> &'static str;

    /// Returns whether types that have a human-readable form (such as a UUID as text) use it.
    fn is_human_readable(&self) -> bool;

    /// Returns the bytes of `value`.
    ///
    /// # Errors
    /// When the format cannot hold the value.
    fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, CodecError>;

    /// Passes a deserializer over `bytes` to `visit`. Refuses bytes that are left over.
    ///
    /// # Errors
    /// When the bytes are not of this format or `visit` fails. For any bytes, it must not panic, nor allocate
    /// beyond a small multiple of the input.
    fn decode(&self, bytes: &[u8], visit: &mut Visit<'_>) -> Result<(), CodecError>;

    /// True only for [`MessagePack`]: the default codec has a path without dynamic dispatch.
    #[doc(hidden)]
    fn is_message_pack(&self) -> bool {
        false
    }
}

/// MessagePack with named fields: compact, and a field can be added or left out later as in JSON.
/// The default. Every float is kept, NaN and the infinities included. An integer beyond 64 bits is bytes: an
/// `i128` or a `u128` reads it, unless an untagged or a flattened type is around it.
#[derive(Clone, Copy, Debug, Default)]
pub struct MessagePack;

/// Values nested deeper than this are refused on reading, so that no input overflows the stack.
const MAX_DEPTH: usize = 128;

const LEFT_OVER: &str = "bytes are left over after the value";
const CUT_OFF: &str = "an array or a map has fewer elements than it says";
/// As the reader words it.
const TOO_DEEP: &str = "depth limit exceeded";

impl MessagePack {
    fn write<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CodecError> {
        let mut bytes = Vec::with_capacity(128);
        let mut writer = rmp_serde::Serializer::new(&mut bytes).with_struct_map();
        value.serialize(Exact { inner: &mut writer, rules: Packed })?;
        Ok(bytes)
    }

    fn read<T>(
        bytes: &[u8],
        visit: impl FnOnce(
            &mut rmp_serde::Deserializer<rmp_serde::decode::ReadReader<&[u8]>>,
        ) -> Result<T, CodecError>,
    ) -> Result<T, CodecError> {
        shape::check::<MAX_DEPTH>(bytes).map_err(|problem| match problem {
            shape::Problem::TooDeep => TOO_DEEP,
            shape::Problem::CutOff => CUT_OFF,
        })?;
        let mut reader = rmp_serde::Deserializer::new(bytes);
        reader.set_max_depth(MAX_DEPTH);
        let value = visit(&mut reader)?;
        if reader.get_ref().is_empty() { Ok(value) } else { Err(LEFT_OVER.into()) }
    }
}

impl Codec for MessagePack {
    fn id(&self) -> CodecId {
        CodecId(1)
    }

    fn name(&self) -> &'static str {
        "MessagePack"
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, CodecError> {
        Self::write(value)
    }

    fn decode(&self, bytes: &[u8], visit: &mut Visit<'_>) -> Result<(), CodecError> {
        Self::read(bytes, |reader| {
            let exact = Exact { inner: reader, rules: Packed };
            Ok(visit(&mut <dyn erased_serde::Deserializer<'_>>::erase(exact))?)
        })
    }

    fn is_message_pack(&self) -> bool {
        true
    }
}

/// JSON: readable by every language, at about twice the time and size of MessagePack.
/// Map keys must be text or numbers.
///
/// Every number comes back unchanged, or is an error. JSON lacks NaN and the infinities, so they cannot be
/// written, neither alone nor within another value. An integer beyond 64 bits can be read as an `i128` or a
/// `u128`, but not by `serde_json::Value` or by an untagged or flattened type around it. If a reader that goes
/// through `f64` would take an `f32`'s shortest decimal for another `f32`, the `f64` is written.
#[cfg(feature = "json")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

#[cfg(feature = "json")]
impl Codec for Json {
    fn id(&self) -> CodecId {
        CodecId(2)
    }

    fn name(&self) -> &'static str {
        "JSON"
    }

    fn is_human_readable(&self) -> bool {
        true
    }

    fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, CodecError> {
        let mut bytes = Vec::with_capacity(128);
        let mut writer = serde_json::Serializer::new(&mut bytes);
        match value.serialize(Exact { inner: &mut writer, rules: &Numbers::default() }) {
            Ok(()) => Ok(bytes),
            Err(e) if e.to_string().contains(exact::NOT_FINITE) => {
                Err(PublicError::new(exact::NOT_FINITE).into())
            }
            Err(e) => Err(e.into()),
        }
    }

    fn decode(&self, bytes: &[u8], visit: &mut Visit<'_>) -> Result<(), CodecError> {
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let numbers = Numbers::of_text(bytes);
        if numbers.is_empty() {
            visit(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut json))?;
        } else {
            let exact = Exact { inner: &mut json, rules: &numbers };
            visit(&mut <dyn erased_serde::Deserializer<'_>>::erase(exact))?;
        }
        Ok(json.end()?)
    }
}

/// The number of the codec of the crate `cache-pickle`.
pub(crate) const PICKLE: CodecId = CodecId(3);

/// Returns the name of a codec of this project, even one that the program lacks.
pub(crate) const fn name_of(id: CodecId) -> Option<&'static str> {
    match id {
        CodecId(1) => Some("MessagePack"),
        CodecId(2) => Some("JSON"),
        PICKLE => Some("pickle"),
        _ => None,
    }
}

/// Whether the bytes begin and end as a pickle of the protocols 2 to 5 does.
pub(crate) const fn looks_like_pickle(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, 2..=5, .., b'.'])
}

/// Returns the decimal digits if the bytes are nothing but an integer beyond an `i64`. No value in MessagePack looks
/// like that, and in JSON the digits are the integer.
pub(crate) fn large_integer(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_large =
        digits.len() >= 19 && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
    is_large.then_some(text)
}

/// Encodes `value` with `codec`.
pub(crate) fn encode<T: Serialize + ?Sized>(codec: &dyn Codec, value: &T) -> Result<Vec<u8>, CodecError> {
    if codec.is_message_pack() { MessagePack::write(value) } else { codec.encode(&value) }
}

/// Reads the value that `codec` wrote as `bytes`.
pub(crate) fn decode<T: DeserializeOwned>(codec: &dyn Codec, bytes: &[u8]) -> Result<T, CodecError> {
    if codec.is_message_pack() {
        return MessagePack::read(bytes, |reader| {
            Ok(T::deserialize(Exact { inner: reader, rules: Packed })?)
        });
    }
    let mut value = None;
    codec.decode(bytes, &mut |deserializer| {
        value = Some(T::deserialize(Exact { inner: deserializer, rules: Distinct })?);
        Ok(())
    })?;
    value.ok_or_else(|| "the codec read no value".into())
}

/// Returns the bytes of a MessagePack document that consists of bytes alone. Its reader would hand them to a
/// type that asks for text, which a store that keeps bytes apart does not.
pub(crate) fn whole_bytes(data: &Bytes) -> Option<Bytes> {
    let (header, len) = match **data {
        [0xc4, a, ..] => (2, usize::from(a)),
        [0xc5, a, b, ..] => (3, usize::from(u16::from_be_bytes([a, b]))),
        [0xc6, a, b, c, d, ..] => (5, usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?),
        _ => return None,
    };
    (data.len() - header == len).then(|| data.slice(header..))
}

/// Returns a serde error without the value. serde quotes what it found ("invalid type: string \"hunter2\",
/// expected u32"), but a cached value must not reach a log.
pub(crate) fn without_value(message: &str) -> String {
    const FOUND: [&str; 16] = [
        "string",
        "integer",
        "floating point",
        "boolean",
        "character",
        "byte array",
        "unit value",
        "null",
        "Option value",
        "newtype struct",
        "sequence",
        "map",
        "enum",
        "unit variant",
        "newtype variant",
        "tuple variant",
    ];
    if let Some(ours) = exact::WHEN_READ.into_iter().find(|words| message.contains(words)) {
        return ours.to_owned();
    }
    // A JSON number that no float holds.
    if message.starts_with("number out of range") {
        return "found a number that does not fit".to_owned();
    }
    for problem in ["invalid type: ", "invalid value: ", "invalid length "] {
        let Some(found) = message.strip_prefix(problem) else { continue };
        let found = FOUND.into_iter().find(|kind| found.starts_with(kind)).unwrap_or("something else");
        let found = if problem == "invalid value: " {
            format!("{found} that does not fit")
        } else {
            found.to_owned()
        };
        // The type's own words come last, after any value.
        return match message.rsplit_once(", expected ") {
            Some((_, expected)) => {
                let expected = expected.split(" at line ").next().unwrap_or_default();
                format!("found {found}, expected {expected}")
            }
            None => format!("found {found}"),
        };
    }
    if let Some(marker) = message.strip_prefix("wrong msgpack marker ") {
        return format!("found {}", marker_kind(marker));
    }
    if [LEFT_OVER, CUT_OFF, TOO_DEEP].contains(&message) {
        return message.to_owned();
    }
    match message.strip_prefix("missing field `").and_then(|rest| rest.split_once('`')) {
        Some((field, _)) => format!("missing field `{field}`"),
        None => "the bytes do not hold such a value".to_owned(),
    }
}

/// Returns what a MessagePack marker begins, without the number that some markers hold.
fn marker_kind(marker: &str) -> &'static str {
    const KINDS: [(&str, &str); 16] = [
        ("FixStr", "string"),
        ("Str", "string"),
        ("FixMap", "map"),
        ("Map", "map"),
        ("FixArray", "sequence"),
        ("Array", "sequence"),
        ("FixPos", "integer"),
        ("FixNeg", "integer"),
        ("U", "integer"),
        ("I", "integer"),
        ("F32", "floating point"),
        ("F64", "floating point"),
        ("Bin", "byte array"),
        ("Null", "null"),
        ("True", "boolean"),
        ("False", "boolean"),
    ];
    let fitting = KINDS.into_iter().find(|(name, _)| marker.starts_with(name));
    fitting.map_or("something else", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_lose_the_value_and_keep_the_shape() {
        let secret = serde_json::from_str::<u32>("\"hunter2, expected nothing\"").unwrap_err().to_string();
        assert!(secret.contains("hunter2"));
        assert_eq!(without_value(&secret), "found string, expected u32");
        let secret = decode::<u32>(&MessagePack, &MessagePack::write("hunter2").unwrap()).unwrap_err();
        assert_eq!(without_value(&secret.to_string()), "found string");
        let secret = decode::<u32>(&MessagePack, &MessagePack::write(&false).unwrap()).unwrap_err();
        assert_eq!(without_value(&secret.to_string()), "found boolean, expected u32");
        assert_eq!(without_value("wrong msgpack marker FixPos(77)"), "found integer");
        assert_eq!(without_value("wrong msgpack marker FixExt4"), "found something else");
        assert_eq!(
            without_value("invalid value: integer `70000`, expected u8"),
            "found integer that does not fit, expected u8"
        );
        let secret = decode::<String>(&MessagePack, &MessagePack::write(&[77]).unwrap()).unwrap_err();
        assert!(!without_value(&secret.to_string()).contains("77"));
        assert_eq!(without_value(LEFT_OVER), LEFT_OVER);
        assert_eq!(without_value("missing field `name` at line 1"), "missing field `name`");
        assert_eq!(without_value("hunter2 is not a colour"), "the bytes do not hold such a value");
        assert_eq!(without_value("invalid type: hunter2, expected u8"), "found something else, expected u8");
    }

    #[test]
    fn bytes_left_over_are_refused() {
        let mut bytes = MessagePack::write(&(1, 2)).unwrap();
        bytes.push(0);
        assert!(decode::<(u8, u8)>(&MessagePack, &bytes).is_err());
        assert!(decode::<(u8, u8)>(&Json, b"[1,2] 3").is_err());
    }

    #[test]
    fn the_short_way_writes_what_the_trait_writes() {
        let value = (Some("x"), 1.5, [1_u8, 2], None::<()>);
        let through_trait: &dyn Codec = &MessagePack;
        assert_eq!(encode(through_trait, &value).unwrap(), through_trait.encode(&value).unwrap());
    }

    #[test]
    fn bytes_and_nothing_else_are_told_from_the_rest() {
        struct Raw<'a>(&'a [u8]);
        impl Serialize for Raw<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(self.0)
            }
        }
        for len in [0, 1, 255, 256, 65_535, 65_536] {
            let inner = vec![b'7'; len];
            let packed = Bytes::from(MessagePack::write(&Raw(&inner)).unwrap());
            assert_eq!(whole_bytes(&packed).unwrap(), inner);
            assert!(whole_bytes(&packed.slice(..packed.len() - 1)).is_none());
        }
        for other in
            [MessagePack::write("text").unwrap(), MessagePack::write(&[7_u8; 3]).unwrap(), Vec::new()]
        {
            assert!(whole_bytes(&Bytes::from(other)).is_none());
        }
    }

    fn refuses_nesting_on_a_small_stack(codec: impl Codec + 'static, open: u8) {
        let deep = move || decode::<serde_json::Value>(&codec, &vec![open; 1 << 20]).is_err();
        let thread = std::thread::Builder::new().stack_size(KIB * 1024).spawn(deep).unwrap();
        assert!(thread.join().unwrap());
    }

    /// Frames of an unoptimised build are several times as large.
    const KIB: usize = if cfg!(debug_assertions) { 1024 } else { 256 };

    #[test]
    fn deep_message_pack_is_an_error() {
        refuses_nesting_on_a_small_stack(MessagePack, 0x91);
    }

    #[test]
    fn deep_json_is_an_error() {
        refuses_nesting_on_a_small_stack(Json, b'[');
    }
}
