//! [`Item`]: one value of a document, or the place of its row in the arena.

/// A value. Small ones are here; the rest is a row of one of the arena's tables.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item<'de> {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Two's complement, little-endian; of any length.
    Long(&'de [u8]),
    /// Decimal digits after an optional sign.
    LongText(&'de str),
    Str(&'de str),
    /// Text that had escapes: in the arena's text.
    Unescaped {
        at: u32,
        len: u32,
    },
    Bytes(&'de [u8]),
    ByteArray(&'de [u8]),
    Class(u32),
    List(u32),
    Tuple(u32),
    Dict(u32),
    Set(u32),
    FrozenSet(u32),
    Object(u32),
}

impl Item<'_> {
    /// Whether this is a row of a table that can hold others, and so can be shared.
    #[inline]
    pub(crate) fn is_node(&self) -> bool {
        matches!(
            self,
            Self::List(_)
                | Self::Tuple(_)
                | Self::Dict(_)
                | Self::Set(_)
                | Self::FrozenSet(_)
                | Self::Object(_)
        )
    }

    /// The bytes of text and the like.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        match *self {
            Self::Str(text) | Self::LongText(text) => text.len(),
            Self::Unescaped { len, .. } => len as usize,
            Self::Bytes(bytes) | Self::ByteArray(bytes) | Self::Long(bytes) => bytes.len(),
            _ => 0,
        }
    }
}
