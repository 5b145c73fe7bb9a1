//! [`Row`]: the columns of an entry in this crate's own layout.

use cache_core::{Bytes, Payload};
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::sum::KeySum;

/// An entry as it is stored, but for its key and its sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Row<'a> {
    pub(crate) kind: u8,
    pub(crate) codec: u8,
    pub(crate) expires: Option<i64>,
    pub(crate) value: Value<'a>,
}

/// The column `value`: a number where the kind is 0, bytes otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Integer(i64),
    Bytes(&'a [u8]),
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Integer(n) => ValueRef::Integer(*n),
            Self::Bytes(data) => ValueRef::Blob(data),
        }))
    }
}

impl<'a> Row<'a> {
    pub(crate) fn new(payload: &'a Payload, expires: Option<i64>) -> Self {
        let (kind, codec) = payload.tags();
        let value = match payload {
            Payload::Int(n) => Value::Integer(*n),
            other => Value::Bytes(other.bytes()),
        };
        Self { kind: kind as u8, codec: codec.0, expires, value }
    }

    /// What the columns `kind`, `codec`, `expires`, `sum` and `value` hold; `None` where it is damaged, or
    /// the row of another key.
    pub(crate) fn read(columns: [ValueRef<'a>; 5], key: KeySum) -> Option<Self> {
        let [kind, codec, expires, sum, value] = columns;
        let (row, sum) = (Self::of_columns(kind, codec, expires, value)?, number(sum)?);
        (row.sum(key) == sum).then_some(row)
    }

    fn of_columns(
        kind: ValueRef<'a>,
        codec: ValueRef<'a>,
        expires: ValueRef<'a>,
        value: ValueRef<'a>,
    ) -> Option<Self> {
        let small = |column| number(column).and_then(|n| u8::try_from(n).ok());
        let (kind, codec) = (small(kind)?, small(codec)?);
        let value = match (kind, value) {
            (0, ValueRef::Integer(n)) => Value::Integer(n),
            (1.., ValueRef::Blob(data)) => Value::Bytes(data),
            _ => return None,
        };
        let expires = match expires {
            ValueRef::Null => None,
            other => Some(number(other)?),
        };
        Some(Self { kind, codec, expires, value })
    }

    /// What the column `sum` of this row has to be under a key.
    pub(crate) fn sum(&self, key: KeySum) -> i64 {
        let low = match self.value {
            Value::Integer(n) => key.of_integer(n),
            Value::Bytes(data) => key.of_data(self.kind, self.codec, data),
        };
        key.of_expiry(self.expires) | low
    }

    /// The value; `None` for a kind that is none, and text that is none, whose writer was not this crate.
    pub(crate) fn payload(&self) -> Option<Payload> {
        match self.value {
            Value::Integer(n) => Some(Payload::Int(n)),
            Value::Bytes(data) => {
                let payload = Payload::from_parts(self.kind, self.codec, Bytes::copy_from_slice(data))?;
                let is_text = matches!(payload, Payload::Text(_));
                (!is_text || std::str::from_utf8(data).is_ok()).then_some(payload)
            }
        }
    }
}

fn number(column: ValueRef<'_>) -> Option<i64> {
    column.as_i64().ok()
}

#[cfg(test)]
mod fuzz;
