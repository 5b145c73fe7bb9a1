//! [`Payload`]: what a backend stores.

use std::fmt;

use bytes::Bytes;

/// Names the codec that wrote a [`Payload::Encoded`], so that a reader picks the same one.
///
/// Stored beside the bytes where the store has room for it. Numbers below 128 belong to this
/// project: 1 MessagePack, 2 JSON, 3 pickle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CodecId(pub u8);

impl CodecId {
    /// What a store that keeps no codec number returns on reading: the cache's codecs are tried in turn.
    pub const UNKNOWN: Self = Self(0);
}

/// A value as a backend holds it. Integers stay integers, so that a store can count;
/// text and bytes stay as they are; everything else is bytes that a codec wrote.
///
/// Its `Debug` shows the kind and the length, and nothing of the value, which may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Payload {
    /// A signed 64-bit integer: the only kind that `incr` works on.
    Int(i64),
    /// Text in UTF-8.
    Text(Bytes),
    /// Bytes as the caller gave them.
    Bytes(Bytes),
    /// A value in the bytes of the codec named.
    Encoded(CodecId, Bytes),
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(_) => f.write_str("Int(_)"),
            Self::Text(data) => write!(f, "Text({} bytes)", data.len()),
            Self::Bytes(data) => write!(f, "Bytes({} bytes)", data.len()),
            Self::Encoded(codec, data) => write!(f, "Encoded({}, {} bytes)", codec.0, data.len()),
        }
    }
}

/// The kind of a [`Payload`], as a number for a store that keeps it beside the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// [`Payload::Int`], 0.
    Int = 0,
    /// [`Payload::Text`], 1.
    Text = 1,
    /// [`Payload::Bytes`], 2.
    Bytes = 2,
    /// [`Payload::Encoded`], 3.
    Encoded = 3,
}

impl Payload {
    /// Returns the raw bytes, or an empty slice for [`Payload::Int`]. No copy.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Int(_) => &[],
            Self::Text(data) | Self::Bytes(data) | Self::Encoded(_, data) => data,
        }
    }

    /// Returns the kind and the codec number ([`CodecId::UNKNOWN`] if no codec wrote it), for a store that
    /// keeps both beside the bytes. [`Payload::from_parts`] is the inverse.
    #[must_use]
    pub const fn tags(&self) -> (Kind, CodecId) {
        match self {
            Self::Int(_) => (Kind::Int, CodecId::UNKNOWN),
            Self::Text(_) => (Kind::Text, CodecId::UNKNOWN),
            Self::Bytes(_) => (Kind::Bytes, CodecId::UNKNOWN),
            Self::Encoded(codec, _) => (Kind::Encoded, *codec),
        }
    }

    /// Makes a payload that is not an integer from what a store kept: the kind's number, the codec's, the
    /// bytes. Returns `None` for a number that names no such kind: a damaged entry.
    #[must_use]
    pub fn from_parts(kind: u8, codec: u8, data: Bytes) -> Option<Self> {
        match kind {
            1 => Some(Self::Text(data)),
            2 => Some(Self::Bytes(data)),
            3 => Some(Self::Encoded(CodecId(codec), data)),
            _ => None,
        }
    }
}
