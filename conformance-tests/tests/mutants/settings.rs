//! Bugs of the handle: wrong settings that every cache of the suite gets.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache_core::django::default_key_func;
use cache_core::{BaseCache, CacheBuilder, Codec, CodecError, CodecId, MessagePack, Visit};
use serde::Serialize as _;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

use crate::bug::Bug;
use crate::keys::TAG;

/// What is wrong with the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Setting {
    /// The key's length is counted in characters.
    LengthInCharacters,
    /// A prefix that reads as a version is taken.
    AnyPrefix,
    VersionIgnored,
    PrefixIgnored,
    VersionBeforePrefix,
    VersionIn32Bits,
    TimeoutIgnored,
    /// Every call has a tag of its own on its key, which the store takes off again: all find the
    /// same entry, and nobody the computation of another.
    NoSingleFlight,
    /// What the codec cannot write becomes a null.
    UnserialisableBecomesNull,
    /// Floats are written with fifteen digits.
    FifteenDigits,
    /// The codec is `serde_json` as it is: NaN becomes a null, and a large integer a float.
    JsonAsItIs,
}

static CALLS: AtomicU64 = AtomicU64::new(0);

impl Setting {
    /// What is wrong with the store, for the setting to have its effect.
    pub(crate) const fn store(self) -> Bug {
        match self {
            Self::NoSingleFlight => Bug::TagsTakenOff,
            _ => Bug::None,
        }
    }
}

type Builder = CacheBuilder<dyn BaseCache>;

/// The builder, with the wrong setting.
pub(crate) fn misconfigure(setting: Setting, builder: Builder) -> Builder {
    let keys = |builder: Builder, make: fn(&str, &str, i64) -> String| {
        builder.key_function(move |key, prefix, version| Ok(make(key, prefix, version)))
    };
    match setting {
        // One byte for each character: memcached's rules then see a short key.
        Setting::LengthInCharacters => keys(builder, |key, prefix, version| {
            let key: String = key.chars().map(|c| if c.is_ascii() { c } else { 'x' }).collect();
            default_key_func(&key, prefix, version)
        }),
        Setting::AnyPrefix => keys(builder, default_key_func),
        Setting::VersionIgnored => keys(builder, |key, prefix, _| default_key_func(key, prefix, 1)),
        Setting::PrefixIgnored => keys(builder, |key, _, version| default_key_func(key, "", version)),
        Setting::VersionBeforePrefix => {
            keys(builder, |key, prefix, version| format!("{version}:{prefix}:{key}"))
        }
        Setting::VersionIn32Bits => {
            keys(builder, |key, prefix, version| default_key_func(key, prefix, i64::from(version as i32)))
        }
        Setting::TimeoutIgnored => builder.timeout(Duration::from_secs(3)),
        Setting::NoSingleFlight => keys(builder, |key, prefix, version| {
            let tag = CALLS.fetch_add(1, Ordering::Relaxed);
            format!("{}{TAG}{tag}", default_key_func(key, prefix, version))
        }),
        Setting::UnserialisableBecomesNull => builder.codec(Lenient),
        Setting::FifteenDigits => builder.codec(PlainJson { digits: Some(15) }),
        Setting::JsonAsItIs => builder.codec(PlainJson { digits: None }),
    }
}

/// MessagePack that swallows its errors.
#[derive(Debug)]
struct Lenient;

impl Codec for Lenient {
    fn id(&self) -> CodecId {
        MessagePack.id()
    }

    fn name(&self) -> &'static str {
        "lenient MessagePack"
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, CodecError> {
        MessagePack.encode(value).or_else(|_| MessagePack.encode(&()))
    }

    fn decode(&self, bytes: &[u8], visit: &mut Visit<'_>) -> Result<(), CodecError> {
        MessagePack.decode(bytes, visit)
    }
}

/// JSON without a look at its numbers.
#[derive(Clone, Copy, Debug)]
struct PlainJson {
    /// How many digits of a float are written; all, if `None`.
    digits: Option<usize>,
}

impl Formatter for PlainJson {
    fn write_f64<W: Write + ?Sized>(&mut self, writer: &mut W, number: f64) -> std::io::Result<()> {
        match self.digits {
            Some(digits) => write!(writer, "{number:.*e}", digits - 1),
            None => CompactFormatter.write_f64(writer, number),
        }
    }
}

impl Codec for PlainJson {
    fn id(&self) -> CodecId {
        CodecId(200)
    }

    fn name(&self) -> &'static str {
        "plain JSON"
    }

    fn is_human_readable(&self) -> bool {
        true
    }

    fn encode(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, CodecError> {
        let mut bytes = Vec::new();
        value.serialize(&mut Serializer::with_formatter(&mut bytes, *self))?;
        Ok(bytes)
    }

    fn decode(&self, bytes: &[u8], visit: &mut Visit<'_>) -> Result<(), CodecError> {
        let mut json = serde_json::Deserializer::from_slice(bytes);
        visit(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut json))?;
        Ok(json.end()?)
    }
}
